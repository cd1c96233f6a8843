/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over a database: KEYS in one go, SCAN in steps.
 *
 * Both are one user's command and take the time they take, but no longer than that: patterns are
 * matched in time linear in the key, most keys are ruled out by the pattern's first bytes, and the
 * table asks for entries ahead of the walk. KEYS of a large database takes that time in slices, so
 * that nobody else waits for it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/glob.h"
#include "cmd/families.h"
#include "cmd/key_walk.h"

/* KEYS. */

enum { KEYS_AT_ONCE = 10000 }; /* so many keys take a few hundred microseconds */

struct keys_job {
    struct key_walk walk;
    struct reply found; /* the keys; the header comes when their number is known */
    size_t count;
};

static bool keys_step(struct sliced_job *job, uint64_t until_ns) {
    struct keys_job *keys = (struct keys_job *)job;
    const struct scan_found *found = &keys->walk.found;
    while (key_walk_step(&keys->walk)) {
        for (size_t i = 0; i < found->len; i++)
            reply_bulk(&keys->found, entry_key(found->entries[i]));
        keys->count += found->len;
        if ((uint64_t)clock_mono_ns() >= until_ns) return false;
    }
    return true;
}

static void keys_reply(struct sliced_job *job, struct reply *to) {
    struct keys_job *keys = (struct keys_job *)job;
    reply_array(to, keys->count);
    reply_append(to, &keys->found);
}

static void keys_free(struct sliced_job *job) {
    struct keys_job *keys = (struct keys_job *)job;
    key_walk_release(&keys->walk);
    reply_release(&keys->found);
    mem_free_sized(keys, sizeof *keys);
}

static size_t keys_memory(const struct sliced_job *job) {
    const struct keys_job *keys = (const struct keys_job *)job;
    return mem_class_size(sizeof *keys) + key_walk_memory(&keys->walk) + keys->found.memory;
}

static size_t keys_output(const struct sliced_job *job) {
    return ((const struct keys_job *)job)->found.memory;
}

static void keys_describe(const struct sliced_job *job, struct buf *to) {
    const struct keys_job *keys = (const struct keys_job *)job;
    key_walk_describe(&keys->walk, to);
    buf_appendf(to, ",found=%zu", keys->count);
}

static void keys_in_slices(struct call *c) {
    static const struct sliced_kind kind = {
        .step = keys_step,
        .reply = keys_reply,
        .free = keys_free,
        .memory = keys_memory,
        .output = keys_output,
        .describe = keys_describe,
    };
    struct keys_job *keys = mem_alloc(sizeof *keys);
    *keys = (struct keys_job){0};
    key_walk_init(&keys->walk, c);
    reply_init(&keys->found, c->reply->pool, c->reply->resp);
    sliced_start(c, &kind, &keys->walk.job);
}

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
    if (c->session->can_wait && db_count(c->db) > KEYS_AT_ONCE) {
        keys_in_slices(c);
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
        .flags = CMD_READONLY | CMD_LOOSE,
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
