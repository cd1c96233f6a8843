/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over a database: KEYS at once, SCAN in steps.
 *
 * Both are one user's command and take the time they take, but no longer than that: patterns are
 * matched in time linear in the key, most keys are ruled out by the pattern's first bytes, and the
 * table asks for entries ahead of the walk. */
#include "base/glob.h"
#include "cmd/families.h"
#include "cmd/scan_walk.h"

/* KEYS. */

static size_t reply_matches(struct call *c, const struct scan_pattern *pattern) {
    struct table_iter it;
    size_t count = 0;
    table_iter_init(&it, &c->db->table);
    for (const struct entry *e; (e = table_iter_next(&it)) != NULL;) {
        struct slice key = entry_key(e);
        if (!scan_pattern_fits(pattern, key) || db_expired(c->db, e)) continue;
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
    struct scan_pattern pattern = scan_pattern(text);
    struct reply_mark mark = reply_begin(c->reply);
    reply_end_array(c->reply, mark, reply_matches(c, &pattern));
}

/* SCAN. */

/* What a step met. Entries are borrowed: nothing changes before the reply. */
struct scan_keys {
    const struct db *db;
    const struct scan_request *request;
    struct scan_found found, expired;
};

static void scan_visit(void *ctx, void *entry) {
    struct scan_keys *keys = ctx;
    const struct scan_request *r = keys->request;
    const struct entry *e = entry;
    keys->found.visited++;
    if ((r->has_type && (int)e->type != r->type) || !scan_fits(r, entry_key(e))) return;
    scan_found_add(db_expired(keys->db, e) ? &keys->expired : &keys->found, entry);
}

/* As in Redis, a scan deletes what it would have returned if that hadn't expired. */
static void delete_expired(struct call *c, const struct scan_found *expired) {
    for (size_t i = 0; i < expired->len; i++)
        db_has(c->db, db_key(c->db, entry_key(expired->entries[i])));
}

/* Each step visits what one bucket holds. Buckets may be empty, so steps are bounded, too. */
static void cmd_scan(struct call *c) {
    struct scan_request r = {0};
    if (!scan_cursor_or_reply(c, 1, &r.cursor) || !scan_options_or_reply(c, 2, SCAN_TYPE, &r))
        return;
    struct scan_keys keys = {.db = c->db, .request = &r};
    uint64_t cursor = r.cursor, steps = r.count;
    do {
        cursor = table_scan(&c->db->table, cursor, scan_visit, &keys);
    } while (cursor && keys.found.visited < r.count && --steps);
    scan_reply_cursor(c, cursor);
    reply_array(c->reply, keys.found.len);
    for (size_t i = 0; i < keys.found.len; i++)
        reply_bulk(c->reply, entry_key(keys.found.entries[i]));
    delete_expired(c, &keys.expired);
    scan_found_release(&keys.found);
    scan_found_release(&keys.expired);
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
