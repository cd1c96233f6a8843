/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over a database: KEYS at once, SCAN in steps.
 *
 * Both are one user's command and take the time they take, but no longer than that: patterns are
 * matched in time linear in the key, most keys are ruled out by the pattern's first bytes, and the
 * table asks for entries ahead of the walk. */
#include "base/alloc.h"
#include "base/glob.h"
#include "cmd/families.h"
#include "exec/call.h"
#include "type/type.h"

/* A pattern with what makes it quick to match. */
struct key_pattern {
    struct slice text;
    size_t prefix_len;   /* bytes that every match starts with */
    bool prefix_decides; /* only a '*' follows them */
};

static struct key_pattern key_pattern(struct slice text) {
    size_t prefix = glob_literal_prefix_len(text);
    bool star = text.len == prefix + 1 && text.ptr[prefix] == '*';
    return (struct key_pattern){text, prefix, star};
}

static bool key_pattern_fits(const struct key_pattern *p, struct slice key) {
    if (key.len < p->prefix_len || memcmp(key.ptr, p->text.ptr, p->prefix_len) != 0) return false;
    return p->prefix_decides || glob_match(p->text, key);
}

/* KEYS. */

static size_t reply_matches(struct call *c, const struct key_pattern *pattern) {
    struct table_iter it;
    size_t count = 0;
    table_iter_init(&it, &c->db->table);
    for (const struct entry *e; (e = table_iter_next(&it)) != NULL;) {
        struct slice key = entry_key(e);
        if (!key_pattern_fits(pattern, key) || db_expired(c->db, e)) continue;
        reply_bulk(c->reply, key);
        count++;
    }
    return count;
}

static void cmd_keys(struct call *c) {
    struct slice text = c->argv[1];
    if (glob_is_literal(text)) {
        bool found = db_has(c->db, db_key(c->db, text));
        reply_array(c->reply, found);
        if (found) reply_bulk(c->reply, text);
        return;
    }
    struct key_pattern pattern = key_pattern(text);
    struct reply_mark mark = reply_begin(c->reply);
    reply_end_array(c->reply, mark, reply_matches(c, &pattern));
}

/* SCAN. */

struct scan_request {
    uint64_t cursor;
    uint64_t count; /* keys to visit, at least */
    bool has_pattern, has_type;
    struct key_pattern pattern;
    int type; /* enum type_id; -1: one that no key has */
};

/* Keys found, in the order of the walk. They are borrowed: nothing changes before the reply. */
struct scan_result {
    const struct scan_request *request;
    struct slice *keys;
    size_t len, cap;
    uint64_t visited;
};

/* As C's strtoul reads it and Redis does: a sign is fine, nothing at all is 0. */
static bool cursor_or_reply(struct call *c, int i, uint64_t *out) {
    struct slice text = c->argv[i];
    bool negative = text.len > 1 && text.ptr[0] == '-', sign = text.len > 1 && text.ptr[0] == '+';
    uint64_t cursor = 0;
    bool valid = true;
    for (size_t at = negative || sign; at < text.len && valid; at++) {
        unsigned digit = (unsigned char)text.ptr[at] - (unsigned)'0';
        valid = digit <= 9 && !__builtin_mul_overflow(cursor, 10, &cursor) &&
                !__builtin_add_overflow(cursor, digit, &cursor);
    }
    if (!valid) reply_error(c->reply, ERR_INVALID_CURSOR);
    *out = negative ? -cursor : cursor;
    return valid;
}

static bool scan_count_or_reply(struct call *c, int i, uint64_t *count) {
    int64_t number;
    if (!arg_i64_or_reply(c, i, &number)) return false;
    if (number < 1) reply_error(c->reply, ERR_SYNTAX);
    *count = (uint64_t)number;
    return number >= 1;
}

static bool scan_options_or_reply(struct call *c, struct scan_request *r) {
    for (int i = 2; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && arg_is(c, i, "COUNT")) {
            if (!scan_count_or_reply(c, i + 1, &r->count)) return false;
        } else if (has_value && arg_is(c, i, "MATCH")) {
            r->has_pattern = true;
            r->pattern = key_pattern(c->argv[i + 1]);
        } else if (has_value && arg_is(c, i, "TYPE")) {
            r->has_type = true;
            r->type = type_by_name(c->argv[i + 1]);
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void scan_visit(void *ctx, void *entry) {
    struct scan_result *result = ctx;
    const struct scan_request *r = result->request;
    const struct entry *e = entry;
    result->visited++;
    if (r->has_type && (int)e->type != r->type) return;
    if (r->has_pattern && !key_pattern_fits(&r->pattern, entry_key(e))) return;
    if (result->len == result->cap) {
        result->cap = result->cap ? 2 * result->cap : 32;
        result->keys = mem_realloc(result->keys, result->cap * sizeof *result->keys);
    }
    result->keys[result->len++] = entry_key(e);
}

/* Each step visits what one bucket holds. Steps are bounded, too, since expired keys that are still
 * in the table take time but don't count. */
static void cmd_scan(struct call *c) {
    struct scan_request r = {.count = 10};
    if (!cursor_or_reply(c, 1, &r.cursor) || !scan_options_or_reply(c, &r)) return;
    struct scan_result result = {.request = &r};
    uint64_t cursor = r.cursor, steps = r.count;
    do {
        cursor = db_scan(c->db, cursor, scan_visit, &result);
    } while (cursor && result.visited < r.count && --steps);
    reply_array(c->reply, 2);
    reply_bulk_i64(c->reply, (int64_t)cursor);
    reply_array(c->reply, result.len);
    for (size_t i = 0; i < result.len; i++) reply_bulk(c->reply, result.keys[i]);
    mem_free(result.keys);
}

const struct command scan_commands[] = {
    {
        .name = "keys",
        .run = cmd_keys,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .group = "generic",
        .summary = "Lists all keys that match a pattern.",
        .since = "1.0.0",
        .complexity = "O(N) in the keys of the database; O(1) for a pattern that is a plain name.",
        .syntax = "pattern",
        .tips = "request_policy:all_shards\nnondeterministic_output_order",
    },
    {
        .name = "scan",
        .run = cmd_scan,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .group = "generic",
        .summary = "Lists keys step by step; each call says where the next goes on.",
        .since = "2.8.0",
        .complexity = "O(COUNT) a call; O(N) in the keys of the database for all of them.",
        .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        .history = "6.0.0 Takes TYPE.",
        .tips = "nondeterministic_output\nrequest_policy:special\nresponse_policy:special",
    },
    {.name = NULL},
};
