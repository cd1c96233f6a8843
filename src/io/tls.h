/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections with TLS, on nonblocking sockets, by OpenSSL 3. Each belongs to one thread.
 *
 * Bytes are read ahead: a system call brings what the socket has, up to 16 KB, and several records
 * may lie in that. So whoever stops reading before errno is EAGAIN has to ask tls_pending: what is
 * there already is announced by no event. Bytes to send are gathered into records of up to 16 KB,
 * each sent with one system call. An idle connection has no buffers.
 *
 * The kernel's own TLS isn't used: it hands out records one by one, a system call each, and small
 * replies, which are the rule, would gain nothing from it. */
#ifndef DREY_IO_TLS_H
#define DREY_IO_TLS_H

#include <sys/types.h>

#include "base/slice.h"
#include "io/tls_context.h"

enum {
    TLS_RECORD = 16 * 1024,    /* bytes of a record, at most */
    TLS_SEND_MAX = 256 * 1024, /* bytes of one tls_send, at most */
};

struct tls;

/* Is who connects to show a certificate, signed by one whom the context trusts? */
enum tls_verify { TLS_VERIFY_NO, TLS_VERIFY_YES, TLS_VERIFY_OPTIONAL };

/* The two ends of a connection, on a socket that is connected, or (tls_connect) will be. Who
 * connects always checks the other's certificate. NULL: no memory. */
struct tls *tls_accept(struct tls_context *context, int fd, enum tls_verify verify);
struct tls *tls_connect(struct tls_context *context, int fd);
/* Says goodbye if that's possible at once; the descriptor stays open. NULL is fine. */
void tls_free(struct tls *t);

/* The connection goes on in another process: tls_free says nothing. */
void tls_abandon(struct tls *t);
/* The socket has got another descriptor. */
void tls_move(struct tls *t, int fd);

enum tls_progress { TLS_DONE, TLS_AGAIN, TLS_FAILED };

/* The next step, when the socket is ready for what tls_wants says. A step costs up to a
 * millisecond of CPU (a signature). */
enum tls_progress tls_handshake(struct tls *t);
bool tls_established(const struct tls *t);

/* Of LOOP_READ and LOOP_WRITE (io/loop.h): what the handshake waits for; or LOOP_WRITE if receiving
 * waits for that. Then, when the socket is ready, tls_receive is to be called again. */
unsigned tls_wants(const struct tls *t);

/* As socket_receive and socket_send. Sending takes TLS_SEND_MAX at most; what it hasn't taken must
 * be the first of what is sent next, and have no less bytes. */
ssize_t tls_receive(struct tls *t, void *to, size_t len);
ssize_t tls_send(struct tls *t, const struct slice *slices, size_t count);
/* The bytes that tls_receive would begin with, of one record at most; they stay. */
ssize_t tls_peek(struct tls *t, void *to, size_t len);

/* Is there something to receive, or to be told, that no event of the socket will announce? */
bool tls_pending(const struct tls *t);

/* Why something failed, in OpenSSL's words. */
const char *tls_error(const struct tls *t);

/* For contexts: the BIO that the connections use; NULL: no memory. */
struct bio_method_st *tls_socket_method(void);

#endif
