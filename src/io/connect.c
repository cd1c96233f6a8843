/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *look_up(const char *host, const char *port, const char **why) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    int failed = getaddrinfo(host, port, &hints, &all);
    if (failed) *why = gai_strerror(failed);
    return failed ? NULL : all;
}

/* Binds to the first address of `source` that fits. */
static int bind_to(int fd, int family, const char *source, const char **why) {
    struct addrinfo *all = look_up(source, NULL, why);
    int bound = -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    for (const struct addrinfo *a = all; a && bound < 0; a = a->ai_next)
        if (a->ai_family == family) bound = bind(fd, a->ai_addr, a->ai_addrlen);
    if (all && bound < 0) *why = strerror(errno);
    if (all) freeaddrinfo(all);
    return bound;
}

static int try(const struct addrinfo *to, const char *source, const char **why) {
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
    if (fd < 0) {
        *why = strerror(errno);
        return -1;
    }
    if (!source || bind_to(fd, to->ai_family, source, why) == 0) {
        if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
        *why = strerror(errno);
    }
    close(fd);
    return -1;
}

int connect_start(const char *host, int port, const char *source, const char **why) {
    char digits[16];
    int fd = -1;
    snprintf(digits, sizeof digits, "%d", port);
    struct addrinfo *all = look_up(host, digits, why);
    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) fd = try(a, source, why);
    if (all) freeaddrinfo(all);
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

int connect_result(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}
