/* SPDX-License-Identifier: BSD-3-Clause */
/* DELPATTERN: deletes the keys that match a pattern, in slices beside what other clients do. A key
 * that is there and matches when the command begins is deleted, unless somebody deletes it before;
 * one that comes meanwhile may be. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/glob.h"
#include "cmd/families.h"
#include "cmd/key_walk.h"

struct delpattern {
    struct key_walk walk;
    uint64_t limit, deleted;
};

static void delete_found(struct delpattern *d, struct db *db) {
    const struct scan_found *found = &d->walk.found;
    for (size_t i = 0; i < found->len && d->deleted < d->limit; i++) {
        struct key k = db_key(db, entry_key(found->entries[i]));
        propagate_removal(d->walk.job.session->engine, db, k.name, true);
        d->deleted += db_delete(db, k, true, EVENT_DEL);
    }
}

static bool delpattern_step(struct sliced_job *job, uint64_t until_ns) {
    struct delpattern *d = (struct delpattern *)job;
    for (struct db *db; d->deleted < d->limit && (db = key_walk_step(&d->walk));) {
        delete_found(d, db);
        if ((uint64_t)clock_mono_ns() >= until_ns) return false;
    }
    return true;
}

static void delpattern_reply(struct sliced_job *job, struct reply *to) {
    reply_i64(to, (int64_t)((struct delpattern *)job)->deleted);
}

static void delpattern_free(struct sliced_job *job) {
    struct delpattern *d = (struct delpattern *)job;
    key_walk_release(&d->walk);
    mem_free_sized(d, sizeof *d);
}

static size_t delpattern_memory(const struct sliced_job *job) {
    const struct delpattern *d = (const struct delpattern *)job;
    return mem_class_size(sizeof *d) + key_walk_memory(&d->walk);
}

static void delpattern_describe(const struct sliced_job *job, struct buf *to) {
    const struct delpattern *d = (const struct delpattern *)job;
    key_walk_describe(&d->walk, to);
    buf_appendf(to, ",deleted=%llu", (unsigned long long)d->deleted);
    if (d->limit != INT64_MAX) buf_appendf(to, ",limit=%llu", (unsigned long long)d->limit);
}

static const struct sliced_kind delpattern_kind = {
    .step = delpattern_step,
    .reply = delpattern_reply,
    .free = delpattern_free,
    .memory = delpattern_memory,
    .describe = delpattern_describe,
};

static bool limit_or_reply(struct call *c, int64_t *limit) {
    *limit = INT64_MAX;
    if (c->argc == 2) return true;
    if (c->argc != 4 || !arg_is(c, 2, "LIMIT")) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return arg_i64_in_or_reply(c, 3, 1, INT64_MAX, "ERR LIMIT should be greater than 0", limit);
}

static void cmd_delpattern(struct call *c) {
    int64_t limit;
    if (!limit_or_reply(c, &limit)) return;
    if (glob_is_literal(c->argv[1])) {
        bool deleted = db_delete(c->db, db_key(c->db, c->argv[1]), true, EVENT_DEL);
        if (deleted) propagate_deletion(c, c->argv[1], true);
        reply_i64(c->reply, deleted);
        return;
    }
    propagate_nothing(c); /* but for each key that goes */
    struct delpattern *d = mem_alloc(sizeof *d);
    *d = (struct delpattern){.limit = (uint64_t)limit};
    key_walk_init(&d->walk, c);
    sliced_start(c, &delpattern_kind, &d->walk.job);
}

const struct command delpattern_commands[] = {
    {
        .name = "delpattern",
        .run = cmd_delpattern,
        .arity = -2,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .group = "generic",
        .summary = "Deletes all keys that match a pattern, while others are served.",
        .since = "7.2.4",
        .complexity = "O(N) in the keys of the database; O(1) for a pattern that is a plain name.",
        .syntax = "pattern [LIMIT count]",
        .tips = "request_policy:all_shards\nresponse_policy:agg_sum",
    },
    {.name = NULL},
};
