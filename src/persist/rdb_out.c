/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/rdb_out.h"

#include "base/alloc.h"
#include "persist/rdb_opcodes.h"
#include "type/rewrite.h"
#include "type/type.h"

static void put_fact(struct rdb_writer *w, const char *name, struct slice value) {
    rdb_put_byte(w, RDB_OP_FACT);
    rdb_put_string(w, slice_str(name));
    rdb_put_string(w, value);
}

static void put_fact_number(struct rdb_writer *w, const char *name, uint64_t value) {
    rdb_put_byte(w, RDB_OP_FACT);
    rdb_put_string(w, slice_str(name));
    rdb_put_number(w, (int64_t)value);
}

static void put_library(void *ctx, struct slice text) {
    rdb_put_byte(ctx, RDB_OP_FUNCTIONS);
    rdb_put_string(ctx, text);
}

static void put_library_command(void *ctx, struct slice text) {
    rewrite_begin(ctx, 3);
    rewrite_word(ctx, SLICE("FUNCTION"));
    rewrite_word(ctx, SLICE("LOAD"));
    rewrite_word(ctx, text);
}

static void begin_commands(struct rdb_out *out, struct engine *e,
                           const struct rdb_out_options *options) {
    if (options->timed)
        buf_appendf(&out->w.buf, "#TS:%llu\r\n", (unsigned long long)(e->keyspace.now_ms / 1000));
    if (e->libraries.visit) e->libraries.visit(e, put_library_command, &out->w);
}

static void put_history(struct rdb_writer *w, const struct engine *e) {
    struct engine_history at;
    if (!e->history || !e->history(e, &at)) return;
    put_fact_number(w, "repl-stream-db", (uint64_t)at.db);
    put_fact(w, "repl-id", slice_str(at.id));
    put_fact_number(w, "repl-offset", (uint64_t)at.offset);
}

void rdb_out_begin(struct rdb_out *out, struct engine *e, const struct rdb_out_options *options) {
    struct rdb_writer *w = &out->w;
    out->db = RDB_OUT_NO_DB;
    out->commands = options->commands;
    w->version = options->version;
    w->compress = options->compress;
    if (out->commands) {
        begin_commands(out, e, options);
        return;
    }
    buf_appendf(&w->buf, "REDIS%04u", w->version);
    put_fact(w, "redis-ver", slice_str(w->version > RDB_VERSION_OLD ? "7.2.4" : "7.0.15"));
    put_fact_number(w, "redis-bits", sizeof(void *) == 8 ? 64 : 32);
    put_fact_number(w, "ctime", e->keyspace.now_ms / 1000);
    put_fact_number(w, "used-mem", mem_used());
    if (!options->aof_base) put_history(w, e);
    put_fact_number(w, "aof-base", options->aof_base);
    if (e->libraries.visit && !options->no_libraries) e->libraries.visit(e, put_library, w);
}

static void put_db(struct rdb_out *out, uint32_t id) {
    out->db = id;
    if (out->commands) {
        rewrite_begin(&out->w, 2);
        rewrite_word(&out->w, SLICE("SELECT"));
        rewrite_u64(&out->w, id);
    } else {
        rdb_put_byte(&out->w, RDB_OP_DB);
        rdb_put_len(&out->w, id);
    }
}

void rdb_out_db(struct rdb_out *out, uint32_t id, size_t keys, size_t deadlines) {
    if (out->commands) return;
    put_db(out, id);
    rdb_put_byte(&out->w, RDB_OP_SIZES);
    rdb_put_len(&out->w, keys);
    rdb_put_len(&out->w, deadlines);
}

/* How often or when it was used, if eviction goes by that. */
static void put_access(struct rdb_writer *w, const struct engine *e, const struct entry *entry) {
    const struct keyspace *ks = &e->keyspace;
    enum db_policy policy = (enum db_policy)e->settings.db.maxmemory_policy;
    if (ks->access.kind != ACCESS_LRU) {
        rdb_put_byte(w, RDB_OP_FREQUENCY);
        rdb_put_byte(w, access_frequency(&ks->access, entry->access, ks->now_ms));
    } else if (policy == DB_POLICY_ALLKEYS_LRU || policy == DB_POLICY_VOLATILE_LRU) {
        rdb_put_byte(w, RDB_OP_IDLE);
        rdb_put_len(w, access_idle_seconds(entry->access, ks->now_ms));
    }
}

void rdb_out_key(struct rdb_out *out, const struct engine *e, uint32_t db,
                 const struct entry *entry) {
    struct rdb_writer *w = &out->w;
    if (db != out->db) put_db(out, db);
    if (out->commands) return;
    if (entry->flags & ENTRY_DEADLINE) {
        rdb_put_byte(w, RDB_OP_DEADLINE_MS);
        rdb_put_u64(w, entry_deadline(entry));
    }
    put_access(w, e, entry);
    rdb_put_byte(w, type_of(entry)->rdb->code(entry, w->version));
    rdb_put_string(w, entry_key(entry));
}

static void put_deadline(struct rdb_out *out, const struct entry *entry) {
    if (!(entry->flags & ENTRY_DEADLINE)) return;
    rewrite_begin(&out->w, 3);
    rewrite_word(&out->w, SLICE("PEXPIREAT"));
    rewrite_word(&out->w, entry_key(entry));
    rewrite_u64(&out->w, entry_deadline(entry));
}

bool rdb_out_value(struct rdb_out *out, const struct entry *entry, struct rdb_walk *at,
                   size_t limit) {
    const struct type *type = type_of(entry);
    if (!out->commands) return type->rdb->save(entry, &out->w, at, limit);
    if (!type->rewrite(entry, &out->w, at, limit)) return false;
    put_deadline(out, entry);
    return true;
}

void rdb_out_entry(struct rdb_out *out, const struct engine *e, uint32_t db,
                   const struct entry *entry) {
    struct rdb_walk at = {0};
    rdb_out_key(out, e, db, entry);
    while (!rdb_out_value(out, entry, &at, SIZE_MAX)) continue;
}

void rdb_out_end(struct rdb_out *out) {
    if (!out->commands) rdb_put_byte(&out->w, RDB_OP_END);
}
