/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/repl_info.h"

#include "repl/link.h"
#include "server/client_memory.h"
#include "server/memory_overview.h"

static uint64_t lag_s(const struct repl *r, const struct replica *p) {
    if (p->state != REPLICA_ONLINE) return 0;
    return (loop_now_us(r->server->loop) - p->acked_us) / 1000000;
}

static void write_replicas(const struct repl *r, struct buf *out) {
    int i = 0;
    info_u64(out, "connected_slaves", r->replicas.all.count);
    if (replicas_are_wanted(&r->config)) info_u64(out, "min_slaves_good_slaves", r->replicas.good);
    info_u64(out, "replicas_waiting_psync", 0); /* of syncs on two connections */
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        char ip[REPLICA_NAME_MAX];
        replica_ip(p, ip);
        buf_appendf(out, "slave%d:ip=%s,port=%lld,state=%s,offset=%lld,lag=%llu\r\n", i++, ip,
                    (long long)p->port, replica_state_name(p), (long long)p->acked,
                    (unsigned long long)lag_s(r, p));
    }
}

static void write_history(const struct repl *r, struct buf *out) {
    const struct backlog *b = &r->backlog;
    bool there = backlog_is_there(b);
    info_str(out, "master_replid", r->id);
    info_str(out, "master_replid2", r->id2);
    info_i64(out, "master_repl_offset", r->offset);
    info_i64(out, "second_repl_offset", r->second_offset);
    info_u64(out, "repl_backlog_active", there);
    info_u64(out, "repl_backlog_size", r->config.backlog_size);
    info_i64(out, "repl_backlog_first_byte_offset", there ? backlog_start(b) + 1 : 0);
    info_i64(out, "repl_backlog_histlen", there ? b->end - backlog_start(b) : 0);
}

static void write_info(void *ctx, struct buf *out) {
    const struct repl *r = ctx;
    info_str(out, "role", repl_is_replica(r) ? "slave" : "master");
    if (r->link) link_write_info(r->link, out);
    write_replicas(r, out);
    info_str(out, "master_failover_state", failover_state_name(r));
    write_history(r, out);
}

void repl_info_register(struct repl *r) {
    info_register(r->server->engine.info,
                  (struct info_section){"replication", "Replication", INFO_DEFAULT, write_info, r});
}

/* As in Redis the backlog's memory is up to its size as long as there are replicas; what is kept
 * beyond that is theirs. What is being sent to those that are online are parts of it. */
void repl_info_memory(const struct server *s, struct memory_overview *m) {
    const struct repl *r = repl_of(s);
    size_t size = (size_t)r->config.backlog_size, memory = r->backlog.memory;
    m->replication_buffers = m->replication_backlog = memory;
    if (memory > size && r->replicas.all.count) {
        m->replication_backlog = size;
        m->replicas = memory - size;
    }
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        m->replicas += client_memory_of(p->client);
        if (p->state == REPLICA_ONLINE) m->replicas -= p->client->session.own_reply.memory;
    }
}

static void reply_primary(const struct repl *r, struct reply *to) {
    reply_array(to, 3);
    reply_bulk_str(to, "master");
    reply_i64(to, r->offset);
    struct reply_mark mark = reply_begin(to);
    size_t count = 0;
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        char ip[REPLICA_NAME_MAX];
        if (p->state != REPLICA_ONLINE) continue;
        replica_ip(p, ip);
        reply_array(to, 3);
        reply_bulk_str(to, ip);
        reply_bulk_i64(to, p->port);
        reply_bulk_i64(to, p->acked);
        count++;
    }
    reply_end_array(to, mark, count);
}

void repl_info_reply_role(const struct repl *r, struct reply *to) {
    const struct repl_link *l = r->link;
    if (!l) {
        reply_primary(r, to);
        return;
    }
    reply_array(to, 5);
    reply_bulk_str(to, "slave");
    reply_bulk_str(to, l->host);
    reply_i64(to, l->port);
    reply_bulk_str(to, link_state_name(l));
    reply_i64(to, l->state == LINK_UP ? r->offset : -1);
}
