/* SPDX-License-Identifier: BSD-3-Clause */
/* Places in sorted sets: adding, and what is known of members by name. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/geo_args.h"
#include "cmd/zset_add.h"
#include "type/t_zset.h"

enum { PLACES_AT_HAND = 32 }; /* more places take an allocation */

/* Arguments and replies, for the searches, too. */

bool geo_point_or_reply(struct call *c, int i, struct geo_point *p) {
    if (!arg_double_or_reply(c, i, &p->lon) || !arg_double_or_reply(c, i + 1, &p->lat))
        return false;
    if (geo_valid(*p)) return true;
    reply_errorf(c->reply, "ERR invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    return false;
}

bool geo_unit_or_reply(struct call *c, int i, double *unit) {
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (unsigned u = 0; u < sizeof units / sizeof *units; u++) {
        if (!arg_is(c, i, units[u].name)) continue;
        *unit = units[u].metres;
        return true;
    }
    reply_error(c->reply, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

/* Any score is taken for a cell, as in Redis: its low 64 bits. */
struct geo_point geo_score_point(double score) {
    const double limit = 9223372036854775808.0; /* 2^63 */
    if (score >= -limit && score < limit) return geo_cell_point((uint64_t)(int64_t)score);
    if (score >= limit && score < 2 * limit) return geo_cell_point((uint64_t)score);
    return geo_cell_point((uint64_t)1 << 63);
}

bool geo_member_point(const struct entry *e, struct slice member, struct geo_point *p) {
    double score;
    if (!e || !zset_find(e, member, &score)) return false;
    *p = geo_score_point(score);
    return true;
}

void geo_reply_point(struct call *c, struct geo_point p) {
    reply_array(c->reply, 2);
    reply_ldouble(c->reply, p.lon);
    reply_ldouble(c->reply, p.lat);
}

void geo_reply_distance(struct call *c, double distance) {
    reply_bulkf(c->reply, "%.4f", distance);
}

/* Commands. */

static bool cells_or_reply(struct call *c, const struct zset_addition *a, double *scores) {
    for (size_t i = 0; i < a->count; i++) {
        struct geo_point p;
        if (!geo_point_or_reply(c, a->first + a->group * (int)i, &p)) return false;
        scores[i] = (double)geo_cell(p);
    }
    return true;
}

static bool addition_or_reply(struct call *c, struct zset_addition *a) {
    int i = 2;
    *a = (struct zset_addition){.group = 3};
    for (; i < c->argc; i++) {
        if (arg_is(c, i, "NX"))
            a->flags |= ZSET_NX;
        else if (arg_is(c, i, "XX"))
            a->flags |= ZSET_XX;
        else if (arg_is(c, i, "CH"))
            a->counts_change = true;
        else
            break;
    }
    a->first = i;
    a->count = (size_t)(c->argc - i) / 3;
    bool valid = a->count && (c->argc - i) % 3 == 0 && a->flags != (ZSET_NX | ZSET_XX);
    if (!valid) reply_error(c->reply, ERR_SYNTAX);
    return valid;
}

/* What goes out is the ZADD that it comes down to. */
static void propagate_geoadd(const struct call *c, const struct zset_addition *a,
                             const double *scores) {
    if (!propagate_due(c)) return;
    propagate_open(c, (size_t)a->first + 2 * a->count);
    propagate_word(c, SLICE("ZADD"));
    propagate_words(c, 1, a->first);
    for (size_t i = 0; i < a->count; i++) {
        propagate_i64(c, (int64_t)scores[i]);
        propagate_word(c, c->argv[a->first + 3 * (int)(i + 1) - 1]);
    }
}

static void cmd_geoadd(struct call *c) {
    struct zset_addition a;
    double at_hand[PLACES_AT_HAND], *scores = at_hand;
    if (!addition_or_reply(c, &a)) return;
    if (a.count > PLACES_AT_HAND) scores = mem_alloc(a.count * sizeof *scores);
    if (cells_or_reply(c, &a, scores)) {
        zset_add_and_reply(c, &a, scores);
        propagate_geoadd(c, &a, scores);
    }
    if (scores != at_hand) mem_free(scores);
}

static bool find_or_reply(struct call *c, struct entry **e) {
    return call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_ZSET, e);
}

static void cmd_geodist(struct call *c) {
    struct geo_point a, b;
    double unit = 1;
    struct entry *e;
    if (c->argc > 5) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (c->argc == 5 && !geo_unit_or_reply(c, 4, &unit)) return;
    if (!find_or_reply(c, &e)) return;
    if (geo_member_point(e, c->argv[2], &a) && geo_member_point(e, c->argv[3], &b))
        geo_reply_distance(c, geo_distance(a, b) / unit);
    else
        reply_null(c->reply);
}

static void cmd_geohash(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, &e)) return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct geo_point p;
        char text[GEO_HASH_LEN];
        if (!geo_member_point(e, c->argv[i], &p)) {
            reply_null(c->reply);
            continue;
        }
        geo_hash(p, text);
        reply_bulk(c->reply, slice_of(text, sizeof text));
    }
}

static void cmd_geopos(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, &e)) return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct geo_point p;
        if (geo_member_point(e, c->argv[i], &p))
            geo_reply_point(c, p);
        else
            reply_null_array(c->reply);
    }
}

#define BY_NAME                                                                                    \
    .flags = CMD_READONLY, .categories = ACL_GEO, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},        \
    .group = "geo", .since = "3.2.0"

const struct command geo_commands[] = {
    {
        .name = "geoadd",
        .run = cmd_geoadd,
        .arity = -5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_GEO,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "geo",
        .summary = "Adds places to a sorted set, or moves them.",
        .since = "3.2.0",
        .complexity = "O(log(N)) for each place.",
        .syntax = "key [condition:(NX | XX)] [CH] "
                  "data:(longitude:double latitude:double member) ...",
        .history = "6.2.0 Takes CH, NX and XX.",
    },
    {
        .name = "geodist",
        .run = cmd_geodist,
        .arity = -4,
        .summary = "Returns how far two places are from each other.",
        .complexity = "O(1)",
        .syntax = "key member1 member2 [unit:(M | KM | FT | MI)]",
        BY_NAME,
    },
    {
        .name = "geohash",
        .run = cmd_geohash,
        .arity = -2,
        .summary = "Returns places as geohash texts.",
        .complexity = "O(1) for each place.",
        .syntax = "key [member ...]",
        BY_NAME,
    },
    {
        .name = "geopos",
        .run = cmd_geopos,
        .arity = -2,
        .summary = "Returns longitudes and latitudes of places.",
        .complexity = "O(1) for each place.",
        .syntax = "key [member ...]",
        BY_NAME,
    },
    {.name = NULL},
};
