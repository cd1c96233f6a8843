/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/repl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "repl/link.h"
#include "repl/link_stream.h"
#include "repl/repl_info.h"
#include "repl/role.h"

#define NO_ID "0000000000000000000000000000000000000000"

/* The stream. */

static void append(struct repl *r, struct slice bytes) {
    backlog_append(&r->backlog, bytes);
    r->offset += (int64_t)bytes.len;
    r->server->engine.replicated = (uint64_t)r->offset;
}

static void select_db(struct repl *r, uint32_t db) {
    char digits[NUM_I64_MAX], text[NUM_I64_MAX + 32];
    int len = (int)num_from_u64(digits, db);
    int all =
        snprintf(text, sizeof text, "*2\r\n$6\r\nSELECT\r\n$%d\r\n%.*s\r\n", len, len, digits);
    r->db = db;
    append(r, slice_of(text, (size_t)all));
}

static void feed(struct engine *e, uint32_t db, struct slice command) {
    struct repl *r = repl_of_engine(e);
    if (db != r->db && db != PROPAGATE_ANY_DB) select_db(r, db);
    append(r, command);
}

void repl_say(struct repl *r, struct slice command) {
    if (backlog_is_there(&r->backlog) && !repl_is_replica(r)) append(r, command);
}

void repl_append_raw(struct repl *r, struct slice bytes) {
    if (backlog_is_there(&r->backlog))
        append(r, bytes);
    else
        r->offset += (int64_t)bytes.len;
}

/* A primary with a backlog makes a stream. */
static void feed_as_due(struct repl *r) {
    bool feeds = backlog_is_there(&r->backlog) && !repl_is_replica(r);
    r->server->engine.replicated = (uint64_t)r->offset;
    propagate_switch(&r->server->engine, PROPAGATE_REPLICAS, feeds);
}

void repl_role_changed(struct repl *r) {
    r->db = PROPAGATE_ANY_DB;
    feed_as_due(r);
    replicas_count_good(r);
}

void repl_begin_backlog(struct repl *r) {
    if (backlog_is_there(&r->backlog)) return;
    r->backlog.size = r->config.backlog_size;
    backlog_begin(&r->backlog, r->offset);
    r->db = PROPAGATE_ANY_DB;
    r->replicas.none_since_us = loop_now_us(r->server->loop);
    feed_as_due(r);
}

/* What is kept beyond the size is for who lags: as in Redis no key has to go for it. */
static void count_memory(struct repl *r) {
    uint64_t memory = r->backlog.memory, size = r->backlog.size;
    uint64_t beyond = memory > size ? memory - size : 0;
    keyspace_uncount(&r->server->engine.keyspace, &r->uncounted, (size_t)beyond);
}

void repl_end_backlog(struct repl *r) {
    repl_drop_replicas(r);
    full_sync_forget_cut(r);
    backlog_release(&r->backlog);
    count_memory(r);
    feed_as_due(r);
}

/* Histories. */

static void forget_second(struct repl *r) {
    memcpy(r->id2, NO_ID, sizeof r->id2);
    r->second_offset = -1;
}

/* What there was under the id of now is known by the second from now on. */
static void keep_as_second(struct repl *r) {
    memcpy(r->id2, r->id, sizeof r->id2);
    r->second_offset = r->offset + 1;
}

/* Snapshots that are under way are of the history of before. */
static void part(struct repl *r) {
    repl_drop_replicas(r);
    full_sync_forget_cut(r);
}

void repl_new_history(struct repl *r) {
    part(r);
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
}

void repl_branch_history(struct repl *r) {
    part(r);
    keep_as_second(r);
    random_hex(r->id, REPL_ID_LEN);
    log_warning(&r->server->log,
                "Setting secondary replication ID to %s, valid up to offset: %lld. New replication "
                "ID is %s",
                r->id2, (long long)r->second_offset, r->id);
}

void repl_adopt_history(struct repl *r, const char *id, int64_t offset) {
    repl_end_backlog(r);
    memcpy(r->id, id, REPL_ID_LEN);
    forget_second(r);
    r->offset = offset;
    synced_reset(&r->synced);
    repl_begin_backlog(r);
}

void repl_rename_history(struct repl *r, const char *id) {
    part(r);
    keep_as_second(r);
    memcpy(r->id, id, REPL_ID_LEN);
}

void repl_drop_replicas(struct repl *r) {
    replicas_drop(r);
}

/* The extension. */

static void config_changed(struct repl_config *config) {
    struct repl *r = (struct repl *)((char *)config - offsetof(struct repl, config));
    r->backlog.size = config->backlog_size;
    r->server->limits.replica_least = config->backlog_size;
    backlog_trim(&r->backlog);
    replicas_count_good(r);
}

static void init(struct server *s) {
    struct repl *r = mem_zalloc(sizeof *r);
    s->repl = r;
    r->server = s;
    r->db = PROPAGATE_ANY_DB;
    repl_config_register(s->registry, &r->config);
    link_config_register(s->registry, &r->link_config);
    engine_add_families(&s->engine, repl_families);
    repl_info_register(r);
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
    synced_reset(&r->synced);
    replicas_init(r);
    s->engine.feed[PROPAGATE_REPLICAS] = feed;
}

static bool open_repl(struct server *s) {
    struct repl *r = s->repl;
    r->config.on_change = config_changed;
    config_changed(&r->config);
    full_sync_init(r);
    role_open(r);
    return true;
}

/* As in Redis a history that nobody has asked for in a long time isn't kept, and a new one begins
 * with the next replica: the time in between isn't in any. */
static void end_idle_backlog(struct repl *r) {
    uint64_t ttl_us = (uint64_t)r->config.backlog_ttl * 1000000;
    if (!ttl_us || r->replicas.all.count || !backlog_is_there(&r->backlog) || repl_is_replica(r))
        return;
    if (loop_now_us(r->server->loop) - r->replicas.none_since_us <= ttl_us) return;
    repl_end_backlog(r);
    repl_new_history(r);
    log_notice(&r->server->log,
               "Replication backlog freed after %lld seconds without connected replicas.",
               (long long)r->config.backlog_ttl);
}

static void follow_cron(struct repl *r) {
    struct server *s = r->server;
    if (!s->debug.no_active_expiry) own_expiry_round(&r->own_expiry);
    s->stats.own_expiries = table_count(&r->own_expiry.keys);
    link_cron(r->link);
}

static void cron(struct server *s) {
    struct repl *r = s->repl;
    if (r->link) follow_cron(r);
    failover_check(r);
    replicas_cron(r);
    full_sync_cron(r);
    end_idle_backlog(r);
}

static void turn_end(struct server *s) {
    struct repl *r = s->repl;
    if (r->link) {
        synced_turn_end(r);
        if (r->link->ack_asked) link_acknowledge(r->link);
    }
    if (!backlog_is_there(&r->backlog) && !r->replicas.all.count && !r->waits.first) return;
    failover_check(r);
    full_sync_turn_end(r);
    repl_waits_turn_end(r);
    replicas_turn_end(r);
}

/* What has been sent, or who was waiting for it, is gone. */
static void turn_over(struct server *s) {
    struct repl *r = s->repl;
    if (!backlog_is_there(&r->backlog) && !r->uncounted) return;
    backlog_trim(&r->backlog);
    count_memory(r);
}

static bool begin(struct server *s) {
    role_begin(s->repl);
    return true;
}

static void end(struct server *s) {
    if (s->repl->link) link_end(s->repl);
}

static bool holds_end(struct server *s) {
    return replicas_lag(s->repl);
}

static void before_end(struct server *s) {
    replicas_log_lag(s->repl);
}

static void release(struct server *s) {
    struct repl *r = s->repl;
    full_sync_forget_cut(r);
    full_sync_release(r);
    backlog_release(&r->backlog);
    failover_release(r);
    own_expiry_release(&r->own_expiry);
    mem_free(r);
    s->repl = NULL;
}

/* DEBUG REPLICATE: what replicas are told that this server doesn't do itself. */
static void debug_replicate(struct call *c, struct repl *r) {
    struct buf text = BUF_INIT;
    buf_appendf(&text, "*%d\r\n", c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        buf_appendf(&text, "$%zu\r\n", c->argv[i].len);
        buf_append_slice(&text, c->argv[i]);
        buf_append_str(&text, "\r\n");
    }
    repl_say(r, buf_slice(&text));
    buf_release(&text);
    reply_ok(c->reply);
}

static bool debug(struct call *c) {
    struct repl *r = repl_of_engine(c->engine);
    if (c->argc > 2 && arg_is(c, 1, "REPLICATE")) {
        debug_replicate(c, r);
        return true;
    }
    if (c->argc != 2 || !arg_is(c, 1, "CHANGE-REPL-ID")) return false;
    log_notice(&r->server->log, "Changing replication IDs after receiving DEBUG change-repl-id");
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
    reply_ok(c->reply);
    return true;
}

const struct server_extension repl_extension = {
    .init = init,
    .open = open_repl,
    .begin = begin,
    .cron = cron,
    .turn_end = turn_end,
    .turn_over = turn_over,
    .holds_end = holds_end,
    .before_end = before_end,
    .end = end,
    .release = release,
    .debug = debug,
    .memory = repl_info_memory,
};
