/* SPDX-License-Identifier: BSD-3-Clause */
/* Places in sorted sets: what lies in a circle or a box, replied or stored. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/geo_args.h"
#include "cmd/zset_reply.h"

enum query_form { RADIUS, RADIUS_BY_MEMBER, SEARCH, SEARCH_STORE };

struct query {
    enum query_form form;
    bool may_store; /* STORE and STOREDIST are options that name a key */
    const struct entry *e;
    int store_arg; /* the key to store to; 0: none */
    bool stores_distance;
    struct geo_shape shape;
    bool from_member, from_point, by_radius, by_box;
    bool with_distance, with_cell, with_point;
    int order; /* by distance: 1 ascending, -1 descending, 0 as found */
    int64_t count;
    bool any;
};

/* Arguments. */

static bool size_or_reply(struct call *c, int i, const char *error, double *size) {
    if (num_to_double(c->argv[i], size)) return true;
    reply_error(c->reply, error);
    return false;
}

static bool radius_or_reply(struct call *c, int i, struct query *q) {
    struct geo_shape *s = &q->shape;
    if (!size_or_reply(c, i, "ERR need numeric radius", &s->radius)) return false;
    if (s->radius < 0) {
        reply_error(c->reply, "ERR radius cannot be negative");
        return false;
    }
    s->box = false;
    return geo_unit_or_reply(c, i + 1, &s->unit);
}

static bool box_or_reply(struct call *c, int i, struct query *q) {
    struct geo_shape *s = &q->shape;
    if (!size_or_reply(c, i, "ERR need numeric width", &s->width)) return false;
    if (!size_or_reply(c, i + 1, "ERR need numeric height", &s->height)) return false;
    if (s->width < 0 || s->height < 0) {
        reply_error(c->reply, "ERR height or width cannot be negative");
        return false;
    }
    s->box = true;
    return geo_unit_or_reply(c, i + 2, &s->unit);
}

/* Without the key there's no such member, but the arguments are still looked at. */
static bool member_or_reply(struct call *c, int i, struct query *q) {
    if (!q->e || geo_member_point(q->e, c->argv[i], &q->shape.center)) return true;
    reply_error(c->reply, "ERR could not decode requested zset member");
    return false;
}

static bool count_or_reply(struct call *c, int i, struct query *q) {
    if (!arg_i64_or_reply(c, i, &q->count)) return false;
    if (q->count > 0) return true;
    reply_error(c->reply, "ERR COUNT must be > 0");
    return false;
}

/* Options: each of these returns how many arguments the one at i takes, 0 if it's none, -1 if an
 * error was replied. */

static int common_option(struct call *c, struct query *q, int i) {
    if (arg_is(c, i, "WITHDIST"))
        q->with_distance = true;
    else if (arg_is(c, i, "WITHHASH"))
        q->with_cell = true;
    else if (arg_is(c, i, "WITHCOORD"))
        q->with_point = true;
    else if (arg_is(c, i, "ANY"))
        q->any = true;
    else if (arg_is(c, i, "ASC"))
        q->order = 1;
    else if (arg_is(c, i, "DESC"))
        q->order = -1;
    else if (arg_is(c, i, "COUNT") && i + 1 < c->argc)
        return count_or_reply(c, i + 1, q) ? 2 : -1;
    else
        return 0;
    return 1;
}

static int radius_option(struct call *c, struct query *q, int i) {
    bool distance = arg_is(c, i, "STOREDIST");
    if (!q->may_store || i + 1 == c->argc || !(distance || arg_is(c, i, "STORE"))) return 0;
    q->store_arg = i + 1;
    q->stores_distance = distance;
    return 2;
}

static int search_option(struct call *c, struct query *q, int i) {
    int more = c->argc - i - 1;
    if (arg_is(c, i, "FROMMEMBER") && more >= 1 && !q->from_point) {
        q->from_member = true;
        return member_or_reply(c, i + 1, q) ? 2 : -1;
    }
    if (arg_is(c, i, "FROMLONLAT") && more >= 2 && !q->from_member) {
        q->from_point = true;
        return geo_point_or_reply(c, i + 1, &q->shape.center) ? 3 : -1;
    }
    if (arg_is(c, i, "BYRADIUS") && more >= 2 && !q->by_box) {
        q->by_radius = true;
        return radius_or_reply(c, i + 1, q) ? 3 : -1;
    }
    if (arg_is(c, i, "BYBOX") && more >= 3 && !q->by_radius) {
        q->by_box = true;
        return box_or_reply(c, i + 1, q) ? 4 : -1;
    }
    if (q->form == SEARCH_STORE && arg_is(c, i, "STOREDIST")) {
        q->stores_distance = true;
        return 1;
    }
    return 0;
}

static bool options_or_reply(struct call *c, struct query *q, int first) {
    for (int i = first, taken; i < c->argc; i += taken) {
        taken = common_option(c, q, i);
        if (taken == 0) taken = q->form >= SEARCH ? search_option(c, q, i) : radius_option(c, q, i);
        if (taken == 0) reply_error(c->reply, ERR_SYNTAX);
        if (taken <= 0) return false;
    }
    return true;
}

static bool consistent_or_reply(struct call *c, const struct query *q) {
    bool with = q->with_distance || q->with_cell || q->with_point;
    struct slice name = c->argv[0]; /* as it was written */
    if (q->store_arg && with)
        reply_errorf(c->reply,
                     "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     q->form == SEARCH_STORE ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    else if (q->form >= SEARCH && !q->from_member && !q->from_point)
        reply_errorf(c->reply,
                     "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s",
                     (int)name.len, name.ptr);
    else if (q->form >= SEARCH && !q->by_radius && !q->by_box)
        reply_errorf(c->reply, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                     (int)name.len, name.ptr);
    else if (q->any && !q->count)
        reply_error(c->reply, "ERR the ANY argument requires COUNT argument");
    else
        return true;
    return false;
}

/* The arguments at fixed places; returns where options begin, 0 if an error was replied. */
static int fixed_or_reply(struct call *c, struct query *q) {
    if (q->form == RADIUS)
        return geo_point_or_reply(c, 2, &q->shape.center) && radius_or_reply(c, 4, q) ? 6 : 0;
    if (q->form == RADIUS_BY_MEMBER && q->e)
        return member_or_reply(c, 2, q) && radius_or_reply(c, 3, q) ? 5 : 0;
    return q->form == RADIUS_BY_MEMBER ? 5 : q->form == SEARCH ? 2 : 3;
}

/* Searching. */

struct found {
    size_t rank;
    double score, distance;
    size_t nth; /* equally far ones stay in the order in which they were found */
};

struct found_list {
    struct found *items;
    size_t len, cap;
};

static void found_add(struct found_list *list, struct found f) {
    if (list->len == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 32;
        list->items = mem_realloc(list->items, list->cap * sizeof *list->items);
    }
    f.nth = list->len;
    list->items[list->len++] = f;
}

/* Ends early when there are `limit` of them. */
static void search_range(const struct query *q, struct geo_range range, size_t limit,
                         struct found_list *list) {
    size_t rank = zset_before_score(q->e, range.from, false);
    size_t end = zset_before_score(q->e, range.to, false);
    struct zset_iter it;
    struct zset_item item;
    if (rank >= end) return;
    zset_iter_init(&it, q->e, rank, false);
    for (; rank < end && list->len < limit && zset_iter_next(&it, &item); rank++) {
        struct found f = {.rank = rank, .score = item.score};
        if (geo_shape_has(&q->shape, geo_score_point(item.score), &f.distance)) found_add(list, f);
    }
}

static int nearer(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->nth < y->nth ? -1 : 1;
}

static int farther(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->distance != y->distance) return x->distance > y->distance ? -1 : 1;
    return x->nth < y->nth ? -1 : 1;
}

/* Without an order COUNT means the nearest, unless any will do. */
static struct found_list search(const struct query *q) {
    struct found_list list = {0};
    struct geo_range ranges[GEO_CELLS];
    size_t count = geo_cover(&q->shape, ranges), limit = SIZE_MAX;
    if (q->any) limit = (size_t)q->count;
    for (size_t i = 0; i < count && list.len < limit; i++) search_range(q, ranges[i], limit, &list);
    int order = q->order;
    if (order == 0 && q->count && !q->any) order = 1;
    if (order && list.len)
        qsort(list.items, list.len, sizeof *list.items, order > 0 ? nearer : farther);
    if (q->count && list.len > (size_t)q->count) list.len = (size_t)q->count;
    return list;
}

/* Results. */

static struct slice member_at(const struct entry *e, size_t rank, struct zset_iter *it) {
    struct zset_item item = {0};
    zset_iter_init(it, e, rank, false);
    zset_iter_next(it, &item);
    return item.member;
}

static void reply_found(struct call *c, const struct query *q, const struct found_list *list) {
    size_t with = (size_t)q->with_distance + q->with_cell + q->with_point;
    reply_array(c->reply, list->len);
    for (size_t i = 0; i < list->len; i++) {
        const struct found *f = &list->items[i];
        struct zset_iter it;
        if (with) reply_array(c->reply, 1 + with);
        reply_bulk(c->reply, member_at(q->e, f->rank, &it));
        if (q->with_distance) geo_reply_distance(c, f->distance / q->shape.unit);
        if (q->with_cell) reply_i64(c->reply, (int64_t)f->score);
        if (q->with_point) geo_reply_point(c, geo_score_point(f->score));
    }
}

static void store_found(struct call *c, const struct query *q, const struct found_list *list) {
    const struct type_settings *settings = call_type_settings(c);
    struct entry *to = type_new(c->argv[q->store_arg], TYPE_ZSET, settings);
    for (size_t i = 0; i < list->len; i++) {
        const struct found *f = &list->items[i];
        double score = q->stores_distance ? f->distance / q->shape.unit : f->score;
        struct zset_iter it;
        zset_add(to, member_at(q->e, f->rank, &it), 0, &score, settings);
    }
    enum db_event event = q->form == SEARCH_STORE ? EVENT_GEOSEARCHSTORE : EVENT_GEORADIUSSTORE;
    call_store(c, call_key(c, q->store_arg), to, event, list->len);
    reply_i64(c->reply, (int64_t)list->len);
}

static void answer(struct call *c, const struct query *q) {
    struct found_list list = {0};
    if (q->e) list = search(q);
    if (q->store_arg)
        store_found(c, q, &list);
    else
        reply_found(c, q, &list);
    mem_free(list.items);
}

static void query(struct call *c, struct query q) {
    int source = q.form == SEARCH_STORE ? 2 : 1;
    struct entry *e;
    if (q.form == SEARCH_STORE) q.store_arg = 1;
    if (!call_find_typed_or_reply(c, call_key(c, source), DB_READ, TYPE_ZSET, &e)) return;
    q.e = e;
    int options = fixed_or_reply(c, &q);
    if (options && options_or_reply(c, &q, options) && consistent_or_reply(c, &q)) answer(c, &q);
}

static void cmd_georadius(struct call *c) {
    query(c, (struct query){.form = RADIUS, .may_store = true});
}

static void cmd_georadius_ro(struct call *c) {
    query(c, (struct query){.form = RADIUS});
}

static void cmd_georadiusbymember(struct call *c) {
    query(c, (struct query){.form = RADIUS_BY_MEMBER, .may_store = true});
}

static void cmd_georadiusbymember_ro(struct call *c) {
    query(c, (struct query){.form = RADIUS_BY_MEMBER});
}

static void cmd_geosearch(struct call *c) {
    query(c, (struct query){.form = SEARCH});
}

static void cmd_geosearchstore(struct call *c) {
    query(c, (struct query){.form = SEARCH_STORE});
}

#define COST  "O(N*log(M)), N being the places in the cells around, M all of the key's."
#define UNIT  "unit:(M | KM | FT | MI)"
#define ORDER "[order:(ASC | DESC)]"
#define COUNT "[count-block:(COUNT count [ANY])]"
#define WITH  "[WITHCOORD] [WITHDIST] [WITHHASH]"
#define SHAPE                                                                                      \
    "from:(FROMMEMBER member | fromlonlat:(FROMLONLAT longitude:double latitude:double)) "         \
    "by:(circle:(BYRADIUS radius:double " UNIT ") | box:(BYBOX width:double height:double " UNIT   \
    ")) "
#define STORE_KEY(word, index)                                                                     \
    {                                                                                              \
        .flags = KEY_OW | KEY_UPDATE, .kind = KEYS_RANGE, .keyword = (word), .begin = (index),     \
        .last = 0, .step = 1                                                                       \
    }
/* All that options name: of several STOREs the last counts, but who mayn't use the others has no
 * reason to write them. */
static int radius_keys(const struct slice *argv, int argc, int options, struct key_use *uses) {
    int n = 0;
    uses[n++] = (struct key_use){1, KEY_RO | KEY_ACCESS};
    for (int i = options; i + 1 < argc; i++) {
        bool stores = slice_is(argv[i], "STORE") || slice_is(argv[i], "STOREDIST");
        if (stores || slice_is(argv[i], "COUNT")) i++;
        if (stores) uses[n++] = (struct key_use){i, KEY_OW | KEY_UPDATE};
    }
    return n;
}

static int georadius_keys(const struct slice *argv, int argc, struct key_use *uses) {
    return radius_keys(argv, argc, 6, uses);
}

static int georadiusbymember_keys(const struct slice *argv, int argc, struct key_use *uses) {
    return radius_keys(argv, argc, 5, uses);
}

#define STORING(index)                                                                             \
    .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS, .categories = ACL_GEO, .group = "geo",    \
    .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), STORE_KEY("STORE", index),                            \
             STORE_KEY("STOREDIST", index)},                                                       \
    .complexity = COST, .deprecated_since = "6.2.0"
#define READING                                                                                    \
    .flags = CMD_READONLY, .categories = ACL_GEO, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},        \
    .group = "geo", .complexity = COST
#define STORE "[store:(STORE storekey:key | STOREDIST storedistkey:key)]"

const struct command geo_search_commands[] = {
    {
        .name = "georadius",
        .run = cmd_georadius,
        .arity = -6,
        .summary = "Returns or stores the places within a distance of a point.",
        .since = "3.2.0",
        .syntax = "key longitude:double latitude:double radius:double " UNIT " " WITH " " COUNT
                  " " ORDER " " STORE,
        .history = "6.2.0 Takes ANY with COUNT.\n7.0.0 Units may be in upper case.",
        .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
        STORING(6),
        .keys_of = georadius_keys,
    },
    {
        .name = "georadius_ro",
        .run = cmd_georadius_ro,
        .arity = -6,
        .summary = "Returns the places within a distance of a point.",
        .since = "3.2.10",
        .syntax =
            "key longitude:double latitude:double radius:double " UNIT " " WITH " " COUNT " " ORDER,
        .history = "6.2.0 Takes ANY with COUNT.",
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
        READING,
    },
    {
        .name = "georadiusbymember",
        .run = cmd_georadiusbymember,
        .arity = -5,
        .summary = "Returns or stores the places within a distance of one of them.",
        .since = "3.2.0",
        .syntax = "key member radius:double " UNIT " " WITH " " COUNT " " ORDER " " STORE,
        .history = "6.2.0 Takes ANY with COUNT.\n7.0.0 Units may be in upper case.",
        .replaced_by =
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        STORING(5),
        .keys_of = georadiusbymember_keys,
    },
    {
        .name = "georadiusbymember_ro",
        .run = cmd_georadiusbymember_ro,
        .arity = -5,
        .summary = "Returns the places within a distance of one of them.",
        .since = "3.2.10",
        .syntax = "key member radius:double " UNIT " " WITH " " COUNT " " ORDER,
        .history = "6.2.0 Takes ANY with COUNT.",
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
        READING,
    },
    {
        .name = "geosearch",
        .run = cmd_geosearch,
        .arity = -7,
        .summary = "Returns the places in a circle or a box.",
        .since = "6.2.0",
        .syntax = "key " SHAPE ORDER " " COUNT " " WITH,
        .history = "7.0.0 Units may be in upper case.",
        READING,
    },
    {
        .name = "geosearchstore",
        .run = cmd_geosearchstore,
        .arity = -8,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_GEO,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)},
        .group = "geo",
        .summary = "Stores the places in a circle or a box.",
        .since = "6.2.0",
        .complexity = COST,
        .syntax = "destination source " SHAPE ORDER " " COUNT " [STOREDIST]",
        .history = "7.0.0 Units may be in upper case.",
    },
    {.name = NULL},
};
