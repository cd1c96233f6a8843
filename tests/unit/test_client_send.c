/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending by turns, of a whole server in this process whose turns are told one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "resp/reply.h"
#include "server/client_stream.h"
#include "server/server.h"

enum { PEERS = 40, VALUE = 200 * 1000, TURNS_MAX = 10000 };

struct peer {
    int fd;
    struct client *client;
    size_t received;
};

static int start(void **state) {
    static const char *const options[] = {
        "test",      "--port",           "0",  "--save",       "",   "--dir", ".", "--logfile",
        "/dev/null", "--set-proc-title", "no", "--appendonly", "no",
    };
    static const struct server_extension *const extensions[] = {NULL};
    enum { COUNT = sizeof options / sizeof *options };
    static char *words[COUNT], *argv[COUNT + 1]; /* the server has copies of its own in argv */
    for (int i = 0; i < COUNT; i++) {
        argv[i] = words[i] = strdup(options[i]);
        assert_non_null(words[i]);
    }
    struct server *s = server_new(COUNT, argv, extensions);
    assert_non_null(s);
    *state = s;
    for (int i = 0; i < COUNT; i++) free(words[i]);
    return 0;
}

static int stop(void **state) {
    struct server *s = *state;
    struct restart restart = s->restart;
    server_free(s);
    restart_release(&restart);
    return 0;
}

static void turn(struct server *s) {
    loop_no_sleep(s->loop);
    loop_turn(s->loop);
}

static void peer_open(struct server *s, struct peer *p) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *p = (struct peer){.fd = fds[0], .client = client_new(s, fds[1], NULL, true)};
    assert_non_null(p->client);
}

static void say(struct peer *p, const char *text) {
    assert_int_equal(send(p->fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void receive(struct peer *p) {
    static char room[1 << 20];
    ssize_t n;
    while ((n = recv(p->fd, room, sizeof room, 0)) > 0) p->received += (size_t)n;
}

/* Turns until all have received so much, and nobody is queued. */
static void turn_until(struct server *s, struct peer *peers, size_t count, size_t received) {
    size_t done = 0;
    for (int i = 0; i < TURNS_MAX && done < count; i++) {
        turn(s);
        done = 0;
        for (size_t j = 0; j < count; j++) {
            receive(&peers[j]);
            done += peers[j].received == received;
        }
    }
    assert_int_equal(done, count);
    turn(s);
    assert_null(s->sends.first);
    assert_null(s->sends.long_first);
}

static void close_all(struct server *s, struct peer *peers, size_t count) {
    for (size_t i = 0; i < count; i++) close(peers[i].fd);
    for (int i = 0; i < TURNS_MAX && s->client_count; i++) turn(s);
    assert_int_equal(s->client_count, 0);
}

/* --- A stream whose end makes it want to be flushed, as a replica's does --- */

static size_t stream_left;

static void stream_fill(struct client *c, size_t most) {
    if (!stream_left) return;
    char *bytes = malloc(stream_left);
    assert_true(stream_left <= most);
    memset(bytes, 'x', stream_left);
    reply_raw(&c->session.own_reply, slice_of(bytes, stream_left));
    free(bytes);
    stream_left = 0;
    client_wants_flush(c);
}

static bool stream_ready(const struct client *c) {
    (void)c;
    return stream_left > 0;
}

static uint64_t stream_waiting(const struct client *c) {
    (void)c;
    return stream_left;
}

static void stream_received(struct client *c) {
    (void)c;
}

static void stream_ran(struct client *c, size_t before) {
    (void)c;
    (void)before;
}

static void stream_sent(struct client *c, size_t bytes) {
    (void)c;
    (void)bytes;
}

static void stream_ended(struct client *c, struct client_stream *stream) {
    (void)c;
    (void)stream;
}

static size_t stream_memory(const struct client *c) {
    (void)c;
    return 0;
}

static const struct client_stream_ops stream_ops = {
    .fill = stream_fill,
    .ready = stream_ready,
    .waiting = stream_waiting,
    .received = stream_received,
    .ran = stream_ran,
    .sent = stream_sent,
    .ended = stream_ended,
    .memory = stream_memory,
};

/* Whoever is on the list with it is served, and it gets all, once; be what it has short or long. */
static void test_stream_wants_more(void **state) {
    static const size_t lengths[] = {1, 30 * 1000, 50 * 1000, 200 * 1000};
    struct server *s = *state;
    struct client_stream stream = {&stream_ops};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct peer peers[3];
        for (int j = 0; j < 3; j++) peer_open(s, &peers[j]);
        peers[1].client->stream = &stream;
        stream_left = lengths[i];
        say(&peers[0], "PING\r\n");
        client_wants_flush(peers[1].client);
        say(&peers[2], "PING\r\n");
        turn_until(s, &peers[1], 1, lengths[i]);
        turn_until(s, &peers[0], 1, strlen("+PONG\r\n"));
        turn_until(s, &peers[2], 1, strlen("+PONG\r\n"));
        close_all(s, peers, 3);
    }
}

/* --- Many who ask for much --- */

/* In no turn has anybody more to get than a turn's share, but for the reply that went beyond. */
static void test_nothing_piles_up(void **state) {
    enum {
        TIMES = 20,
        REPLY = VALUE + sizeof "$200000\r\n\r\n" - 1,
        MOST = CLIENT_SEND_SHARE + REPLY
    };
    struct server *s = *state;
    struct peer peers[PEERS];
    peer_open(s, &peers[0]);
    say(&peers[0], "SETRANGE long 199999 x\r\n");
    turn_until(s, &peers[0], 1, strlen(":200000\r\n"));
    peers[0].received = 0;
    for (int i = 1; i < PEERS; i++) peer_open(s, &peers[i]);
    for (int i = 0; i < PEERS; i++)
        for (int j = 0; j < TIMES; j++) say(&peers[i], "GET long\r\n");
    size_t done = 0;
    for (int i = 0; i < TURNS_MAX && done < PEERS; i++) {
        turn(s);
        done = 0;
        for (int j = 0; j < PEERS; j++) {
            assert_true(reply_len(&peers[j].client->session.own_reply) <= 2 * MOST);
            receive(&peers[j]);
            done += peers[j].received == (size_t)TIMES * REPLY;
        }
    }
    assert_int_equal(done, PEERS);
    close_all(s, peers, PEERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream_wants_more, start, stop),
        cmocka_unit_test_setup_teardown(test_nothing_piles_up, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
