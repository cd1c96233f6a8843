/* SPDX-License-Identifier: BSD-3-Clause */
/* OpenSSL gets at the socket through a BIO of ours: that goes straight to the system, never raises
 * SIGPIPE, and notes whether there's more.
 *
 * When the socket doesn't take a record, OpenSSL keeps it, encrypted, and wants to be called again
 * with the same bytes, wherever they lie then. They are the first of what is to be sent still, as
 * nobody was told that they are gone; so their number is all that has to be remembered. */
#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/loop.h"
#include "io/socket.h"

enum end { NOT_ENDED, ENDED, FAILED };

struct tls {
    SSL *ssl;
    struct tls_context *context;
    int fd;
    bool established;
    bool abandoned;
    bool filled;   /* the last read of the socket got all that it asked for: maybe there's more */
    bool halted;   /* receiving came to a halt for lack of bytes: the socket will tell */
    bool told;     /* the caller knows of the end */
    uint8_t end;   /* enum end */
    uint8_t wants; /* as tls_wants */
    size_t unsent; /* bytes of the record that OpenSSL keeps */
    char *error;   /* NULL: nothing has failed */
};

/* The socket. */

static int bio_read(BIO *bio, char *to, size_t len, size_t *got) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = socket_receive(t->fd, to, len);
    t->filled = n == (ssize_t)len;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    if (n <= 0) return 0;
    *got = (size_t)n;
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *written) {
    const struct tls *t = BIO_get_data(bio);
    struct slice slice = slice_of(bytes, len);
    BIO_clear_retry_flags(bio);
    ssize_t n = socket_send(t->fd, &slice, 1);
    if (n < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
    if (n < 0) return 0;
    *written = (size_t)n;
    return 1;
}

static long bio_control(BIO *bio, int what, long number, void *pointer) {
    if (what == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return what == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

struct bio_method_st *tls_socket_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (!method) return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

/* Life. */

static struct tls *connection(struct tls_context *context, SSL_CTX *side, int fd) {
    SSL *ssl = SSL_new(side);
    BIO *bio = ssl ? BIO_new(context->socket) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    struct tls *t = mem_zalloc(sizeof *t);
    *t = (struct tls){.ssl = ssl, .context = tls_context_ref(context), .fd = fd};
    BIO_set_data(bio, t);
    SSL_set_bio(ssl, bio, bio);
    return t;
}

struct tls *tls_accept(struct tls_context *context, int fd, enum tls_verify verify) {
    static const int modes[] = {
        [TLS_VERIFY_NO] = SSL_VERIFY_NONE,
        [TLS_VERIFY_YES] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        [TLS_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
    };
    struct tls *t = connection(context, context->accepting, fd);
    if (!t) return NULL;
    SSL_set_verify(t->ssl, modes[verify], NULL);
    SSL_set_accept_state(t->ssl);
    t->wants = LOOP_READ;
    return t;
}

struct tls *tls_connect(struct tls_context *context, int fd) {
    struct tls *t = connection(context, context->connecting, fd);
    if (!t) return NULL;
    SSL_set_connect_state(t->ssl);
    t->wants = LOOP_WRITE;
    return t;
}

void tls_free(struct tls *t) {
    if (!t) return;
    if (t->established && !t->abandoned && !t->unsent && t->end != FAILED) SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    tls_context_unref(t->context);
    mem_free(t->error);
    mem_free(t);
}

void tls_abandon(struct tls *t) {
    t->abandoned = true;
}

void tls_move(struct tls *t, int fd) {
    t->fd = fd;
}

/* What a call came to. */

static void keep_error(struct tls *t, int system_error) {
    char text[256] = "connection closed";
    unsigned long code = ERR_peek_error();
    if (code)
        ERR_error_string_n(code, text, sizeof text);
    else if (system_error)
        snprintf(text, sizeof text, "%s", strerror(system_error));
    mem_free(t->error);
    t->error = mem_strdup(text);
}

/* A call of OpenSSL's that isn't done has returned `result`. Returns what it waits for, of
 * LOOP_READ and LOOP_WRITE; 0: nothing more will come. The queue of errors is always left empty, so
 * that the next call's reason is its own. */
static uint8_t stopped(struct tls *t, int result) {
    int system_error = errno, why = SSL_get_error(t->ssl, result);
    if (why == SSL_ERROR_WANT_READ) return LOOP_READ;
    if (why == SSL_ERROR_WANT_WRITE) return LOOP_WRITE;
    t->end = why == SSL_ERROR_ZERO_RETURN ? ENDED : FAILED;
    if (t->end == FAILED) keep_error(t, why == SSL_ERROR_SYSCALL ? system_error : 0);
    ERR_clear_error();
    return 0;
}

const char *tls_error(const struct tls *t) {
    return t->error ? t->error : "connection closed";
}

/* Handshake. */

enum tls_progress tls_handshake(struct tls *t) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(t->ssl);
    t->established = result == 1;
    t->wants = t->established ? 0 : stopped(t, result);
    if (t->established) return TLS_DONE;
    if (t->wants) return TLS_AGAIN;
    t->end = FAILED;
    return TLS_FAILED;
}

bool tls_established(const struct tls *t) {
    return t->established;
}

unsigned tls_wants(const struct tls *t) {
    return t->wants;
}

/* Receiving. */

static ssize_t tell_end(struct tls *t) {
    t->told = true;
    errno = EPROTO;
    return t->end == ENDED ? 0 : -1;
}

static ssize_t receiving_stopped(struct tls *t, int result) {
    t->halted = true;
    t->wants = stopped(t, result) & LOOP_WRITE;
    if (t->end) return tell_end(t);
    errno = EAGAIN;
    return -1;
}

bool tls_pending(const struct tls *t) {
    if (t->end) return !t->told;
    return t->established && !t->halted && SSL_has_pending(t->ssl);
}

ssize_t tls_receive(struct tls *t, void *to, size_t len) {
    size_t received = 0, n;
    if (t->end) return tell_end(t);
    t->halted = t->filled = false;
    t->wants = 0;
    do {
        int result = SSL_read_ex(t->ssl, (char *)to + received, len - received, &n);
        if (result != 1) {
            ssize_t nothing = receiving_stopped(t, result);
            if (!received) return nothing;
            t->told = false;
            break;
        }
        received += n;
    } while (received < len && (t->filled || SSL_has_pending(t->ssl)));
    return (ssize_t)received;
}

ssize_t tls_peek(struct tls *t, void *to, size_t len) {
    size_t n;
    if (t->end) return tell_end(t);
    t->halted = false;
    t->wants = 0;
    int result = SSL_peek_ex(t->ssl, to, len, &n);
    return result == 1 ? (ssize_t)n : receiving_stopped(t, result);
}

/* Sending. */

/* Where in the slices it is. */
struct place {
    const struct slice *slices;
    size_t count, at; /* at: in the first of them */
};

/* Slices that are through, or empty, stay behind. */
static void skip(struct place *p, size_t len) {
    while (p->count) {
        size_t here = p->slices->len - p->at, n = len < here ? len : here;
        len -= n;
        p->at += n;
        if (p->at < p->slices->len) return;
        p->slices++;
        p->count--;
        p->at = 0;
    }
}

/* The next bytes, up to `most`, in one piece: where they lie, or copied to `room` if they lie in
 * several slices. */
static struct slice piece(struct place p, size_t most, char room[TLS_RECORD]) {
    size_t len = 0, here = p.slices->len - p.at;
    if (here >= most || p.count == 1)
        return slice_of(p.slices->ptr + p.at, here < most ? here : most);
    while (p.count && len < most) {
        here = p.slices->len - p.at;
        size_t n = here < most - len ? here : most - len;
        memcpy(room + len, p.slices->ptr + p.at, n);
        len += n;
        skip(&p, n);
    }
    return slice_of(room, len);
}

ssize_t tls_send(struct tls *t, const struct slice *slices, size_t count) {
    struct place p = {slices, count, 0};
    size_t sent = 0, n;
    char room[TLS_RECORD];
    skip(&p, 0);
    while (t->established && t->end != FAILED && p.count && sent < TLS_SEND_MAX) {
        struct slice bytes = piece(p, t->unsent ? t->unsent : TLS_RECORD, room);
        t->unsent = 0;
        int result = SSL_write_ex(t->ssl, bytes.ptr, bytes.len, &n);
        if (result != 1) {
            if (stopped(t, result)) t->unsent = bytes.len;
            break;
        }
        sent += n;
        skip(&p, n);
    }
    if (sent) return (ssize_t)sent;
    errno = t->end == FAILED ? EPROTO : EAGAIN;
    return -1;
}
