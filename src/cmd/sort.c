/* SPDX-License-Identifier: BSD-3-Clause */
/* SORT and SORT_RO.
 *
 * The elements are copied and given their weights, then put in order; with LIMIT only those that
 * are wanted are, after a selection that takes linear time. Equal elements keep the order in which
 * they were found, so that the result doesn't depend on how the sorting is done. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/sort_pattern.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_zset.h"

struct sort_item {
    struct slice text; /* a NUL follows, as it does the weight */
    union {
        double score;
        struct slice weight; /* ptr NULL: there's none, which comes first */
    } by;
    size_t index; /* as found */
};

struct sort_request {
    bool desc, alpha;
    bool unsorted; /* the elements stay in the order in which they are */
    bool weighed;  /* by what `by` says, else by themselves */
    struct sort_pattern by;
    struct sort_pattern *gets;
    size_t get_count;
    int64_t offset, count; /* count < 0: all that follow */
    int store_arg;         /* 0: the result is replied */
};

/* Texts that are kept until the end, in chunks that don't move. */
struct kept_texts {
    struct kept_texts *next;
    size_t len, cap;
    char data[];
};

struct sort {
    struct call *c;
    struct sort_request request;
    struct kept_texts *texts;
    struct sort_item *items;
    size_t count;
    struct buf name;
};

static struct slice keep(struct sort *s, struct slice text) {
    enum { CHUNK = 16 * 1024 };
    struct kept_texts *chunk = s->texts;
    if (!chunk || chunk->cap - chunk->len <= text.len) {
        size_t cap = text.len < CHUNK ? CHUNK : text.len + 1;
        chunk = mem_alloc(sizeof *chunk + cap);
        *chunk = (struct kept_texts){.next = s->texts, .cap = cap};
        s->texts = chunk;
    }
    char *at = chunk->data + chunk->len;
    slice_put(at, text);
    at[text.len] = '\0';
    chunk->len += text.len + 1;
    return slice_of(at, text.len);
}

static void sort_release(struct sort *s) {
    for (struct kept_texts *next; s->texts; s->texts = next) {
        next = s->texts->next;
        mem_free(s->texts);
    }
    mem_free(s->request.gets);
    mem_free(s->items);
    buf_release(&s->name);
}

/* Arguments. */

/* A cluster's node has the values only if they are in the key's own slot. */
static bool reachable_or_reply(struct call *c, int pattern, const char *option) {
    struct slice text = c->argv[pattern];
    if (!call_in_cluster(c) || !sort_pattern(text).has_star) return true;
    if (slot_of_pattern(text) == (int)slot_of(c->argv[1])) return true;
    reply_errorf(c->reply,
                 "ERR %s option of SORT denied in Cluster mode when keys formed by the pattern may "
                 "be in different slots.",
                 option);
    return false;
}

/* What patterns lead to can't be checked key by key, so it takes the right to read any. */
static bool may_look_up_or_reply(struct call *c, const char *option) {
    const struct acl_user *user = c->session->user;
    if (!user || !user->restricted) return true;
    if (acl_check_reads_any(&user->rights, c->cmd, c->argv, c->argc)) return true;
    reply_errorf(c->reply, "ERR %s option of SORT denied due to insufficient ACL permissions.",
                 option);
    return false;
}

static bool option_or_reply(struct call *c, int *at, bool may_store, struct sort_request *r) {
    int i = *at, left = c->argc - i - 1;
    if (arg_is(c, i, "ASC") || arg_is(c, i, "DESC")) {
        r->desc = arg_is(c, i, "DESC");
    } else if (arg_is(c, i, "ALPHA")) {
        r->alpha = true;
    } else if (arg_is(c, i, "LIMIT") && left >= 2) {
        *at += 2;
        return arg_i64_or_reply(c, i + 1, &r->offset) && arg_i64_or_reply(c, i + 2, &r->count);
    } else if (arg_is(c, i, "STORE") && left >= 1 && may_store) {
        r->store_arg = ++*at;
    } else if (arg_is(c, i, "BY") && left >= 1) {
        r->by = sort_pattern(c->argv[++*at]);
        r->unsorted |= !r->by.has_star;
        r->weighed = true;
        return reachable_or_reply(c, *at, "BY") &&
               (!r->by.has_star || may_look_up_or_reply(c, "BY"));
    } else if (arg_is(c, i, "GET") && left >= 1) {
        r->gets[r->get_count++] = sort_pattern(c->argv[++*at]);
        return reachable_or_reply(c, *at, "GET") && may_look_up_or_reply(c, "GET");
    } else {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return true;
}

static bool request_or_reply(struct call *c, bool may_store, struct sort_request *r) {
    *r = (struct sort_request){.count = -1};
    r->gets = mem_alloc((size_t)c->argc * sizeof *r->gets);
    for (int i = 2; i < c->argc; i++)
        if (!option_or_reply(c, &i, may_store, r)) return false;
    return true;
}

/* Elements. */

static void add_item(struct sort *s, struct slice text) {
    s->items[s->count] = (struct sort_item){.text = keep(s, text), .index = s->count};
    s->count++;
}

/* What has an order keeps it, or turns it round. */
static bool reverses(const struct sort *s) {
    return s->request.unsorted && s->request.desc;
}

static void load_list(struct sort *s, const struct entry *e, size_t from, size_t count) {
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    list_iter_init(&it, e, reverses(s) ? list_count(e) - 1 - from : from, reverses(s));
    while (count-- && list_next(&it, &v)) add_item(s, list_value_text(&v, digits));
    list_iter_end(&it);
}

static void load_set(struct sort *s, const struct entry *e, size_t from, size_t count) {
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    set_iter_init(&it, e);
    for (size_t i = 0; i < from + count && set_iter_next(&it, &m); i++)
        if (i >= from) add_item(s, set_member_text(&m, digits));
}

static void load_zset(struct sort *s, const struct entry *e, size_t from, size_t count) {
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, e, reverses(s) ? zset_count(e) - 1 - from : from, reverses(s));
    while (count-- && zset_iter_next(&it, &item)) add_item(s, item.member);
}

/* The types that can be sorted. `load` adds `count` elements from the one at `from` on, both in
 * range. */
struct sortable {
    size_t (*count)(const struct entry *e);
    void (*load)(struct sort *s, const struct entry *e, size_t from, size_t count);
};

static const struct sortable sortables[TYPE_COUNT] = {
    [TYPE_LIST] = {list_count, load_list},
    [TYPE_SET] = {set_count, load_set},
    [TYPE_ZSET] = {zset_count, load_zset},
};

/* Weights. */

/* As C's strtod reads it, spaces in front included, and "" is 0: so Redis does. */
static bool score_of(struct slice text, double *score) {
    int64_t number;
    if (num_to_i64(text, &number)) {
        *score = (double)number;
        return true;
    }
    char *end;
    errno = 0;
    *score = strtod(text.ptr, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*score);
}

/* False: it has to be a number, and isn't. */
static bool weigh(struct sort *s, struct sort_item *item) {
    const struct sort_request *r = &s->request;
    struct slice weight = item->text;
    if (r->weighed) {
        struct sort_value value;
        bool found = sort_pattern_get(s->c, &r->by, item->text, &s->name, &value);
        weight = found ? keep(s, value.text) : (struct slice){NULL, 0};
    }
    if (r->alpha)
        item->by.weight = weight;
    else if (weight.ptr)
        return score_of(weight, &item->by.score);
    return true;
}

static bool weigh_all_or_reply(struct sort *s) {
    bool valid = true;
    for (size_t i = 0; i < s->count; i++) valid &= weigh(s, &s->items[i]);
    if (!valid) reply_error(s->c->reply, "ERR One or more scores can't be converted into double");
    return valid;
}

/* Order. */

static int compare_weights(struct slice a, struct slice b) {
    if (!a.ptr || !b.ptr) return (a.ptr != NULL) - (b.ptr != NULL);
    return slice_cmp(a, b);
}

static int compare_scores(const struct sort_item *a, const struct sort_item *b) {
    int order = (a->by.score > b->by.score) - (a->by.score < b->by.score);
    return order ? order : slice_cmp(a->text, b->text);
}

static int compare(const void *x, const void *y, void *request) {
    const struct sort_item *a = x, *b = y;
    const struct sort_request *r = request;
    int order = r->alpha ? compare_weights(a->by.weight, b->by.weight) : compare_scores(a, b);
    if (order) return r->desc ? -order : order;
    return (a->index > b->index) - (a->index < b->index);
}

static void swap(struct sort_item *a, struct sort_item *b) {
    struct sort_item was = *a;
    *a = *b;
    *b = was;
}

/* Brings those that come first, `first` of n, to the front (Hoare's selection; the pivot is drawn,
 * so that no order of the input is a bad one). */
static void select_first(struct sort *s, struct sort_item *items, size_t n, size_t first) {
    struct random *rng = &s->c->engine->keyspace.rng;
    while (n > 1 && first > 0 && first < n) {
        swap(&items[0], &items[random_below(rng, n)]);
        size_t less = 0;
        for (size_t i = 1; i < n; i++)
            if (compare(&items[i], &items[0], &s->request) < 0) swap(&items[++less], &items[i]);
        swap(&items[0], &items[less]);
        if (first <= less) {
            n = less;
        } else {
            items += less + 1;
            n -= less + 1;
            first -= less + 1;
        }
    }
}

/* Puts those of the window into their places. */
static void put_in_order(struct sort *s, size_t from, size_t count) {
    if (count == 0) return;
    select_first(s, s->items, s->count, from);
    select_first(s, s->items + from, s->count - from, count);
    qsort_r(s->items + from, count, sizeof *s->items, compare, &s->request);
}

/* Output. */

/* In order of their values texts lie anywhere (measured: an eighth of SORT ... STORE). */
static inline void prefetch_text(const struct sort_item *items, size_t i, size_t count) {
    enum { AHEAD = 8 };
    if (i + AHEAD < count) __builtin_prefetch(items[i + AHEAD].text.ptr);
}

static void reply_items(struct sort *s, const struct sort_item *items, size_t count) {
    const struct sort_request *r = &s->request;
    struct reply *reply = s->c->reply;
    reply_array(reply, count * (r->get_count ? r->get_count : 1));
    for (size_t i = 0; i < count; i++) {
        prefetch_text(items, i, count);
        if (r->get_count == 0) reply_bulk(reply, items[i].text);
        for (size_t g = 0; g < r->get_count; g++) {
            struct sort_value v;
            if (!sort_pattern_get(s->c, &r->gets[g], items[i].text, &s->name, &v))
                reply_null(reply);
            else if (v.bytes)
                reply_bulk_bytes(reply, v.bytes);
            else
                reply_bulk(reply, v.text);
        }
    }
}

static void push(struct sort *s, struct entry *list, struct slice text, struct bytes *bytes) {
    list_expect(list, 1, text.len, call_type_settings(s->c));
    struct deque_item item = list_item(text, bytes);
    list_push(list, &item, false);
}

/* A value that isn't there is stored as an empty one. */
static void store_items(struct sort *s, const struct sort_item *items, size_t count) {
    const struct sort_request *r = &s->request;
    struct key k = call_key(s->c, r->store_arg);
    struct entry *list = type_new(k.name, TYPE_LIST, call_type_settings(s->c));
    for (size_t i = 0; i < count; i++) {
        prefetch_text(items, i, count);
        if (r->get_count == 0) push(s, list, items[i].text, NULL);
        for (size_t g = 0; g < r->get_count; g++) {
            struct sort_value v;
            if (sort_pattern_get(s->c, &r->gets[g], items[i].text, &s->name, &v))
                push(s, list, v.text, v.bytes);
            else
                push(s, list, SLICE(""), NULL);
        }
    }
    size_t stored = list_count(list);
    call_store(s->c, k, list, EVENT_SORTSTORE, stored);
    reply_i64(s->c->reply, (int64_t)stored);
}

/* The part of `total` elements that LIMIT leaves. */
static void window(const struct sort_request *r, size_t total, size_t *from, size_t *count) {
    *from = r->offset < 0 ? 0 : (uint64_t)r->offset < total ? (size_t)r->offset : total;
    *count = total - *from;
    if (r->count >= 0 && (uint64_t)r->count < *count) *count = (size_t)r->count;
}

/* What a set holds has no order of its own; stored, or for a script, it's sorted all the same, as
 * in Redis. */
static void give_order_to_set(const struct call *c, struct sort_request *r, const struct entry *e) {
    if (!r->unsorted || !e || e->type != TYPE_SET) return;
    if (!r->store_arg && !c->session->caller) return;
    r->unsorted = r->weighed = false;
    r->alpha = true;
}

static void sort_entry(struct sort *s, const struct entry *e) {
    struct sort_request *r = &s->request;
    const struct sortable *type = e ? &sortables[e->type] : NULL;
    size_t total = e ? type->count(e) : 0, from, count;
    give_order_to_set(s->c, r, e);
    window(r, total, &from, &count);
    s->items = mem_alloc((r->unsorted ? count : total) * sizeof *s->items);
    if (r->unsorted) {
        if (count) type->load(s, e, from, count);
        from = 0;
    } else if (total) {
        type->load(s, e, 0, total);
        if (!weigh_all_or_reply(s)) return;
        put_in_order(s, from, count);
    }
    if (r->store_arg)
        store_items(s, s->items + from, count);
    else
        reply_items(s, s->items + from, count);
}

static void sort_generic(struct call *c, bool may_store) {
    struct sort s = {.c = c, .name = BUF_INIT};
    if (request_or_reply(c, may_store, &s.request)) {
        const struct entry *e = call_find(c, call_key(c, 1), DB_READ);
        if (e && !sortables[e->type].load)
            reply_error(c->reply, ERR_WRONG_TYPE);
        else
            sort_entry(&s, e);
    }
    sort_release(&s);
}

static void cmd_sort(struct call *c) {
    sort_generic(c, true);
}

static void cmd_sort_ro(struct call *c) {
    sort_generic(c, false);
}

/* The keys that patterns lead to aren't known; of several STOREs the last counts. */
static int sort_keys(const struct slice *argv, int argc, struct key_use *uses) {
    int store = 0;
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "LIMIT"))
            i += 2;
        else if (slice_is(argv[i], "GET") || slice_is(argv[i], "BY"))
            i++;
        else if (slice_is(argv[i], "STORE") && i + 1 < argc)
            store = ++i;
    }
    uses[0] = (struct key_use){1, KEY_RO | KEY_ACCESS};
    if (store) uses[1] = (struct key_use){store, KEY_OW | KEY_UPDATE};
    return store ? 2 : 1;
}

static int sort_ro_keys(const struct slice *argv, int argc, struct key_use *uses) {
    uses[0] = (struct key_use){1, KEY_RO | KEY_ACCESS};
    return 1;
}

#define PATTERN_KEYS                                                                               \
    {                                                                                              \
        .flags = KEY_RO | KEY_ACCESS, .kind = KEYS_UNKNOWN,                                        \
        .notes = "What BY and GET lead to: the names depend on the elements."                      \
    }
#define SORT_COMPLEXITY                                                                            \
    "O(N+M*log(M)), N being the elements and M those that are returned; O(N) if they stay "        \
    "unsorted."
#define SORT_SYNTAX                                                                                \
    "key [BY by-pattern:pattern] [LIMIT offset count] [GET get-pattern:pattern] ... "              \
    "[order:(ASC | DESC)] [sorting:ALPHA]"

const struct command sort_commands[] = {
    {
        .name = "sort",
        .run = cmd_sort,
        .arity = -2,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS),
                 PATTERN_KEYS,
                 {.flags = KEY_OW | KEY_UPDATE,
                  .kind = KEYS_UNKNOWN,
                  .notes = "What STORE names, wherever that stands."}},
        .keys_of = sort_keys,
        .group = "generic",
        .summary = "Sorts a list, a set or a sorted set, and replies or stores the result.",
        .since = "1.0.0",
        .complexity = SORT_COMPLEXITY,
        .syntax = SORT_SYNTAX " [STORE destination]",
    },
    {
        .name = "sort_ro",
        .run = cmd_sort_ro,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), PATTERN_KEYS},
        .keys_of = sort_ro_keys,
        .group = "generic",
        .summary = "Sorts a list, a set or a sorted set, and replies the result.",
        .since = "7.0.0",
        .complexity = SORT_COMPLEXITY,
        .syntax = SORT_SYNTAX,
    },
    {.name = NULL},
};
