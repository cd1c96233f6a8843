/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection as those see it who don't care whether it's encrypted: a nonblocking socket, and the
 * TLS on it, or NULL. In the clear this costs a test that always goes the same way. */
#ifndef DREY_IO_CONN_H
#define DREY_IO_CONN_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/socket.h"
#include "io/tls.h"

static inline ssize_t conn_receive(int fd, struct tls *tls, void *to, size_t len) {
    if (__builtin_expect(tls != NULL, 0)) return tls_receive(tls, to, len);
    return socket_receive(fd, to, len);
}

static inline ssize_t conn_send(int fd, struct tls *tls, const struct slice *slices, size_t count) {
    if (__builtin_expect(tls != NULL, 0)) return tls_send(tls, slices, count);
    return socket_send(fd, slices, count);
}

/* Has something come that no event will announce? */
static inline bool conn_pending(const struct tls *tls) {
    return tls && tls_pending(tls);
}

/* Why the last call failed. */
static inline const char *conn_error(const struct tls *tls) {
    return tls ? tls_error(tls) : strerror(errno);
}

static inline void conn_close(int fd, struct tls *tls) {
    tls_free(tls);
    close(fd);
}

#endif
