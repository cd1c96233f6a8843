/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/migrate_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "io/conn.h"
#include "io/loop.h"

enum { LOOK_MS = 50, LINE_MAX_BYTES = 16 * 1024 };

/* Text. */

void migrate_put_head(struct buf *to, size_t words) {
    buf_appendf(to, "*%zu\r\n", words);
}

void migrate_put_word(struct buf *to, struct slice word) {
    buf_appendf(to, "$%zu\r\n", word.len);
    buf_append_slice(to, word);
    buf_append_str(to, "\r\n");
}

void migrate_put_number(struct buf *to, int64_t number) {
    char digits[NUM_I64_MAX];
    migrate_put_word(to, slice_of(digits, num_from_i64(digits, number)));
}

/* Waiting. */

static bool fail(struct migrate_talk *t, enum migrate_failure failure) {
    t->failure = failure;
    return false;
}

/* False with errno ETIMEDOUT when nothing happens for the time given, or there's no more time. */
static bool await(const struct migrate_talk *t, int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    for (int left = t->timeout_ms; left > 0; left -= LOOK_MS) {
        int n = poll(&p, 1, left < LOOK_MS ? left : LOOK_MS);
        if (n > 0) return true;
        if ((n < 0 && errno != EINTR) || atomic_load(t->hurry)) break;
    }
    errno = ETIMEDOUT;
    return false;
}

/* Connecting. */

void migrate_link_close(struct migrate_link *link) {
    if (link->fd >= 0) conn_close(link->fd, link->tls);
    *link = (struct migrate_link){.fd = -1, .db = -1};
}

static int begin_to_connect(const struct addrinfo *to) {
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
    if (fd < 0) return -1;
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool shake_hands(const struct migrate_talk *t, struct migrate_link *link) {
    enum tls_progress progress;
    link->tls = tls_connect(t->tls, link->fd);
    if (!link->tls) return false;
    while ((progress = tls_handshake(link->tls)) == TLS_AGAIN)
        if (!await(t, link->fd, tls_wants(link->tls) & LOOP_READ ? POLLIN : POLLOUT)) return false;
    errno = ECONNRESET;
    return progress == TLS_DONE;
}

/* As in Redis, that nobody listens there is found when the first bytes are written. */
static bool connect_to(struct migrate_talk *t, struct migrate_link *link) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", t->port);
    errno = 0;
    if (getaddrinfo(t->host, port, &hints, &all) != 0) return fail(t, MIGRATE_NOT_CONNECTED);
    int fd = -1;
    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) fd = begin_to_connect(a);
    freeaddrinfo(all);
    if (fd < 0) return fail(t, MIGRATE_NOT_CONNECTED);
    *link = (struct migrate_link){.fd = fd, .db = -1};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!await(t, fd, POLLOUT) || (t->tls && !shake_hands(t, link)))
        return fail(t, MIGRATE_NOT_CONNECTED);
    return true;
}

/* Talking. */

static bool send_all(struct migrate_talk *t, const struct migrate_link *to, struct slice bytes) {
    while (bytes.len) {
        ssize_t n = conn_send(to->fd, to->tls, &bytes, 1);
        if (n > 0)
            bytes = slice_of(bytes.ptr + n, bytes.len - (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return fail(t, MIGRATE_NOT_WRITTEN);
        else if (!await(t, to->fd, POLLOUT))
            return fail(t, MIGRATE_NOT_WRITTEN);
    }
    return true;
}

/* What has come and isn't read yet: in[at..len). */
struct incoming {
    size_t at, len;
    char in[LINE_MAX_BYTES];
};

static bool receive_more(struct migrate_talk *t, const struct migrate_link *from,
                         struct incoming *in) {
    memmove(in->in, in->in + in->at, in->len -= in->at);
    in->at = 0;
    errno = EPROTO;
    if (in->len == sizeof in->in) return fail(t, MIGRATE_NOT_READ);
    ssize_t n;
    char *to = in->in + in->len;
    size_t room = sizeof in->in - in->len;
    while ((n = conn_receive(from->fd, from->tls, to, room)) < 0) {
        if (errno != EAGAIN && errno != EINTR) return fail(t, MIGRATE_NOT_READ);
        if (!await(t, from->fd, POLLIN)) return fail(t, MIGRATE_NOT_READ);
    }
    errno = ECONNRESET;
    in->len += (size_t)n;
    return n ? true : fail(t, MIGRATE_NOT_READ);
}

/* A reply is one line. *ok: it says that it's done; anything else is an error, of which the first
 * is kept: keys are deleted here for what the target says. */
static bool read_reply(struct migrate_talk *t, const struct migrate_link *from, struct incoming *in,
                       bool *ok) {
    const char *end;
    while (!(end = memmem(in->in + in->at, in->len - in->at, "\r\n", 2)))
        if (!receive_more(t, from, in)) return false;
    const char *line = in->in + in->at;
    in->at = (size_t)(end + 2 - in->in);
    *ok = *line == '+';
    if (*ok || t->error.len) return true;
    if (*line == '-') line++;
    buf_append_slice(&t->error, end > line ? slice_of(line, (size_t)(end - line)) : SLICE("-"));
    return true;
}

/* What must be so before keys are sent: it's waited for, lest they come to a wrong place. */
static bool prepare(struct migrate_talk *t, struct migrate_link *link, struct incoming *in) {
    bool selects = link->db != t->db, sent, ok = true;
    struct buf text = BUF_INIT;
    buf_append_slice(&text, t->auth);
    if (selects) {
        migrate_put_head(&text, 2);
        migrate_put_word(&text, SLICE("SELECT"));
        migrate_put_number(&text, t->db);
    }
    sent = send_all(t, link, buf_slice(&text));
    buf_release(&text);
    if (!sent) return false;
    for (int i = (t->auth.len > 0) + selects; i > 0; i--)
        if (!read_reply(t, link, in, &ok)) return false;
    link->db = t->error.len ? -1 : t->db;
    return true;
}

static bool send_keys(struct migrate_talk *t, struct migrate_link *link, struct incoming *in) {
    if (!send_all(t, link, buf_slice(&t->restores))) return false;
    for (size_t i = 0; i < t->count; i++) {
        if (!read_reply(t, link, in, &t->restored[i])) return false;
        t->restored_count += t->restored[i];
    }
    return true;
}

static bool talk_once(struct migrate_talk *t, struct migrate_link *link) {
    struct incoming in = {0};
    t->failure = MIGRATE_FINE;
    if (link->fd < 0 && !connect_to(t, link)) return false;
    if (!prepare(t, link, &in)) return false;
    return t->error.len || send_keys(t, link, &in);
}

/* A connection that is lost, not slow, is tried a second time while nothing has come of it. */
void migrate_talk(struct migrate_talk *t, struct migrate_link *link) {
    for (int tries = 0; tries < 2; tries++) {
        if (talk_once(t, link)) return;
        bool again = errno != ETIMEDOUT && t->failure != MIGRATE_NOT_CONNECTED &&
                     !t->restored_count && !t->error.len;
        migrate_link_close(link);
        if (!again) return;
    }
}
