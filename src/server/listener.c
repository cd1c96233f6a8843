/* SPDX-License-Identifier: BSD-3-Clause */
/* Accepting has a budget per turn, so a storm of connections doesn't keep those already there
 * waiting. When descriptors run out, a spare one is closed to accept and refuse one client after
 * the other, instead of leaving them in the backlog with the loop spinning. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/client_tls.h"
#include "server/server.h"

enum {
    ACCEPTS_PER_TURN = 64,
    TLS_ACCEPTS_PER_TURN = 16, /* each takes some 20 microseconds to set up */
    RETRY_US = 100 * 1000,
};

static void on_ready(struct loop_watch *watch, unsigned ready);

static bool add(struct server *s, int fd, enum listener_kind kind, struct buf *why) {
    struct listeners *all = &s->listeners;
    struct listener *l = &all->of[all->count];
    *l = (struct listener){
        .watch = {.fd = fd, .on_ready = on_ready, .nested = true}, .server = s, .kind = kind};
    if (loop_watch_start(s->loop, &l->watch, LOOP_READ) < 0) {
        buf_appendf(why, "epoll: %s", strerror(errno));
        close(fd);
        return false;
    }
    all->count++;
    return true;
}

static int open_tcp_addr(const struct addrinfo *ai, const struct server_config *config) {
    int on = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (ai->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int mark = (int)config->socket_mark_id;
    if (mark) setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, (int)config->tcp_backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static const char *wildcard_of(const char *host) {
    if (strcmp(host, "*") == 0) return "0.0.0.0";
    return strcmp(host, "::*") == 0 ? "::" : host;
}

static int64_t port_of(const struct server *s, enum listener_kind kind) {
    return kind == LISTENER_TLS ? s->tls.port : s->config.port;
}

/* A leading '-' makes an address optional: not there, or of a protocol that the machine lacks, is
 * fine. */
static bool open_tcp(struct server *s, enum listener_kind kind, const char *address,
                     struct buf *why) {
    bool optional = address[0] == '-';
    const char *host = wildcard_of(address + optional);
    char port[16];
    snprintf(port, sizeof port, "%lld", (long long)port_of(s, kind));
    struct addrinfo hints = {.ai_family = strchr(host, ':') ? AF_INET6 : AF_INET,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found), fd = -1;
    if (!failed) fd = open_tcp_addr(found, &s->config);
    int error = errno;
    freeaddrinfo(failed ? NULL : found);
    if (fd >= 0) return add(s, fd, kind, why);
    bool absent = failed || error == EADDRNOTAVAIL || error == EAFNOSUPPORT ||
                  error == ENOPROTOOPT || error == EPROTONOSUPPORT || error == EPFNOSUPPORT;
    if (optional && absent) return true;
    const char *reason = failed ? gai_strerror(failed) : strerror(error);
    log_warning(&s->log, "Warning: Could not create server TCP listening socket %s:%s: %s", host,
                port, reason);
    buf_clear(why);
    buf_appendf(why, "%s:%s: %s", host, port, reason);
    return false;
}

static bool open_all_tcp(struct server *s, enum listener_kind kind, struct buf *why) {
    if (port_of(s, kind) == 0) return true;
    for (size_t i = 0; i < s->config.bind.n && i < LISTENERS_PER_PORT; i++) {
        if (open_tcp(s, kind, s->config.bind.items[i], why)) continue;
        log_warning(&s->log, "Failed listening on port %lld (%s), aborting.",
                    (long long)port_of(s, kind), kind == LISTENER_TLS ? "tls" : "tcp");
        return false;
    }
    return true;
}

/* Who may use the socket: that's settled before there's somebody who listens. */
static bool give_unix(const struct server_config *config, const char *path, struct buf *why) {
    const char *name = config->unixsocketgroup;
    if (name) {
        errno = 0;
        const struct group *group = getgrnam(name);
        if (!group || chown(path, (uid_t)-1, group->gr_gid) < 0) {
            buf_appendf(why, "giving unix socket %s to group %s: %s", path, name,
                        errno ? strerror(errno) : "there is no such group");
            return false;
        }
    }
    if (!config->unixsocketperm || chmod(path, (mode_t)config->unixsocketperm) == 0) return true;
    buf_appendf(why, "setting the mode of unix socket %s: %s", path, strerror(errno));
    return false;
}

/* It has its mode from the start, but for the umask. */
static bool bind_unix(int fd, const struct sockaddr_un *addr, mode_t mode) {
    if (mode && fchmod(fd, mode) < 0) return false;
    return bind(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;
}

static bool open_unix(struct server *s, struct buf *why) {
    const char *path = s->config.unixsocket;
    if (!path || !*path) return true;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof addr.sun_path) {
        buf_appendf(why, "unix socket path too long (%zu), must be under %zu", strlen(path),
                    sizeof addr.sun_path);
        return false;
    }
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind_unix(fd, &addr, (mode_t)s->config.unixsocketperm);
    if (bound && !give_unix(&s->config, path, why)) {
        close(fd);
        unlink(path);
        return false;
    }
    if (!bound || listen(fd, (int)s->config.tcp_backlog) < 0) {
        buf_appendf(why, "opening unix socket %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    return add(s, fd, LISTENER_UNIX, why);
}

static void on_retry(struct loop_timer *timer) {
    struct listeners *all = (struct listeners *)((char *)timer - offsetof(struct listeners, retry));
    for (size_t i = 0; i < all->count; i++)
        loop_watch_change(all->of[i].server->loop, &all->of[i].watch, LOOP_READ);
}

bool listeners_open(struct server *s, struct buf *why) {
    s->listeners.retry.on_due = on_retry;
    s->listeners.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!open_all_tcp(s, LISTENER_TCP, why) || !open_all_tcp(s, LISTENER_TLS, why)) return false;
    if (!open_unix(s, why)) {
        log_warning(&s->log, "Failed %s", why->data);
        return false;
    }
    return true;
}

static void close_one(struct server *s, struct listener *l) {
    loop_watch_stop(s->loop, &l->watch);
    close(l->watch.fd);
}

void listeners_close(struct server *s) {
    for (size_t i = 0; i < s->listeners.count; i++) {
        close_one(s, &s->listeners.of[i]);
        if (s->listeners.of[i].kind == LISTENER_UNIX) unlink(s->config.unixsocket);
    }
    s->listeners.count = 0;
    loop_timer_stop(s->loop, &s->listeners.retry);
    if (s->listeners.spare_fd >= 0) close(s->listeners.spare_fd);
    s->listeners.spare_fd = -1;
}

/* Sockets of the same address can't be open twice: the old ones are closed first, and opened again
 * if the new ones fail (the caller then has the old values back in the configuration and calls once
 * more). */
bool listeners_reopen(struct server *s, enum listener_kind kind, struct buf *why) {
    struct listeners *all = &s->listeners;
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->of[i].kind == kind) {
            close_one(s, &all->of[i]);
            continue;
        }
        if (kept != i) {
            loop_watch_stop(s->loop, &all->of[i].watch);
            all->of[kept] = all->of[i];
            loop_watch_start(s->loop, &all->of[kept].watch, LOOP_READ);
        }
        kept++;
    }
    all->count = kept;
    return open_all_tcp(s, kind, why);
}

/* Accepting. */

static const char TOO_MANY[] = "-ERR max number of clients reached\r\n";

static void refuse(int fd, const char *error) {
    ssize_t ignored = write(fd, error, strlen(error));
    (void)ignored;
    close(fd);
}

static void on_no_descriptors(struct server *s, struct listener *l) {
    log_warning(&s->log, "Accepting client connection: %s", strerror(errno));
    s->stats.rejected++;
    close(s->listeners.spare_fd);
    int fd = accept4(l->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) refuse(fd, l->kind == LISTENER_TLS ? "" : TOO_MANY);
    s->listeners.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < s->listeners.count; i++)
        loop_watch_change(s->loop, &s->listeners.of[i].watch, 0);
    loop_timer_start(s->loop, &s->listeners.retry, loop_now_us(s->loop) + RETRY_US);
}

static bool is_local(const struct sockaddr_storage *addr) {
    if (addr->ss_family == AF_UNIX) return true;
    if (addr->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr) >> 24 ==
               127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
}

static const char PROTECTED[] =
    "-DENIED Drey is running in protected mode: no password is set for the default user, so only "
    "connections from this machine are taken. To connect from elsewhere, do one of these: set a "
    "password with 'requirepass' or CONFIG SET requirepass; or send CONFIG SET protected-mode no "
    "from this machine (and CONFIG REWRITE, to keep it); or start the server with "
    "--protected-mode no. Make sure that it can't be reached from the internet if it has no "
    "password.\r\n";

static bool is_protected(const struct server *s, bool local) {
    return s->config.protected_mode && s->engine.acl.default_user->rights.no_password && !local;
}

static void set_tcp_options(int fd, int idle) {
    int on = 1, interval = idle / 3 ? idle / 3 : 1, probes = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (idle <= 0) return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static void begin(struct listener *l, int fd, struct tls *tls, bool local) {
    l->server->stats.connections++;
    struct client *c = client_new(l->server, fd, tls, l->kind == LISTENER_UNIX);
    if (!c) return;
    c->local = local;
    if (tls) client_tls_begin(c);
}

/* Who isn't wanted is told so after the handshake, or if there are too many clients not at all:
 * that would cost more than serving it. */
static void accepted_tls(struct listener *l, int fd, bool local) {
    struct server *s = l->server;
    struct tls *tls = NULL;
    if (s->client_count < (uint64_t)s->config.maxclients)
        tls = tls_accept(s->tls.context, fd, (enum tls_verify)s->tls.auth_clients);
    if (tls) {
        begin(l, fd, tls, local);
    } else {
        s->stats.rejected++;
        close(fd);
    }
}

static void accepted(struct listener *l, int fd, const struct sockaddr_storage *addr) {
    struct server *s = l->server;
    bool local = l->kind == LISTENER_UNIX || is_local(addr);
    const char *error = NULL;
    if (l->kind != LISTENER_UNIX) set_tcp_options(fd, (int)s->config.tcp_keepalive);
    if (l->kind == LISTENER_TLS) {
        accepted_tls(l, fd, local);
        return;
    }
    if (s->client_count >= (uint64_t)s->config.maxclients)
        error = TOO_MANY;
    else if (is_protected(s, local))
        error = PROTECTED;
    if (error) {
        s->stats.rejected++;
        refuse(fd, error);
    } else {
        begin(l, fd, NULL, local);
    }
}

void listener_welcome(struct client *c) {
    struct server *s = c->server;
    if (!is_protected(s, c->local)) return;
    s->stats.rejected++;
    reply_raw(&c->session.own_reply, slice_str(PROTECTED));
    client_close_after_reply(c);
}

static void on_ready(struct loop_watch *watch, unsigned ready) {
    struct listener *l = (struct listener *)((char *)watch - offsetof(struct listener, watch));
    int most = l->kind == LISTENER_TLS ? TLS_ACCEPTS_PER_TURN : ACCEPTS_PER_TURN;
    for (int i = 0; i < most; i++) {
        struct sockaddr_storage addr = {.ss_family = AF_UNIX};
        socklen_t len = sizeof addr;
        int fd = accept4(watch->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(l, fd, &addr);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            on_no_descriptors(l->server, l);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
        /* Else the connection is gone already (ECONNABORTED and the like): on to the next. */
    }
}
