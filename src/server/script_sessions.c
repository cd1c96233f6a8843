/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/script_sessions.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cell.h"
#include "base/clock.h"
#include "io/conn.h"
#include "script/script_engine.h"
#include "server/client_list.h"
#include "server/server.h"

enum {
    RECEIVE_SIZE = 4096,
    SEND_MS = 5000, /* who takes nothing for so long is gone */
};

/* The wire. */

static int receive(void *ctx, struct buf *to, int wait_ms) {
    struct client *c = ctx;
    struct pollfd fd = {.fd = c->watch.fd, .events = POLLIN};
    if (!conn_pending(c->tls) && poll(&fd, 1, wait_ms) <= 0) return 0;
    ssize_t got = conn_receive(fd.fd, c->tls, buf_reserve(to, RECEIVE_SIZE), RECEIVE_SIZE);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    to->len += (size_t)got;
    c->bytes_in += (uint64_t)got;
    c->server->stats.net_in += (uint64_t)got;
    return 1;
}

static bool send_all(void *ctx, struct slice bytes) {
    struct client *c = ctx;
    while (bytes.len) {
        struct pollfd fd = {.fd = c->watch.fd, .events = POLLOUT};
        ssize_t sent = conn_send(fd.fd, c->tls, &bytes, 1);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0 && poll(&fd, 1, SEND_MS) == 0) return false;
        if (sent <= 0) continue;
        bytes = slice_of(bytes.ptr + sent, bytes.len - (size_t)sent);
        c->bytes_out += (uint64_t)sent;
        c->server->stats.net_out += (uint64_t)sent;
    }
    return true;
}

static bool is_lost(void *ctx) {
    const struct client *c = ctx;
    struct pollfd fd = {.fd = c->watch.fd, .events = POLLRDHUP};
    return poll(&fd, 1, 0) > 0;
}

static bool send_replies(struct client *c) {
    struct reply *r = &c->session.own_reply;
    struct slice piece;
    while (reply_slices(r, &piece, 1)) {
        if (!send_all(c, piece)) return false;
        reply_consume(r, piece.len);
    }
    return true;
}

/* Processes of their own. */

static void forget_signals(void) {
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The client's socket becomes the lowest descriptor but the standard ones, the others are closed.
 * The loop gets a new epoll instance: it shared its parent's. */
static void keep_one_descriptor(struct server *s, struct client *c) {
    const int kept = STDERR_FILENO + 1;
    if (c->watch.fd != kept) dup2(c->watch.fd, kept);
    c->watch.fd = kept;
    if (c->tls) tls_move(c->tls, kept);
    close_range((unsigned)kept + 1, ~0U, 0);
    loop_forked(s->loop);
}

/* What would reach beyond this process isn't done any more. */
static void cut_off(struct server *s) {
    struct engine *e = &s->engine;
    struct keyspace_hooks *hooks = &e->keyspace.hooks;
    hooks->discard = NULL;
    hooks->discard_table = NULL;
    hooks->before_change = NULL;
    hooks->before_free = NULL;
    hooks->before_flush = NULL;
    hooks->defers_expiry = NULL;
    e->background = NULL;
    e->yield = NULL;
    e->flushed_all = NULL;
    e->gates &= ~(unsigned)GATE_DISK;
    propagate_pause(e);
    s->migrate.links = NULL;
}

static void become_child(struct server *s, struct client *c) {
    forget_signals();
    log_set_role(&s->log, LOG_ROLE_CHILD);
    keep_one_descriptor(s, c);
    cut_off(s);
}

static void add_child(struct script_sessions *all, pid_t pid) {
    if (all->count == all->cap) {
        all->cap = all->cap ? 2 * all->cap : 4;
        all->children = mem_realloc(all->children, all->cap * sizeof *all->children);
    }
    all->children[all->count++] = pid;
}

static enum debugger_place take_forked(struct call *call, struct client *c) {
    struct server *s = c->server;
    uint64_t start_us = (uint64_t)clock_mono_us();
    cell_fork_begin();
    pid_t pid = fork();
    cell_fork_end();
    if (pid == 0) {
        become_child(s, c);
        return DEBUGGER_HERE;
    }
    if (pid < 0) {
        log_warning(&s->log, "Can't fork for a script debugging session: %s", strerror(errno));
        reply_errorf(call->reply, "ERR Can't fork for a script debugging session: %s",
                     strerror(errno));
        return DEBUGGER_NOWHERE;
    }
    s->script_sessions.forks++;
    s->script_sessions.fork_us = (uint64_t)clock_mono_us() - start_us;
    add_child(&s->script_sessions, pid);
    log_notice(&s->log, "Script debugging session started in process %ld", (long)pid);
    if (c->tls) tls_abandon(c->tls);
    client_close_soon(c); /* here: the child goes on with the connection */
    return DEBUGGER_ELSEWHERE;
}

void script_sessions_cron(struct server *s) {
    struct script_sessions *all = &s->script_sessions;
    for (size_t i = all->count; i--;) {
        if (waitpid(all->children[i], NULL, WNOHANG) == 0) continue;
        log_notice(&s->log, "Script debugging session in process %ld ended",
                   (long)all->children[i]);
        all->children[i] = all->children[--all->count];
    }
}

/* The debugger's hooks. */

static enum debugger_place take(struct call *call, bool forked, struct debugger_wire *wire) {
    struct client *c = client_of(call->session);
    if (!send_replies(c)) {
        client_close_soon(c);
        return DEBUGGER_ELSEWHERE;
    }
    *wire = (struct debugger_wire){c, receive, send_all, is_lost};
    if (forked) return take_forked(call, c);
    log_warning(&c->server->log, "Script debugging session started, the server stands still");
    return DEBUGGER_HERE;
}

static void give_back(struct call *call, bool forked) {
    struct client *c = client_of(call->session);
    if (forked) {
        send_replies(c);
        _exit(0);
    }
    log_warning(&c->server->log, "Script debugging session ended");
    client_close_after_reply(c);
}

void script_sessions_init(struct server *s) {
    s->engine.scripts->debugging = (struct debugger_hooks){take, give_back};
}

void script_sessions_release(struct server *s) {
    struct script_sessions *all = &s->script_sessions;
    for (size_t i = 0; i < all->count; i++) {
        kill(all->children[i], SIGKILL);
        waitpid(all->children[i], NULL, 0);
    }
    mem_free(all->children);
}
