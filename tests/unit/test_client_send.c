/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending by turns, of a whole server in this process whose turns are told one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    size_t said, received;
};

/* One server for all: it moves arguments and environment, once, to memory that the process keeps.
 */
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

/* A turn, and what it brought the peers; true if each has received so much by now. In *most: what
 * the turn left in the server for one of them, if that's more. */
static bool turn_brings(struct server *s, struct peer *peers, size_t count, size_t received,
                        size_t *most) {
    size_t done = 0;
    turn(s);
    for (size_t i = 0; i < count; i++) {
        size_t waiting = reply_len(&peers[i].client->session.own_reply);
        if (waiting > *most) *most = waiting;
        receive(&peers[i]);
        done += peers[i].received == received;
    }
    return done == count;
}

/* Turns until all have received so much. Returns the most that one of them had to wait for. */
static size_t turn_until(struct server *s, struct peer *peers, size_t count, size_t received) {
    size_t most = 0;
    bool done = false;
    for (int i = 0; i < TURNS_MAX && !done; i++)
        done = turn_brings(s, peers, count, received, &most);
    assert_true(done);
    return most;
}

static void expect_nobody_queued(struct server *s) {
    turn(s);
    for (int i = 0; i < CLIENT_SEND_QUEUES; i++) assert_null(s->sends.queues[i].first);
}

static void close_all(struct server *s, struct peer *peers, size_t count) {
    size_t left = s->client_count - count;
    for (size_t i = 0; i < count; i++) close(peers[i].fd);
    for (int i = 0; i < TURNS_MAX && s->client_count > left; i++) turn(s);
    assert_int_equal(s->client_count, left);
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
        expect_nobody_queued(s);
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
    assert_in_range(turn_until(s, peers, PEERS, (size_t)TIMES * REPLY), 1, 2 * MOST);
    close_all(s, peers, PEERS);
}

/* --- Many who push much to many --- */

enum { SUBSCRIBERS = 150, PUBLISHERS = 10, MESSAGE = 12 * 1000, ROUNDS = 30 };

static const char confirmation[] = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";

static void subscribe_all(struct server *s, struct peer *subscribers) {
    for (int i = 0; i < SUBSCRIBERS; i++) {
        peer_open(s, &subscribers[i]);
        say(&subscribers[i], "SUBSCRIBE news\r\n");
    }
    turn_until(s, subscribers, SUBSCRIBERS, strlen(confirmation));
    for (int i = 0; i < SUBSCRIBERS; i++) subscribers[i].received = 0;
}

static const char published[] = ":150\r\n";

/* In *received: how long it is as its receivers get it. */
static char *publish_request(int len, size_t *received) {
    char *request = malloc((size_t)len + 100);
    int at = sprintf(request, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n", len);
    memset(request + at, 'm', (size_t)len);
    strcpy(request + at + len, "\r\n");
    *received = (size_t)(at + len) + 2; /* as "message" is no longer than "PUBLISH" */
    return request;
}

/* Who publishes a second message has its reply when all have got the first one, not before. */
static void test_who_publishes_stands_behind(void **state) {
    struct server *s = *state;
    struct peer subscribers[SUBSCRIBERS], publisher;
    size_t first_len, second_len;
    char *first = publish_request(100 * 1000, &first_len);
    char *second = publish_request(1, &second_len);
    subscribe_all(s, subscribers);
    peer_open(s, &publisher);
    say(&publisher, first);
    turn_until(s, &publisher, 1, strlen(published));
    say(&publisher, second);
    for (int i = 0; i < TURNS_MAX && publisher.received < 2 * strlen(published); i++) {
        turn(s);
        receive(&publisher);
        for (int j = 0; j < SUBSCRIBERS; j++) receive(&subscribers[j]);
    }
    assert_int_equal(publisher.received, 2 * strlen(published));
    for (int i = 0; i < SUBSCRIBERS; i++) assert_true(subscribers[i].received >= first_len);
    turn_until(s, subscribers, SUBSCRIBERS, first_len + second_len);
    free(first);
    free(second);
    close_all(s, &publisher, 1);
    close_all(s, subscribers, SUBSCRIBERS);
}

/* However long its pipeline: what its subscribers are to get first doesn't grow long behind it. */
static void test_pipeline_stops(void **state) {
    enum { LENGTH = 8 * 1000, COUNT = 16, MOST = 32 * 1024 + 2 * LENGTH };
    struct server *s = *state;
    struct peer subscribers[SUBSCRIBERS], publisher;
    size_t len;
    char *request = publish_request(LENGTH, &len);
    subscribe_all(s, subscribers);
    peer_open(s, &publisher);
    for (int i = 0; i < COUNT; i++) say(&publisher, request);
    assert_in_range(turn_until(s, subscribers, SUBSCRIBERS, COUNT * len), LENGTH, MOST);
    turn_until(s, &publisher, 1, COUNT * strlen(published));
    free(request);
    close_all(s, &publisher, 1);
    close_all(s, subscribers, SUBSCRIBERS);
}

/* Who doesn't read holds up nobody, and when it does gets all. */
static void test_who_does_not_read(void **state) {
    enum { TIMES = 80 };
    struct server *s = *state;
    struct peer subscribers[SUBSCRIBERS], publisher;
    size_t len;
    char *request = publish_request(MESSAGE, &len);
    subscribe_all(s, subscribers);
    peer_open(s, &publisher);
    for (size_t i = 1; i <= TIMES; i++) {
        say(&publisher, request);
        turn_until(s, &publisher, 1, i * strlen(published));
        turn_until(s, subscribers + 1, SUBSCRIBERS - 1, i * len);
    }
    assert_true(subscribers[0].client->full);
    turn_until(s, subscribers, 1, TIMES * len);
    free(request);
    close_all(s, &publisher, 1);
    close_all(s, subscribers, SUBSCRIBERS);
}

/* Each says the next as soon as it has the reply to the one before. */
static void publish_on(struct peer *publishers, const char *request) {
    for (int i = 0; i < PUBLISHERS; i++) {
        struct peer *p = &publishers[i];
        size_t replies = p->received / strlen(published);
        if (p->said == replies && replies < ROUNDS) {
            say(p, request);
            p->said++;
        }
        receive(p);
    }
}

/* However fast they publish, of messages that the sockets have room for: no more waits than what
 * each of them said in two turns, and all arrives. */
static void test_many_who_publish(void **state) {
    struct server *s = *state;
    struct peer subscribers[SUBSCRIBERS], publishers[PUBLISHERS];
    size_t len;
    char *request = publish_request(MESSAGE, &len);
    subscribe_all(s, subscribers);
    for (int i = 0; i < PUBLISHERS; i++) peer_open(s, &publishers[i]);
    size_t most = 0;
    bool done = false;
    for (int i = 0; i < TURNS_MAX && !done; i++) {
        publish_on(publishers, request);
        done = turn_brings(s, subscribers, SUBSCRIBERS, ROUNDS * PUBLISHERS * len, &most);
    }
    assert_true(done);
    assert_in_range(most, len, 2 * PUBLISHERS * len);
    turn_until(s, publishers, PUBLISHERS, ROUNDS * strlen(published));
    free(request);
    close_all(s, publishers, PUBLISHERS);
    close_all(s, subscribers, SUBSCRIBERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_wants_more),           cmocka_unit_test(test_nothing_piles_up),
        cmocka_unit_test(test_who_publishes_stands_behind), cmocka_unit_test(test_pipeline_stops),
        cmocka_unit_test(test_who_does_not_read),           cmocka_unit_test(test_many_who_publish),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
