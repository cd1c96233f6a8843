/* SPDX-License-Identifier: BSD-3-Clause */
/* HOTKEYS and BIGKEYS: what hotkeys.h and bigkeys.h know, for people. */
#include <math.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "exec/call.h"
#include "type/type.h"

enum {
    COUNT_DEFAULT = 10,
    HOT_COUNT_MAX = 100, /* beyond, estimates are mostly noise */
};

static void field_i64(struct reply *r, const char *name, int64_t value) {
    reply_bulk_str(r, name);
    reply_i64(r, value);
}

static void field_str(struct reply *r, const char *name, const char *value) {
    reply_bulk_str(r, name);
    reply_bulk_str(r, value);
}

/* With two digits behind the point: all others would be noise. */
static void field_double(struct reply *r, const char *name, double value) {
    reply_bulk_str(r, name);
    reply_double(r, round(value * 100) / 100);
}

static bool count_or_reply(struct call *c, int i, int64_t most, int64_t *count) {
    if (!arg_i64_in_or_reply(c, i, 1, INT64_MAX, ERR_NOT_POSITIVE, count)) return false;
    if (*count > most) *count = most;
    return true;
}

static bool syntax_error(struct call *c) {
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

static bool is_only_word(const struct call *c, const char *word) {
    return c->argc == 2 && arg_is(c, 1, word);
}

/* HOTKEYS. */

struct hot_request {
    bool by_bytes;
    int64_t count;
    double covered_s; /* of the window */
    double total;
};

static bool hot_options_or_reply(struct call *c, struct hot_request *r) {
    for (int i = 1; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && arg_is(c, i, "COUNT")) {
            if (!count_or_reply(c, i + 1, HOT_COUNT_MAX, &r->count)) return false;
        } else if (has_value && arg_is(c, i, "BY") && arg_is(c, i + 1, "BYTES")) {
            r->by_bytes = true;
        } else if (has_value && arg_is(c, i, "BY") && arg_is(c, i + 1, "USES")) {
            r->by_bytes = false;
        } else {
            return syntax_error(c);
        }
    }
    return true;
}

/* A name too long to be kept is whole if the key is there to tell it; else it ends in "...". */
static void reply_hot_name(struct reply *r, const struct hitter *hitter, const struct entry *e) {
    if (hitter->name.len == hitter->name_len)
        reply_bulk(r, hitter->name);
    else if (e)
        reply_bulk(r, entry_key(e));
    else
        reply_bulkf(r, "%.*s...", (int)hitter->name.len, hitter->name.ptr);
}

static void reply_hot_key(struct call *c, const struct hot_request *r,
                          const struct hitter *hitter) {
    struct db *db = &c->engine->keyspace.dbs[hitter->space];
    const struct entry *e = table_find_hash(&db->table, hitter->hash);
    if (e && db_expired(db, e)) e = NULL;
    reply_map(c->reply, 6);
    reply_bulk_str(c->reply, "key");
    reply_hot_name(c->reply, hitter, e);
    field_i64(c->reply, "db", hitter->space);
    field_str(c->reply, "type", e ? type_of(e)->name : "none");
    field_double(c->reply, "per-second", hitter->count / r->covered_s);
    field_double(c->reply, "error", hitter->error / r->covered_s);
    field_double(c->reply, "percent", 100 * hitter->count / r->total);
}

static void reply_hot_keys(struct call *c, struct hot_request *r) {
    struct hotkeys *h = &c->engine->hotkeys;
    struct hitters *hitters = r->by_bytes ? h->bytes : h->uses;
    uint64_t now_us = c->engine->now_us;
    struct hitter top[HOT_COUNT_MAX];
    size_t n = hitters_top(hitters, now_us, top, (size_t)r->count);
    struct hitters_sum sum = hitters_sum(hitters, now_us);
    r->covered_s = sum.covered_us > 1000 ? (double)sum.covered_us / 1e6 : 0.001;
    r->total = sum.count;
    reply_map(c->reply, 6);
    field_str(c->reply, "by", r->by_bytes ? "bytes" : "uses");
    field_i64(c->reply, "window-seconds", c->engine->settings.hotkeys_window_seconds);
    field_double(c->reply, "covered-seconds", (double)sum.covered_us / 1e6);
    field_i64(c->reply, "sampled-one-of", (int64_t)h->every);
    field_double(c->reply, "per-second", r->total / r->covered_s);
    reply_bulk_str(c->reply, "keys");
    reply_array(c->reply, n);
    for (size_t i = 0; i < n; i++) reply_hot_key(c, r, &top[i]);
}

static void reply_hot_help(struct call *c) {
    static const char *const lines[] = {
        "[BY (USES | BYTES)] [COUNT count]",
        "    The keys used most lately, or those whose replies took the most bytes: estimates",
        "    from a sample. The error is that of per-second, either way, in 19 of 20 cases.",
        "RESET",
        "    Forget all uses so far.",
        NULL,
    };
    call_reply_help(c, lines);
}

static void cmd_hotkeys(struct call *c) {
    struct hot_request r = {.count = COUNT_DEFAULT};
    if (is_only_word(c, "HELP")) {
        reply_hot_help(c);
    } else if (is_only_word(c, "RESET")) {
        hotkeys_reset(&c->engine->hotkeys);
        reply_ok(c->reply);
    } else if (hot_options_or_reply(c, &r)) {
        if (c->engine->hotkeys.uses)
            reply_hot_keys(c, &r);
        else
            reply_error(c->reply, "ERR hotkeys-tracking is off");
    }
}

/* BIGKEYS. */

struct big_request {
    int type; /* enum type_id; TYPE_COUNT: all */
    enum bigkeys_by by;
    int64_t count;
};

static bool type_or_reply(struct call *c, int i, int *type) {
    *type = type_by_name(c->argv[i]);
    if (*type < 0) reply_error(c->reply, "ERR no such type");
    return *type >= 0;
}

static bool big_options_or_reply(struct call *c, struct big_request *r) {
    for (int i = 1; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && arg_is(c, i, "COUNT")) {
            if (!count_or_reply(c, i + 1, BIGKEYS_KEPT, &r->count)) return false;
        } else if (has_value && arg_is(c, i, "TYPE")) {
            if (!type_or_reply(c, i + 1, &r->type)) return false;
        } else if (has_value && arg_is(c, i, "BY") && arg_is(c, i + 1, "MEMORY")) {
            r->by = BIGKEYS_MEMORY;
        } else if (has_value && arg_is(c, i, "BY") && arg_is(c, i + 1, "ELEMENTS")) {
            r->by = BIGKEYS_ELEMENTS;
        } else {
            return syntax_error(c);
        }
    }
    return true;
}

static void reply_big_keys_of(struct call *c, const struct big_request *r, enum type_id type) {
    struct bigkey keys[BIGKEYS_KEPT];
    size_t n = bigkeys_largest(c->engine, type, r->by, keys);
    if (n > (size_t)r->count) n = (size_t)r->count;
    reply_bulk_str(c->reply, type_table[type]->name);
    reply_array(c->reply, n);
    for (size_t i = 0; i < n; i++) {
        reply_map(c->reply, 4);
        reply_bulk_str(c->reply, "key");
        reply_bulk(c->reply, entry_key(keys[i].entry));
        field_i64(c->reply, "db", keys[i].db->id);
        field_i64(c->reply, "elements", (int64_t)keys[i].elements);
        field_i64(c->reply, "memory", (int64_t)keys[i].memory);
    }
}

/* Seconds since the last walk that was completed had begun: nothing that's older can be missing. */
static int64_t walk_age(const struct engine *e) {
    const struct bigkeys *b = &e->bigkeys;
    uint64_t now_ms = e->keyspace.now_ms;
    if (!b->began_last_ms) return -1;
    return now_ms > b->began_last_ms ? (int64_t)((now_ms - b->began_last_ms) / 1000) : 0;
}

static void reply_big_keys(struct call *c, const struct big_request *r) {
    struct engine *e = c->engine;
    bigkeys_walk(e, BIGKEYS_ASKED_NS);
    int first = r->type < TYPE_COUNT ? r->type : 0;
    int end = r->type < TYPE_COUNT ? r->type + 1 : TYPE_COUNT;
    reply_map(c->reply, 4);
    field_str(c->reply, "by", r->by == BIGKEYS_MEMORY ? "memory" : "elements");
    field_double(c->reply, "walk-percent", bigkeys_seen(&e->bigkeys, &e->keyspace));
    field_i64(c->reply, "last-walk-seconds", walk_age(e));
    reply_bulk_str(c->reply, "keys");
    reply_map(c->reply, (size_t)(end - first));
    for (int type = first; type < end; type++) reply_big_keys_of(c, r, (enum type_id)type);
}

static void reply_big_help(struct call *c) {
    static const char *const lines[] = {
        "[TYPE type] [BY (MEMORY | ELEMENTS)] [COUNT count]",
        "    The largest keys of each type, as large as they are now; of strings, elements are",
        "    bytes. What was written since the last walk over all keys may be missing.",
        NULL,
    };
    call_reply_help(c, lines);
}

static void cmd_bigkeys(struct call *c) {
    struct big_request r = {.type = TYPE_COUNT, .count = COUNT_DEFAULT};
    if (is_only_word(c, "HELP")) {
        reply_big_help(c);
    } else if (big_options_or_reply(c, &r)) {
        if (c->engine->bigkeys.lists)
            reply_big_keys(c, &r);
        else
            reply_error(c->reply, "ERR bigkeys-tracking is off");
    }
}

const struct command hotkeys_commands[] = {
    {
        .name = "bigkeys",
        .run = cmd_bigkeys,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
        .group = "server",
        .summary = "Tells the largest keys of each type by memory or number of elements.",
        .since = "7.2.4",
        .complexity = "O(1), and a millisecond of the walk over the keyspace.",
        .syntax = "[TYPE type:string] [BY (MEMORY | ELEMENTS)] [COUNT count]",
        .tips = "nondeterministic_output",
    },
    {
        .name = "hotkeys",
        .run = cmd_hotkeys,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
        .group = "server",
        .summary = "Tells the keys used most lately, or whose replies were largest.",
        .since = "7.2.4",
        .complexity = "O(N) in the number of keys told.",
        .syntax = "[RESET] [BY (USES | BYTES)] [COUNT count]",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
