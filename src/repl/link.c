/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/link.h"
#include "repl/link_stream.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/conn.h"
#include "io/connect.h"
#include "repl/role.h"

enum { SECOND_US = 1000 * 1000, RETRY_US = SECOND_US, RETRY_SOON_US = SECOND_US / 10 };

static struct server *server_of_link(const struct repl_link *l) {
    return l->repl->server;
}

static uint64_t now_us(void) {
    return (uint64_t)clock_mono_us();
}

/* Life. */

void link_start(struct repl *r, const char *host, int port, bool resumable) {
    struct repl_link *l = mem_zalloc(sizeof *l);
    l->repl = r;
    l->host = mem_strdup(host);
    l->port = port;
    l->resumable = resumable;
    l->watch = (struct loop_watch){.fd = -1, .on_ready = link_talk_ready};
    l->more.on_due = link_talk_more;
    l->sync.file = -1;
    r->link = l;
}

bool link_end(struct repl *r) {
    struct repl_link *l = r->link;
    link_stream_end(l);
    link_lost(l);
    bool resumable = l->resumable;
    buf_release(&l->open);
    mem_free(l->host);
    mem_free(l);
    r->link = NULL;
    return resumable;
}

void link_connect(struct repl_link *l) {
    struct server *s = server_of_link(l);
    const char *why = "";
    l->tried_us = l->heard_us = now_us();
    int fd = connect_start(l->host, l->port, s->config.bind_source_addr, &why);
    l->watch.fd = fd;
    if (fd >= 0 && loop_watch_start(s->loop, &l->watch, LOOP_WRITE) < 0) {
        why = "it can't be watched";
        close(fd);
        l->watch.fd = -1;
    }
    if (l->watch.fd < 0) {
        log_warning(&s->log, "Unable to connect to MASTER: %s", why);
        return;
    }
    l->state = LINK_CONNECTING;
    log_notice(&s->log, "MASTER <-> REPLICA sync started");
}

void link_lost(struct repl_link *l) {
    if (l->watch.fd >= 0) {
        loop_watch_stop(server_of_link(l)->loop, &l->watch);
        loop_timer_stop(server_of_link(l)->loop, &l->more);
        conn_close(l->watch.fd, l->tls);
        l->watch.fd = -1;
        l->tls = NULL;
    }
    sync_receive_abort(l);
    l->state = LINK_WAITING;
}

void link_up(struct repl_link *l) {
    struct server *s = server_of_link(l);
    int fd = l->watch.fd;
    struct tls *tls = l->tls;
    loop_watch_stop(s->loop, &l->watch);
    loop_timer_stop(s->loop, &l->more);
    l->watch.fd = -1;
    l->tls = NULL;
    struct client *c = client_primary_new(s, fd, tls);
    if (!c) {
        link_lost(l);
        return;
    }
    session_select(&c->session, l->db);
    l->repl->db = l->db;
    l->ack_asked = false;
    l->state = LINK_UP;
    l->resumable = true;
    l->heard_us = l->acked_us = now_us();
    l->heard_bytes = 0;
    l->stream_begin = l->repl->offset;
    buf_clear(&l->open);
    role_apply(l->repl);
}

/* Time. */

static bool silent(const struct repl_link *l) {
    uint64_t timeout_us = (uint64_t)l->repl->config.timeout * SECOND_US;
    return now_us() - l->heard_us > timeout_us;
}

static void try_again(struct repl_link *l) {
    if (now_us() - l->tried_us < (l->taking_over ? RETRY_SOON_US : RETRY_US)) return;
    log_notice(&server_of_link(l)->log, "Connecting to MASTER %s:%d", l->host, l->port);
    link_connect(l);
}

static void give_up_silent(struct repl_link *l, const char *what) {
    if (!silent(l)) return;
    log_warning(&server_of_link(l)->log, "%s", what);
    link_lost(l);
}

static void watch_stream(struct repl_link *l) {
    struct client *c = server_of_link(l)->primary.client;
    if (c->bytes_in != l->heard_bytes) l->heard_us = now_us();
    l->heard_bytes = c->bytes_in;
    if (silent(l)) {
        log_warning(&server_of_link(l)->log, "MASTER timeout: no data nor PING received...");
        client_close_soon(c);
    } else if (now_us() - l->acked_us >= SECOND_US) {
        link_acknowledge(l);
    }
}

void link_cron(struct repl_link *l) {
    switch (l->state) {
    case LINK_WAITING: try_again(l); break;
    case LINK_CONNECTING:
    case LINK_HANDSHAKE: give_up_silent(l, "Timeout connecting to the MASTER..."); break;
    case LINK_SYNC:
        give_up_silent(l, "Timeout receiving bulk data from MASTER... If the problem persists try "
                          "to set the 'repl-timeout' parameter in redis.conf to a larger value.");
        break;
    case LINK_UP: watch_stream(l); break;
    }
}

/* What it tells. */

const char *link_state_name(const struct repl_link *l) {
    static const char *const names[] = {
        [LINK_WAITING] = "connect",     [LINK_CONNECTING] = "connecting",
        [LINK_HANDSHAKE] = "handshake", [LINK_SYNC] = "sync",
        [LINK_UP] = "connected",
    };
    return names[l->state];
}

int64_t link_read_offset(const struct repl_link *l) {
    const struct client *c = server_of_link(l)->primary.client;
    return c ? l->stream_begin + (int64_t)c->bytes_in : l->repl->offset;
}

static void write_progress(const struct repl_link *l, struct buf *out) {
    const struct sync_receive *sync = &l->sync;
    double perc = sync->size > 0 ? 100.0 * (double)sync->read / (double)sync->size : 0;
    info_i64(out, "master_sync_total_bytes", sync->size);
    info_i64(out, "master_sync_read_bytes", sync->read);
    info_i64(out, "master_sync_left_bytes", sync->size - sync->read);
    info_f2(out, "master_sync_perc", perc);
    info_u64(out, "master_sync_last_io_seconds_ago", (now_us() - l->heard_us) / SECOND_US);
}

void link_write_info(const struct repl_link *l, struct buf *out) {
    const struct link_config *config = &l->repl->link_config;
    bool up = l->state == LINK_UP;
    int64_t now_s = clock_wall_us() / SECOND_US;
    info_str(out, "master_host", l->host);
    info_i64(out, "master_port", l->port);
    info_str(out, "master_link_status", up ? "up" : "down");
    info_i64(out, "master_last_io_seconds_ago",
             up ? (int64_t)((now_us() - l->heard_us) / SECOND_US) : -1);
    info_u64(out, "master_sync_in_progress", l->state == LINK_SYNC);
    info_i64(out, "slave_read_repl_offset", link_read_offset(l));
    info_i64(out, "slave_repl_offset", l->repl->offset);
    if (l->state == LINK_SYNC) write_progress(l, out);
    if (!up)
        info_i64(out, "master_link_down_since_seconds",
                 l->down_since_s ? now_s - l->down_since_s : -1);
    info_i64(out, "slave_priority", config->priority);
    info_u64(out, "slave_read_only", config->read_only);
    info_u64(out, "replica_announced", config->announced);
}
