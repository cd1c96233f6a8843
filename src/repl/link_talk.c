/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/link_talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/num.h"
#include "io/conn.h"
#include "io/connect.h"
#include "repl/failover.h"
#include "repl/link.h"

#define NO_ID "?"

static struct log *log_of(const struct repl_link *l) {
    return &l->repl->server->log;
}

/* Lines. */

/* What has come, or the first of it; it stays there. */
static ssize_t look_ahead(const struct repl_link *l, char *to, size_t room) {
    return l->tls ? tls_peek(l->tls, to, room) : recv(l->watch.fd, to, room, MSG_PEEK);
}

bool link_talk_line(struct repl_link *l, bool *lost) {
    struct link_talk *t = &l->talk;
    char *to = t->line + t->len;
    size_t room = LINK_LINE_MAX - 1 - t->len;
    ssize_t n = look_ahead(l, to, room);
    *lost = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (n <= 0) return false;
    const char *end = memchr(to, '\n', (size_t)n);
    size_t taken = end ? (size_t)(end + 1 - to) : (size_t)n;
    n = conn_receive(l->watch.fd, l->tls, to,
                     taken); /* what lies behind the line is somebody else's */
    l->heard_us = (uint64_t)clock_mono_us();
    t->len += taken;
    *lost = n < 0 || (!end && t->len == LINK_LINE_MAX - 1);
    if (!end || *lost) return false;
    t->len--;
    if (t->len && t->line[t->len - 1] == '\r') t->len--;
    t->line[t->len] = '\0';
    t->len = 0;
    return true;
}

static void put_word(struct buf *to, struct slice word) {
    buf_appendf(to, "$%zu\r\n", word.len);
    buf_append_slice(to, word);
    buf_append_str(to, "\r\n");
}

static void put_command(struct buf *to, const char *const *words, size_t count) {
    buf_appendf(to, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) put_word(to, slice_str(words[i]));
}

/* It's little, and the connection is new: so it fits into what the system buffers. */
static void say(struct repl_link *l, struct buf *text) {
    struct slice bytes = buf_slice(text);
    bool sent = conn_send(l->watch.fd, l->tls, &bytes, 1) == (ssize_t)bytes.len;
    if (!sent) {
        log_warning(log_of(l), "Sending command to master in replication handshake: %s",
                    conn_error(l->tls));
        link_lost(l);
    }
    buf_release(text);
}

static void expect(struct link_talk *t, enum link_step step) {
    t->steps[t->count++] = step;
}

/* Who this is. */

static void say_ping(struct repl_link *l) {
    struct buf text = BUF_INIT;
    put_command(&text, (const char *const[]){"PING"}, 1);
    l->state = LINK_HANDSHAKE;
    l->talk = (struct link_talk){.count = 0};
    expect(&l->talk, LINK_PING);
    say(l, &text);
}

static void put_auth(struct repl_link *l, struct buf *text) {
    const struct link_config *config = &l->repl->link_config;
    const struct config_secret *auth = &config->auth;
    if (!auth->bytes) return;
    buf_appendf(text, "*%d\r\n$4\r\nAUTH\r\n", config->user ? 3 : 2);
    if (config->user) put_word(text, slice_str(config->user));
    put_word(text, slice_of(auth->bytes, auth->len));
    expect(&l->talk, LINK_AUTH);
}

/* The one that this server can be followed at in the same way. */
static int64_t own_port(const struct server *s) {
    return s->tls.replication && s->tls.port ? s->tls.port : s->config.port;
}

static void say_who(struct repl_link *l) {
    const struct link_config *config = &l->repl->link_config;
    int64_t number = config->announce_port ? config->announce_port : own_port(l->repl->server);
    char port[NUM_I64_MAX + 1];
    struct buf text = BUF_INIT;
    l->talk.at = l->talk.count = 0;
    put_auth(l, &text);
    port[num_from_i64(port, number)] = '\0';
    put_command(&text, (const char *const[]){"REPLCONF", "listening-port", port}, 3);
    expect(&l->talk, LINK_PORT);
    if (config->announce_ip) {
        const char *words[] = {"REPLCONF", "ip-address", config->announce_ip};
        put_command(&text, words, 3);
        expect(&l->talk, LINK_ADDRESS);
    }
    put_command(&text, (const char *const[]){"REPLCONF", "capa", "eof", "capa", "psync2"}, 5);
    expect(&l->talk, LINK_ABILITIES);
    say(l, &text);
}

/* PSYNC. */

static void say_psync(struct repl_link *l) {
    const struct repl *r = l->repl;
    char offset[NUM_I64_MAX + 1];
    const char *words[] = {"PSYNC", NO_ID, "-1", "FAILOVER"};
    struct buf text = BUF_INIT;
    if (l->resumable) {
        offset[num_from_i64(offset, r->offset + 1)] = '\0';
        words[1] = r->id;
        words[2] = offset;
        log_notice(log_of(l), "Trying a partial resynchronization (request %s:%s).", r->id, offset);
    } else {
        log_notice(log_of(l), "Partial resynchronization not possible (no cached master)");
    }
    put_command(&text, words, l->taking_over ? 4 : 3);
    l->talk.at = l->talk.count = 0;
    expect(&l->talk, LINK_PSYNC);
    say(l, &text);
}

static void say_sync(struct repl_link *l) {
    struct buf text = BUF_INIT;
    log_notice(log_of(l), "Retrying with SYNC...");
    buf_append_str(&text, "SYNC\r\n");
    say(l, &text);
    if (l->watch.fd >= 0) sync_receive_begin(l, NULL, 0);
}

/* "+FULLRESYNC id offset" */
static void begin_full(struct repl_link *l, char *line) {
    char *id = strchr(line, ' '), *offset = id ? strchr(id + 1, ' ') : NULL;
    int64_t at;
    if (!offset || offset - id - 1 != REPL_ID_LEN || !num_to_i64(slice_str(offset + 1), &at) ||
        at < 0 || at > REPL_OFFSET_MAX) {
        log_warning(log_of(l), "Master replied with wrong +FULLRESYNC syntax.");
        sync_receive_begin(l, NULL, 0);
        return;
    }
    *offset = '\0';
    log_notice(log_of(l), "Full resync from master: %s:%s", id + 1, offset + 1);
    sync_receive_begin(l, id + 1, at);
}

/* "+CONTINUE", or with an id */
static void go_on(struct repl_link *l, const char *line) {
    struct repl *r = l->repl;
    const char *id = strchr(line, ' ');
    log_notice(log_of(l), "Successful partial resynchronization with master.");
    if (id && strlen(id + 1) >= REPL_ID_LEN && memcmp(id + 1, r->id, REPL_ID_LEN) != 0) {
        repl_rename_history(r, id + 1);
        log_notice(log_of(l), "Master replication ID changed to %s", r->id);
    }
    link_up(l);
    log_notice(log_of(l), "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
}

static bool begins(const char *line, const char *with) {
    return strncmp(line, with, strlen(with)) == 0;
}

static void psync_answered(struct repl_link *l, char *line) {
    /* Who hasn't said where it is can't go on. */
    bool goes_on = begins(line, "+CONTINUE") && l->resumable, whole = begins(line, "+FULLRESYNC");
    if (!*line) return; /* the primary needs time */
    if (l->taking_over) {
        struct repl *r = l->repl;
        failover_answered(r, goes_on || whole);
        if (r->link != l) return;
    }
    if (goes_on) {
        go_on(l, line);
    } else if (whole) {
        begin_full(l, line);
    } else if (begins(line, "-NOMASTERLINK") || begins(line, "-LOADING")) {
        log_notice(log_of(l), "Master is currently unable to PSYNC but should be in the future: %s",
                   line);
        link_lost(l);
    } else {
        log_warning(log_of(l),
                    begins(line, "-ERR")
                        ? "Master does not support PSYNC or is in error state (reply: %s)"
                        : "Unexpected reply to PSYNC from master: %s",
                    line);
        l->resumable = false;
        say_sync(l);
    }
}

/* Replies. */

static bool ping_is_fine(const char *line) {
    return *line == '+' || begins(line, "-NOAUTH") || begins(line, "-NOPERM") ||
           begins(line, "-ERR operation not permitted");
}

/* False: that's the end of it. */
static bool accept_reply(struct repl_link *l, enum link_step step, const char *line) {
    static const char *const told[] = {
        [LINK_PORT] = "listening-port", [LINK_ADDRESS] = "ip-address", [LINK_ABILITIES] = "capa"};
    if (step == LINK_PING) {
        if (ping_is_fine(line)) {
            log_notice(log_of(l), "Master replied to PING, replication can continue...");
            return true;
        }
        log_warning(log_of(l), "Error reply to PING from master: '%s'", line);
        return false;
    }
    if (*line != '-') return true;
    if (step == LINK_AUTH) {
        log_warning(log_of(l), "Unable to AUTH to PRIMARY: %s", line);
        return false;
    }
    log_notice(log_of(l), "(Non critical) Master does not understand REPLCONF %s: %s", told[step],
               line);
    return true;
}

static void answered(struct repl_link *l, char *line) {
    struct link_talk *t = &l->talk;
    enum link_step step = t->steps[t->at];
    if (step == LINK_PSYNC) {
        psync_answered(l, line);
    } else if (!accept_reply(l, step, line)) {
        link_lost(l);
    } else if (++t->at == t->count) {
        if (step == LINK_PING)
            say_who(l);
        else
            say_psync(l);
    }
}

/* The watch. */

static void not_connected(struct repl_link *l, const char *why) {
    log_warning(log_of(l), "Error condition on socket for SYNC: %s", why);
    link_lost(l);
}

static void begin_talk(struct repl_link *l) {
    log_notice(log_of(l), "Non blocking connect for SYNC fired the event.");
    loop_watch_change(l->repl->server->loop, &l->watch, LOOP_READ);
    l->heard_us = (uint64_t)clock_mono_us();
    say_ping(l);
}

static void shake_hands(struct repl_link *l) {
    enum tls_progress progress = tls_handshake(l->tls);
    if (progress == TLS_DONE)
        begin_talk(l);
    else if (progress == TLS_FAILED)
        not_connected(l, tls_error(l->tls));
    else
        loop_watch_change(l->repl->server->loop, &l->watch, tls_wants(l->tls));
}

static void connected(struct repl_link *l) {
    const struct server_tls *tls = &l->repl->server->tls;
    int error = connect_result(l->watch.fd);
    if (!error && tls->replication) {
        l->tls = tls_connect(tls->context, l->watch.fd);
        if (!l->tls) error = ENOMEM;
    }
    if (error)
        not_connected(l, strerror(error));
    else if (l->tls)
        shake_hands(l);
    else
        begin_talk(l);
}

static void listen_to(struct repl_link *l) {
    bool lost;
    if (link_talk_line(l, &lost)) {
        answered(l, l->talk.line);
    } else if (lost) {
        log_warning(log_of(l), "Master did not reply in the replication handshake: the connection "
                               "is lost");
        link_lost(l);
    }
}

void link_talk_ready(struct loop_watch *watch, unsigned ready) {
    struct repl_link *l = (struct repl_link *)((char *)watch - offsetof(struct repl_link, watch));
    struct repl *r = l->repl;
    if (l->state == LINK_CONNECTING && l->tls)
        shake_hands(l);
    else if (l->state == LINK_CONNECTING)
        connected(l);
    else if (l->state == LINK_HANDSHAKE)
        listen_to(l);
    else if (l->state == LINK_SYNC)
        sync_receive_ready(l);
    if (r->link == l && conn_pending(l->tls)) loop_timer_start(r->server->loop, &l->more, 0);
}

void link_talk_more(struct loop_timer *timer) {
    struct repl_link *l = (struct repl_link *)((char *)timer - offsetof(struct repl_link, more));
    link_talk_ready(&l->watch, LOOP_READ);
}
