/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cluster/bus.h"
#include "cluster/message.h"
#include "cluster/receive.h"
#include "io/conn.h"
#include "io/connect.h"
#include "server/busy.h"

enum {
    READ_STEP = 16 * 1024,
    ACCEPTS_PER_TURN = 64,
    BACKLOG = 511,
    KEPT = 64 * 1024,               /* bytes of a buffer that stay for the next message */
    STRANGER_MAX = 8 * 1024 * 1024, /* of a message from who isn't known: above the largest ping */
    ANSWERS_MAX = 1024 * 1024,      /* to who doesn't read them: then it isn't read from, either */
    HELD_MAX = 64 * 1024 * 1024,    /* that waits while this node is busy */
};

static void on_ready(struct loop_watch *watch, unsigned ready);
static void on_more(struct loop_timer *timer);

static struct loop *loop_of(const struct cluster_link *l) {
    return l->cluster->server->loop;
}

/* Life. */

static struct cluster_link *add(struct cluster *c, int fd, unsigned interest) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    struct cluster_link *l = mem_zalloc(sizeof *l);
    *l = (struct cluster_link){.watch = {.fd = fd, .on_ready = on_ready, .nested = true},
                               .more = {.on_due = on_more},
                               .cluster = c,
                               .next = c->bus.links,
                               .created_ms = (uint64_t)clock_wall_ms()};
    if (loop_watch_start(c->server->loop, &l->watch, interest) < 0) {
        close(fd);
        mem_free(l);
        return NULL;
    }
    if (l->next) l->next->prev = l;
    c->bus.links = l;
    return l;
}

/* What the link waits for before anything is said on it. */
static void begin(struct cluster_link *l) {
    const struct server_tls *tls = &l->cluster->server->tls;
    l->connecting = l->outbound || tls->cluster;
    if (!tls->cluster) return;
    l->tls = l->outbound ? tls_connect(tls->context, l->watch.fd)
                         : tls_accept(tls->context, l->watch.fd, TLS_VERIFY_YES);
    if (!l->tls) link_close(l);
}

/* Numeric addresses only: names were looked up by whoever told them. */
static struct addrinfo *address_of(const char *ip, uint16_t port, int flags) {
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | flags};
    struct addrinfo *found = NULL;
    return getaddrinfo(ip, service, &hints, &found) == 0 ? found : NULL;
}

bool link_open(struct cluster *c, struct cluster_node *n) {
    struct addrinfo *to = address_of(n->ip, n->bus_port, 0);
    if (!to) return false;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool begun = fd >= 0 && (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS);
    freeaddrinfo(to);
    struct cluster_link *l = begun ? add(c, fd, LOOP_WRITE) : NULL;
    if (!begun && fd >= 0) close(fd);
    if (!l) return false;
    l->outbound = true;
    l->node = n;
    n->link = l;
    begin(l);
    return true;
}

void link_accept(struct cluster *c, int fd) {
    struct cluster_link *l = add(c, fd, LOOP_READ);
    if (l) begin(l);
}

void link_close(struct cluster_link *l) {
    if (!l || l->closing) return;
    l->closing = true;
    loop_watch_stop(loop_of(l), &l->watch);
    loop_timer_stop(loop_of(l), &l->more);
    if (l->node && l->node->link == l) l->node->link = NULL;
    if (l->node && l->node->inbound == l) l->node->inbound = NULL;
    l->node = NULL;
    l->cluster->bus.closing = true;
}

static void link_free(struct cluster_link *l) {
    struct cluster *c = l->cluster;
    if (l->prev)
        l->prev->next = l->next;
    else
        c->bus.links = l->next;
    if (l->next) l->next->prev = l->prev;
    conn_close(l->watch.fd, l->tls);
    buf_release(&l->in);
    buf_release(&l->out);
    mem_free(l);
}

void links_sweep(struct cluster *c, bool all) {
    for (struct cluster_link *l = c->bus.links, *next; l; l = next) {
        next = l->next;
        if (all) link_close(l);
        if (l->closing) link_free(l);
    }
    c->bus.closing = false;
}

void links_give_up(struct cluster *c) {
    uint64_t now = (uint64_t)clock_wall_ms(), patience = (uint64_t)c->config.node_timeout_ms;
    for (struct cluster_link *l = c->bus.links; l; l = l->next)
        if (!l->outbound && l->connecting && now - l->created_ms > patience) link_close(l);
}

size_t links_memory(const struct cluster *c) {
    size_t memory = 0;
    for (const struct cluster_link *l = c->bus.links; l; l = l->next)
        memory += sizeof *l + l->in.cap + l->out.cap;
    return memory;
}

/* Addresses. */

static bool ip_of(const struct sockaddr_storage *addr, char *ip) {
    const void *bytes = addr->ss_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)addr)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr;
    return inet_ntop(addr->ss_family, bytes, ip, NODE_IP_MAX);
}

bool link_peer_ip(const struct cluster_link *l, char *ip) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    return getpeername(l->watch.fd, (struct sockaddr *)&addr, &len) == 0 && ip_of(&addr, ip);
}

bool link_own_ip(const struct cluster_link *l, char *ip) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    return getsockname(l->watch.fd, (struct sockaddr *)&addr, &len) == 0 && ip_of(&addr, ip);
}

/* Sending and receiving. */

static void watch(struct cluster_link *l) {
    size_t unsent = l->out.len - l->sent;
    bool reads = l->outbound || unsent < ANSWERS_MAX;
    unsigned interest = (reads ? LOOP_READ : 0) | (unsent ? LOOP_WRITE : 0);
    if (l->tls && reads) interest |= tls_wants(l->tls);
    if (l->connecting) interest = l->tls ? tls_wants(l->tls) : LOOP_WRITE;
    loop_watch_change(loop_of(l), &l->watch, interest);
}

void link_wants_send(struct cluster_link *l) {
    if (!l->closing) watch(l);
}

static bool would_wait(void) {
    return errno == EAGAIN || errno == EINTR;
}

/* Drops what is done with at the front. */
static void drop_front(struct buf *b, size_t done) {
    if (done) memmove(b->data, b->data + done, b->len - done);
    b->len -= done;
    if (!b->len && b->cap > KEPT) buf_release(b);
}

/* A link may never be without something to send, so what is gone is dropped in between, too. */
static void send_some(struct cluster_link *l) {
    struct slice rest = slice_of(l->out.data + l->sent, l->out.len - l->sent);
    ssize_t n = rest.len ? conn_send(l->watch.fd, l->tls, &rest, 1) : 0;
    if (n < 0 && !would_wait()) {
        link_close(l);
        return;
    }
    if (n > 0) l->sent += (size_t)n;
    if (l->sent == l->out.len || (l->sent > KEPT && l->sent > l->out.len / 2)) {
        drop_front(&l->out, l->sent);
        l->sent = 0;
    }
    watch(l);
}

/* The message at `at`, if it's whole: else *packet is empty. False: that can't become one. */
static bool next_message(const struct cluster_link *l, size_t at, struct slice *packet) {
    *packet = slice_of(NULL, 0);
    if (l->in.len - at < MESSAGE_START) return true;
    uint32_t length = message_length(l->in.data + at);
    if (!length || (!l->node && length > STRANGER_MAX)) return false;
    if (l->in.len - at >= length) *packet = slice_of(l->in.data + at, length);
    return true;
}

/* Hands on the whole messages that there are. */
static void take_messages(struct cluster_link *l) {
    struct slice packet;
    size_t at = 0;
    while (!l->closing) {
        if (!next_message(l, at, &packet)) {
            log_warning(&l->cluster->server->log,
                        "Bad message length or signature received on the Cluster bus.");
            link_close(l);
            return;
        }
        if (!packet.len) break;
        receive_message(l, packet);
        at += packet.len;
    }
    drop_front(&l->in, at);
    l->answered = 0;
}

/* In the middle of a script nothing may change, but who asks whether this node is alive has to be
 * told in time: else others take its place, and what the script writes is lost. */
static void answer_pings(struct cluster_link *l) {
    struct slice packet;
    while (next_message(l, l->answered, &packet) && packet.len) {
        receive_ping(l, packet);
        l->answered += packet.len;
    }
}

void links_take_held(struct cluster *c) {
    for (struct cluster_link *l = c->bus.links; l; l = l->next)
        if (l->answered) take_messages(l);
}

static void receive_some(struct cluster_link *l) {
    bool busy = busy_serving(l->cluster->server);
    if (busy && l->in.len >= HELD_MAX) return;
    ssize_t n = conn_receive(l->watch.fd, l->tls, buf_reserve(&l->in, READ_STEP), READ_STEP);
    if (n < 0 && would_wait()) return;
    if (n <= 0) {
        link_close(l);
        return;
    }
    l->in.len += (size_t)n;
    if (l->node) l->node->data_ms = (uint64_t)clock_wall_ms();
    if (busy)
        answer_pings(l);
    else
        take_messages(l);
}

static enum tls_progress shake_hands(struct cluster_link *l) {
    if (!l->tls) return TLS_DONE;
    enum tls_progress progress = tls_handshake(l->tls);
    if (progress == TLS_FAILED)
        log_verbose(&l->cluster->server->log, "Error %s cluster node connection: %s",
                    l->outbound ? "making" : "accepting", tls_error(l->tls));
    return progress;
}

static void connected(struct cluster_link *l) {
    enum tls_progress progress = connect_result(l->watch.fd) ? TLS_FAILED : shake_hands(l);
    if (progress == TLS_FAILED) {
        if (l->node && !l->node->ping_ms) l->node->ping_ms = (uint64_t)clock_wall_ms();
        link_close(l);
        return;
    }
    l->connecting = progress != TLS_DONE;
    if (!l->connecting && l->outbound)
        bus_connected(l);
    else
        watch(l);
}

/* What receiving waits for may be that something can be sent (TLS). */
static void exchange(struct cluster_link *l, unsigned ready) {
    if ((ready & LOOP_READ) || (l->tls && (ready & tls_wants(l->tls)))) receive_some(l);
    if (l->closing) return;
    if (ready & LOOP_WRITE)
        send_some(l);
    else
        watch(l);
}

static void read_on_later(struct cluster_link *l) {
    bool reads = l->watch.interest & LOOP_READ;
    if (reads && conn_pending(l->tls)) loop_timer_start(loop_of(l), &l->more, 0);
}

static void on_ready(struct loop_watch *watch, unsigned ready) {
    struct cluster_link *l = (struct cluster_link *)watch;
    if (l->connecting)
        connected(l);
    else
        exchange(l, ready);
    if (!l->closing) read_on_later(l);
}

static void on_more(struct loop_timer *timer) {
    struct cluster_link *l =
        (struct cluster_link *)((char *)timer - offsetof(struct cluster_link, more));
    receive_some(l);
    if (!l->closing) read_on_later(l);
}

/* Listening. */

static void on_connection(struct loop_watch *watch, unsigned ready) {
    struct bus_listener *listener = (struct bus_listener *)watch;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            link_accept(listener->cluster, fd);
        else if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static int listen_at(const char *ip, uint16_t port) {
    struct addrinfo *at = address_of(ip, port, AI_PASSIVE);
    if (!at) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int on = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        freeaddrinfo(at);
        return -1;
    }
    if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int error = errno;
    freeaddrinfo(at);
    if (ok) return fd;
    close(fd);
    errno = error;
    return -1;
}

/* As with clients' addresses, those with a '-' needn't be there. */
static bool listen_on(struct cluster *c, const char *address) {
    bool optional = address[0] == '-';
    const char *ip = address + optional;
    if (strcmp(ip, "*") == 0) ip = "0.0.0.0";
    if (strcmp(ip, "::*") == 0) ip = "::";
    int fd = listen_at(ip, cluster_bus_port(c));
    if (fd < 0) {
        bool absent = errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT;
        if (optional && absent) return true;
        log_warning(&c->server->log, "Failed listening on port %u (cluster), aborting: %s",
                    cluster_bus_port(c), strerror(errno));
        return false;
    }
    struct bus_listener *l = &c->bus.listeners[c->bus.listener_count++];
    *l = (struct bus_listener){.watch = {.fd = fd, .on_ready = on_connection, .nested = true},
                               .cluster = c};
    return loop_watch_start(c->server->loop, &l->watch, LOOP_READ) == 0;
}

bool links_listen(struct cluster *c) {
    const struct config_list *bind = &c->server->config.bind;
    for (size_t i = 0; i < bind->n && c->bus.listener_count < BUS_LISTENERS; i++)
        if (!listen_on(c, bind->items[i])) return false;
    return true;
}

void links_unlisten(struct cluster *c) {
    for (size_t i = 0; i < c->bus.listener_count; i++) {
        loop_watch_stop(c->server->loop, &c->bus.listeners[i].watch);
        close(c->bus.listeners[i].watch.fd);
    }
    c->bus.listener_count = 0;
}
