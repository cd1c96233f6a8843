/* SPDX-License-Identifier: BSD-3-Clause */
/* MEMORY: what keys take, where the rest goes, and what looks wrong about it. */
#include "base/alloc.h"
#include "exec/call.h"
#include "script/script_engine.h"
#include "server/families.h"
#include "server/memory_overview.h"
#include "server/server.h"
#include "type/type.h"

/* MEMORY USAGE. */

/* The options behind the key; `samples` is what is there without any. */
static bool usage_options_or_reply(struct call *c, int64_t *samples) {
    *samples = 5;
    for (int i = 3; i < c->argc; i += 2) {
        if (!arg_is(c, i, "SAMPLES") || i + 1 == c->argc) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (!arg_i64_or_reply(c, i + 1, samples)) return false;
        if (*samples < 0) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void cmd_memory_usage(struct call *c) {
    int64_t samples;
    if (!usage_options_or_reply(c, &samples)) return;
    struct entry *e = db_find(c->db, call_key(c, 2), DB_PEEK);
    if (!e) {
        reply_null(c->reply);
        return;
    }
    size_t slot = sizeof(struct table_bucket) / TABLE_SLOTS; /* its share of the table */
    reply_i64(c->reply, (int64_t)(type_memory(e, (size_t)samples) + slot));
}

/* MEMORY STATS. */

static size_t stat_i64(struct reply *r, const char *name, size_t value) {
    reply_bulk_str(r, name);
    reply_i64(r, (int64_t)value);
    return 1;
}

static size_t stat_double(struct reply *r, const char *name, double value) {
    reply_bulk_str(r, name);
    reply_double(r, value);
    return 1;
}

static size_t reply_use(struct reply *r, const struct engine *e, const struct memory_overview *m) {
    const struct aof_log *aof = &e->persist->aof.log;
    size_t n = stat_i64(r, "peak.allocated", m->peak);
    n += stat_i64(r, "total.allocated", m->used);
    n += stat_i64(r, "startup.allocated", m->startup);
    n += stat_i64(r, "replication.backlog", 0);
    n += stat_i64(r, "clients.slaves", 0);
    n += stat_i64(r, "clients.normal", m->clients);
    n += stat_i64(r, "cluster.links", (int64_t)server_of(e)->cluster_links);
    n += stat_i64(r, "aof.buffer", aof->pending.cap);
    n += stat_i64(r, "lua.caches", e->scripts->cache.memory);
    n += stat_i64(r, "functions.caches", e->scripts->libraries.memory);
    return n;
}

static size_t reply_databases(struct reply *r, const struct keyspace *ks) {
    size_t n = 0;
    for (uint32_t i = 0; i < ks->count; i++) {
        if (db_count(&ks->dbs[i]) == 0) continue;
        reply_bulkf(r, "db.%u", i);
        reply_map(r, 3);
        stat_i64(r, "overhead.hashtable.main", table_overhead(&ks->dbs[i].table));
        stat_i64(r, "overhead.hashtable.expires", 0); /* deadlines are in the entries */
        stat_i64(r, "overhead.hashtable.slot-to-keys", 0);
        n++;
    }
    return n;
}

/* Tables grow without a second one: none is ever being rehashed. Valkey counts those that are, too,
 * under a name that begins with "db.": redis-py takes that for a database and fails. */
static size_t reply_data(struct reply *r, const struct memory_overview *m) {
    size_t data = m->used > m->startup ? m->used - m->startup : 0;
    size_t n = stat_i64(r, "overhead.db.hashtable.lut", m->buckets);
    n += stat_i64(r, "overhead.db.hashtable.rehashing", 0);
    n += stat_i64(r, "overhead.total", m->overhead);
    n += stat_i64(r, "keys.count", m->keys);
    n += stat_i64(r, "keys.bytes-per-key", m->keys ? data / m->keys : 0);
    n += stat_i64(r, "dataset.bytes", m->dataset);
    n += stat_double(r, "dataset.percentage", memory_dataset_percent(m));
    n += stat_double(r, "peak.percentage", 100 * memory_ratio(m->used, m->peak));
    return n;
}

static size_t reply_allocator(struct reply *r, const struct memory_overview *m) {
    const struct heap_stats *h = &m->heap;
    size_t n = stat_i64(r, "allocator.allocated", h->allocated);
    n += stat_i64(r, "allocator.active", h->active);
    n += stat_i64(r, "allocator.resident", h->resident);
    n += stat_double(r, "allocator-fragmentation.ratio", memory_ratio(h->active, h->allocated));
    n += stat_i64(r, "allocator-fragmentation.bytes", h->active - h->allocated);
    n += stat_double(r, "allocator-rss.ratio", memory_ratio(h->resident, h->active));
    n += stat_i64(r, "allocator-rss.bytes", h->resident - h->active);
    n += stat_double(r, "rss-overhead.ratio", memory_ratio(m->rss, h->resident));
    n += stat_i64(r, "rss-overhead.bytes", m->rss - h->resident);
    n += stat_double(r, "fragmentation", memory_ratio(m->rss, m->used));
    n += stat_i64(r, "fragmentation.bytes", m->rss - m->used);
    return n;
}

static void cmd_memory_stats(struct call *c) {
    struct memory_overview m;
    memory_overview_read(server_of(c->engine), &m);
    struct reply_mark mark = reply_begin(c->reply);
    size_t n = reply_use(c->reply, c->engine, &m);
    n += reply_databases(c->reply, &c->engine->keyspace);
    n += reply_data(c->reply, &m);
    n += reply_allocator(c->reply, &m);
    reply_end_map(c->reply, mark, n);
}

/* MEMORY DOCTOR. */

enum {
    MB = 1024 * 1024,
    DOCTOR_MIN = 5 * MB,        /* with less in use, ratios mean nothing */
    DOCTOR_MIN_LOST = 10 * MB,  /* less isn't worth a word */
    DOCTOR_CLIENT = 200 * 1024, /* bytes of a connection, on average */
};

static void find(struct buf *out, bool found, const char *what) {
    if (found) buf_appendf(out, "* %s\n", what);
}

/* Is `part` more than `ratio` times `whole`, and by enough bytes to matter? */
static bool is_above(size_t part, size_t whole, double ratio) {
    return memory_ratio(part, whole) > ratio && part - whole > DOCTOR_MIN_LOST;
}

static void examine(const struct server *s, const struct memory_overview *m, struct buf *out) {
    const struct heap_stats *h = &m->heap;
    find(out, memory_ratio(m->peak, m->used) > 1.5,
         "High peak: much more memory was in use once than is now. The resident size stays high "
         "until the allocator gives the pages back; MEMORY PURGE asks it to. Otherwise harmless.");
    find(out, is_above(m->rss, m->used, 1.4),
         "High total overhead: the process takes at least 1.4 times the memory that is in use. "
         "What follows says where it is.");
    find(out, is_above(h->active, h->allocated, 1.1),
         "Fragmentation: pages in use are more than a tenth empty, as happens after many values "
         "of changing sizes. It goes as new values fill the holes, or with a restart.");
    find(out, is_above(h->resident, h->active, 1.1),
         "Unused pages: the allocator keeps pages that hold nothing, usually after mass deletion. "
         "It gives them back by and by; MEMORY PURGE makes it do so now.");
    find(out, is_above(m->rss, h->resident, 1.1),
         "Memory beside the allocator: something else in the process takes more than a tenth of "
         "its size.");
    find(out, s->client_count > 0 && m->clients / s->client_count > DOCTOR_CLIENT,
         "Large clients: connections take over 200 KB on average. Perhaps some send requests "
         "faster than they read replies, or pipelines are very deep; CLIENT LIST shows which.");
}

static void cmd_memory_doctor(struct call *c) {
    struct server *s = server_of(c->engine);
    struct memory_overview m;
    memory_overview_read(s, &m);
    struct buf text = BUF_INIT;
    if (m.used < DOCTOR_MIN) {
        buf_append_str(&text, "There is too little in memory to tell anything from it.\n");
    } else {
        examine(s, &m, &text);
        if (text.len == 0) buf_append_str(&text, "Nothing about the memory looks wrong.\n");
    }
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

/* The rest. */

static void cmd_memory_purge(struct call *c) {
    heap_purge();
    reply_ok(c->reply);
}

static void cmd_memory_malloc_stats(struct call *c) {
    struct buf report = BUF_INIT;
    if (!heap_report(&report))
        buf_append_str(&report, "The allocator of this build makes no report.\n");
    reply_verbatim(c->reply, buf_slice(&report), "txt");
    buf_release(&report);
}

static void cmd_memory_help(struct call *c) {
    static const char *const lines[] = {
        "DOCTOR",
        "    Say what looks wrong about the memory, and what to do about it.",
        "MALLOC-STATS",
        "    Show the report of the memory allocator.",
        "PURGE",
        "    Give unused memory back to the system.",
        "STATS",
        "    Show where the memory is.",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes that <key> takes with its value. Of a collection <count> elements are looked at",
        "    (default: 5, 0 for all of them).",
        NULL};
    call_reply_help(c, lines);
}

#define ALL_SHARDS_TIPS                                                                            \
    "nondeterministic_output\nrequest_policy:all_shards\nresponse_policy:special"

static const struct command subcommands[] = {
    {
        .name = "doctor",
        .run = cmd_memory_doctor,
        .arity = 2,
        .group = "server",
        .summary = "Says what looks wrong about the use of memory.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .tips = ALL_SHARDS_TIPS,
    },
    COMMAND_HELP(cmd_memory_help, 0, "server", "4.0.0"),
    {
        .name = "malloc-stats",
        .run = cmd_memory_malloc_stats,
        .arity = 2,
        .group = "server",
        .summary = "Shows the report of the memory allocator.",
        .since = "4.0.0",
        .complexity = "Depends on how much memory is in use; the report can be long.",
        .tips = ALL_SHARDS_TIPS,
    },
    {
        .name = "purge",
        .run = cmd_memory_purge,
        .arity = 2,
        .group = "server",
        .summary = "Gives unused memory back to the system.",
        .since = "4.0.0",
        .complexity = "Depends on how much memory is unused.",
        .tips = "request_policy:all_shards\nresponse_policy:all_succeeded",
    },
    {
        .name = "stats",
        .run = cmd_memory_stats,
        .arity = 2,
        .group = "server",
        .summary = "Shows where the memory is.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .tips = ALL_SHARDS_TIPS,
    },
    {
        .name = "usage",
        .run = cmd_memory_usage,
        .arity = -3,
        .flags = CMD_READONLY,
        .keys = {KEY_AT(2, KEY_RO)},
        .group = "server",
        .summary = "Estimates the memory that a key and its value take.",
        .since = "4.0.0",
        .complexity = "O(N) in the number of samples",
        .syntax = "key [SAMPLES count]",
    },
    {.name = NULL},
};

const struct command memory_commands[] = {
    {
        .name = "memory",
        .arity = -2,
        .subcommands = subcommands,
        .group = "server",
        .summary = "Holds the commands about memory.",
        .since = "4.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
