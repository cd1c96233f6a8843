/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/repl.h"

#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "repl/link.h"
#include "repl/role.h"

#define NO_ID "0000000000000000000000000000000000000000"

void repl_role_changed(struct repl *r) {}

static void forget_second(struct repl *r) {
    memcpy(r->id2, NO_ID, sizeof r->id2);
    r->second_offset = -1;
}

/* What there was under the id of now is known by the second from now on. */
static void keep_as_second(struct repl *r) {
    memcpy(r->id2, r->id, sizeof r->id2);
    r->second_offset = r->offset + 1;
}

void repl_new_history(struct repl *r) {
    repl_drop_replicas(r);
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
}

void repl_branch_history(struct repl *r) {
    repl_drop_replicas(r);
    keep_as_second(r);
    random_hex(r->id, REPL_ID_LEN);
    log_warning(&r->server->log,
                "Setting secondary replication ID to %s, valid up to offset: %lld. New replication "
                "ID is %s",
                r->id2, (long long)r->second_offset, r->id);
}

void repl_adopt_history(struct repl *r, const char *id, int64_t offset) {
    repl_drop_replicas(r);
    memcpy(r->id, id, REPL_ID_LEN);
    forget_second(r);
    r->offset = offset;
}

void repl_rename_history(struct repl *r, const char *id) {
    repl_drop_replicas(r);
    keep_as_second(r);
    memcpy(r->id, id, REPL_ID_LEN);
}

void repl_append_raw(struct repl *r, struct slice bytes) {
    r->offset += (int64_t)bytes.len;
}

void repl_drop_replicas(struct repl *r) {
    for (struct client *c = r->server->clients; c; c = c->next)
        if (c->kind == CLIENT_REPLICA) client_close_soon(c);
}

/* INFO. */

static void write_info(void *ctx, struct buf *out) {
    const struct repl *r = ctx;
    info_str(out, "role", repl_is_replica(r) ? "slave" : "master");
    if (r->link) link_write_info(r->link, out);
    info_u64(out, "connected_slaves", 0);
    info_str(out, "master_failover_state", "no-failover");
    info_str(out, "master_replid", r->id);
    info_str(out, "master_replid2", r->id2);
    info_i64(out, "master_repl_offset", r->offset);
    info_i64(out, "second_repl_offset", r->second_offset);
    info_u64(out, "repl_backlog_active", 0);
    info_u64(out, "repl_backlog_size", r->config.backlog_size);
    info_u64(out, "repl_backlog_first_byte_offset", 0);
    info_u64(out, "repl_backlog_histlen", 0);
}

/* The extension. */

static void init(struct server *s) {
    struct repl *r = mem_zalloc(sizeof *r);
    s->repl = r;
    r->server = s;
    repl_config_register(s->registry, &r->config);
    link_config_register(s->registry, &r->link_config);
    engine_add_families(&s->engine, (const struct command *const[]){role_commands, NULL});
    info_register(s->engine.info,
                  (struct info_section){"replication", "Replication", INFO_DEFAULT, write_info, r});
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
}

static bool open(struct server *s) {
    role_open(s->repl);
    return true;
}

static bool begin(struct server *s) {
    role_begin(s->repl);
    return true;
}

static void cron(struct server *s) {
    if (s->repl->link) link_cron(s->repl->link);
}

static void end(struct server *s) {
    if (s->repl->link) link_end(s->repl);
}

static void release(struct server *s) {
    mem_free(s->repl);
    s->repl = NULL;
}

static bool debug(struct call *c) {
    struct repl *r = repl_of_engine(c->engine);
    if (c->argc != 2 || !arg_is(c, 1, "CHANGE-REPL-ID")) return false;
    log_notice(&r->server->log, "Changing replication IDs after receiving DEBUG change-repl-id");
    random_hex(r->id, REPL_ID_LEN);
    forget_second(r);
    reply_ok(c->reply);
    return true;
}

const struct server_extension repl_extension = {
    .init = init,
    .open = open,
    .begin = begin,
    .cron = cron,
    .end = end,
    .release = release,
    .debug = debug,
};
