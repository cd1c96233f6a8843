/* SPDX-License-Identifier: BSD-3-Clause */
/* Intersections, unions and differences of sets, replied, counted or stored.
 *
 * Tables of one keyspace share their seed, so walking one in order of hash looks into the others in
 * order of memory: cache misses are few, whatever the sizes. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/set_reply.h"
#include "exec/call.h"

enum {
    SETS_AT_HAND = 16,   /* more operands take an allocation */
    UNION_BY_LOOKUP = 4, /* a union of up to so many is replied without making a set of it */
};

/* The sets that a command names. */
struct operands {
    const struct entry **sets; /* NULL: no such key */
    size_t count;
    const struct entry *at_hand[SETS_AT_HAND];
};

static void operands_release(struct operands *o) {
    if (o->sets != o->at_hand) mem_free(o->sets);
}

/* Entries that were found stay where they are until the command writes: a look-up may only delete
 * another key, one that has expired. */
static bool operands_or_reply(struct call *c, int first, size_t count, struct operands *o) {
    o->count = count;
    o->sets = count > SETS_AT_HAND ? mem_alloc(count * sizeof(o->sets[0])) : o->at_hand;
    for (size_t i = 0; i < count; i++) {
        struct entry *e;
        if (!call_find_typed_or_reply(c, call_key(c, first + (int)i), DB_READ, TYPE_SET, &e)) {
            operands_release(o);
            return false;
        }
        o->sets[i] = e;
    }
    return true;
}

static size_t operand_size(const struct operands *o, size_t i) {
    return o->sets[i] ? set_count(o->sets[i]) : 0;
}

static int by_size(const void *a, const void *b) {
    size_t x = set_count(*(const struct entry *const *)a);
    size_t y = set_count(*(const struct entry *const *)b);
    return (x > y) - (x < y);
}

static void drop_missing(struct operands *o) {
    size_t kept = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->sets[i]) o->sets[kept++] = o->sets[i];
    o->count = kept;
}

/* Where the members of a result go: to the reply, into a new set, or only counted. */
struct sink {
    struct call *c;
    bool replies;
    struct entry *store; /* NULL: they aren't stored */
    size_t count, limit; /* limit: nothing is wanted beyond this many */
};

static void sink_put(struct sink *s, const struct set_member *m) {
    if (s->replies) set_reply_member(s->c->reply, m);
    s->count += s->store ? set_add(s->store, m, call_type_settings(s->c)) : 1;
}

static struct entry *new_set(const struct call *c, struct slice key) {
    return type_new(key, TYPE_SET, call_type_settings(c));
}

/* Runs an operation with the members going where the command wants them. */
typedef void operation(struct sink *s, struct operands *o);

static void reply_result(struct call *c, operation *op) {
    struct operands o;
    if (!operands_or_reply(c, 1, (size_t)c->argc - 1, &o)) return;
    struct sink s = {.c = c, .replies = true, .limit = SIZE_MAX};
    struct reply_mark mark = reply_begin(c->reply);
    op(&s, &o);
    reply_end_set(c->reply, mark, s.count);
    operands_release(&o);
}

static void store_result(struct call *c, operation *op, enum db_event event) {
    struct operands o;
    if (!operands_or_reply(c, 2, (size_t)c->argc - 2, &o)) return;
    struct sink s = {.c = c, .store = new_set(c, c->argv[1]), .limit = SIZE_MAX};
    op(&s, &o);
    operands_release(&o);
    call_store(c, call_key(c, 1), s.store, event, 1);
    reply_i64(c->reply, (int64_t)s.count);
}

/* Intersection: the members of the smallest that the others have, too. */

static bool in_all(const struct operands *o, const struct set_member *m) {
    for (size_t i = 1; i < o->count; i++)
        if (!set_has(o->sets[i], m)) return false;
    return true;
}

/* What is stored starts as a listpack, and turns into an intset at the end if it can, unless the
 * smallest set is one: so the encodings are Redis 7.2's. */
static void intersect(struct sink *s, struct operands *o) {
    const struct type_settings *settings = call_type_settings(s->c);
    size_t operands = o->count;
    drop_missing(o);
    if (o->count < operands) return;
    qsort(o->sets, o->count, sizeof(o->sets[0]), by_size);
    bool ints = o->sets[0]->encoding == SET_INTSET;
    if (s->store && !ints) set_start(s->store, SET_LISTPACK, settings);
    struct set_iter it;
    struct set_member m;
    set_iter_init(&it, o->sets[0]);
    while (s->count < s->limit && set_iter_next(&it, &m))
        if (in_all(o, &m)) sink_put(s, &m);
    if (s->store) set_try_intset(s->store, settings);
}

static void cmd_sinter(struct call *c) {
    reply_result(c, intersect);
}

static void cmd_sinterstore(struct call *c) {
    store_result(c, intersect, EVENT_SINTERSTORE);
}

static bool limit_or_reply(struct call *c, int first, size_t *limit) {
    *limit = SIZE_MAX;
    for (int i = first; i < c->argc; i += 2) {
        int64_t number;
        if (!arg_is(c, i, "LIMIT") || i + 1 == c->argc) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (!arg_i64_in_or_reply(c, i + 1, 0, INT64_MAX, "ERR LIMIT can't be negative", &number))
            return false;
        *limit = number ? (size_t)number : SIZE_MAX;
    }
    return true;
}

static void cmd_sintercard(struct call *c) {
    int64_t keys;
    struct sink s = {.c = c};
    struct operands o;
    if (!arg_i64_in_or_reply(c, 1, 1, INT64_MAX, "ERR numkeys should be greater than 0", &keys))
        return;
    if (keys > c->argc - 2) {
        reply_error(c->reply, "ERR Number of keys can't be greater than number of args");
        return;
    }
    if (!limit_or_reply(c, 2 + (int)keys, &s.limit)) return;
    if (!operands_or_reply(c, 2, (size_t)keys, &o)) return;
    intersect(&s, &o);
    operands_release(&o);
    reply_i64(c->reply, (int64_t)s.count);
}

/* Union. */

static bool in_any(const struct operands *o, size_t from, size_t end, const struct set_member *m) {
    for (size_t i = from; i < end; i++)
        if (set_has(o->sets[i], m)) return true;
    return false;
}

static void put_all(struct sink *s, const struct entry *e) {
    struct set_iter it;
    struct set_member m;
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) sink_put(s, &m);
}

/* Of each set what none before it had. */
static void reply_union(struct sink *s, const struct operands *o) {
    for (size_t i = 0; i < o->count; i++) {
        struct set_iter it;
        struct set_member m;
        set_iter_init(&it, o->sets[i]);
        while (set_iter_next(&it, &m))
            if (!in_any(o, 0, i, &m)) sink_put(s, &m);
    }
}

/* A large table is copied as it is, which costs a fraction of adding its members. One that might
 * come out packed isn't. */
static void start_with_largest(struct sink *s, struct operands *o) {
    const struct type_settings *settings = call_type_settings(s->c);
    size_t largest = 0;
    for (size_t i = 1; i < o->count; i++)
        if (set_count(o->sets[i]) > set_count(o->sets[largest])) largest = i;
    const struct entry *e = o->sets[largest];
    size_t count = set_count(e);
    if (!set_table(e) || count <= (uint64_t)settings->set_max_intset_entries ||
        count <= (uint64_t)settings->set_max_listpack_entries)
        return;
    s->count = count;
    struct entry *copy = entry_copy(e, entry_key(s->store));
    entry_free(s->store);
    s->store = copy;
    o->sets[largest] = o->sets[--o->count];
}

static void unite_stored(struct sink *s, struct operands *o) {
    if (o->count) start_with_largest(s, o);
    for (size_t i = 0; i < o->count; i++) put_all(s, o->sets[i]);
}

static void unite(struct sink *s, struct operands *o) {
    drop_missing(o);
    if (s->store) {
        unite_stored(s, o);
    } else if (o->count <= UNION_BY_LOOKUP) {
        reply_union(s, o);
    } else {
        struct sink made = {.c = s->c, .store = new_set(s->c, SLICE(""))};
        unite_stored(&made, o);
        put_all(s, made.store);
        entry_free(made.store);
    }
}

static void cmd_sunion(struct call *c) {
    reply_result(c, unite);
}

static void cmd_sunionstore(struct call *c) {
    store_result(c, unite, EVENT_SUNIONSTORE);
}

/* Difference: the members of the first set that no other has. */

/* The others as one set, if looking into that and making it costs less than looking into each;
 * else NULL. Adding a member costs about as much as three look-ups. */
static struct entry *merged_others(const struct sink *s, struct operands *o) {
    size_t each = o->count - 1, sum = 0;
    for (size_t i = 1; i < o->count; i++) sum += set_count(o->sets[i]);
    double first = (double)set_count(o->sets[0]);
    if (first * (double)each <= first + 3 * (double)sum) return NULL;
    struct sink others = {.c = s->c, .store = new_set(s->c, SLICE(""))};
    for (size_t i = 1; i < o->count; i++) put_all(&others, o->sets[i]);
    return others.store;
}

/* The largest are asked first: they are the likeliest to have it. */
static void subtract(struct sink *s, struct operands *o) {
    if (operand_size(o, 0) == 0) return;
    drop_missing(o);
    qsort(o->sets + 1, o->count - 1, sizeof(o->sets[0]), by_size);
    struct entry *others = merged_others(s, o);
    struct set_iter it;
    struct set_member m;
    set_iter_init(&it, o->sets[0]);
    while (set_iter_next(&it, &m)) {
        bool found = others && set_has(others, &m);
        for (size_t i = o->count; !others && !found && --i > 0;) found = set_has(o->sets[i], &m);
        if (!found) sink_put(s, &m);
    }
    if (others) entry_free(others);
}

static void cmd_sdiff(struct call *c) {
    reply_result(c, subtract);
}

static void cmd_sdiffstore(struct call *c) {
    store_result(c, subtract, EVENT_SDIFFSTORE);
}

#define READING                                                                                    \
    .arity = -2, .flags = CMD_READONLY, .categories = ACL_SET,                                     \
    .keys = {KEYS_FROM(1, -1, 1, KEY_RO | KEY_ACCESS)}, .group = "set", .since = "1.0.0",          \
    .syntax = "key ...", .tips = "nondeterministic_output_order"
#define STORING(destination)                                                                       \
    .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .categories = ACL_SET,                          \
    .keys = {KEY_AT(1, (destination) | KEY_UPDATE), KEYS_FROM(2, -1, 1, KEY_RO | KEY_ACCESS)},     \
    .group = "set", .since = "1.0.0", .syntax = "destination key ..."
#define INTERSECTION "O(N*M), N being the members of the smallest set and M the sets."

const struct command set_algebra_commands[] = {
    {
        .name = "sinter",
        .run = cmd_sinter,
        .summary = "Returns what all of the sets have in common.",
        .complexity = INTERSECTION,
        READING,
    },
    {
        .name = "sinterstore",
        .run = cmd_sinterstore,
        .summary = "Stores what all of the sets have in common.",
        .complexity = INTERSECTION,
        STORING(KEY_RW),
    },
    {
        .name = "sintercard",
        .run = cmd_sintercard,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_SET,
        .keys = {KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .summary = "Counts what all of the sets have in common, up to a limit.",
        .since = "7.0.0",
        .complexity = INTERSECTION,
        .syntax = "numkeys key ... [LIMIT limit:integer]",
    },
    {
        .name = "sunion",
        .run = cmd_sunion,
        .summary = "Returns the members of all of the sets together.",
        .complexity = "O(N) in the members of all sets.",
        READING,
    },
    {
        .name = "sunionstore",
        .run = cmd_sunionstore,
        .summary = "Stores the members of all of the sets together.",
        .complexity = "O(N) in the members of all sets.",
        STORING(KEY_OW),
    },
    {
        .name = "sdiff",
        .run = cmd_sdiff,
        .summary = "Returns the members of the first set that no other has.",
        .complexity = "O(N) in the members of all sets, or O(N*M) in those of the first and the "
                      "number of sets: the lesser.",
        READING,
    },
    {
        .name = "sdiffstore",
        .run = cmd_sdiffstore,
        .summary = "Stores the members of the first set that no other has.",
        .complexity = "O(N) in the members of all sets, or O(N*M) in those of the first and the "
                      "number of sets: the lesser.",
        STORING(KEY_OW),
    },
    {.name = NULL},
};
