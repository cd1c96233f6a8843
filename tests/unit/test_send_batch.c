/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends of many sockets together: each stream has what was sent on it, in order and to the byte,
 * whatever fitted; errors are told of each. Where no ring is to be had there's nothing to test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "io/send_batch.h"

enum { STREAMS = 40, ROUNDS = 400, PIECE_MAX = 40 * 1000, ROOM = 16 * 1024 };

struct stream {
    int from, to;
    uint64_t sent, received; /* bytes; byte i is what byte_at says */
};

static char byte_at(size_t stream, uint64_t i) {
    return (char)(i * 31 + i / 251 + stream);
}

static void nonblocking(int fd) {
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* A connection of TCP with little room. */
static struct stream connected(int listener) {
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    int room = ROOM;
    struct stream s = {.from = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    setsockopt(s.from, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    assert_int_equal(connect(s.from, (struct sockaddr *)&addr, len), 0);
    s.to = accept(listener, NULL, NULL);
    assert_true(s.to >= 0);
    nonblocking(s.from);
    nonblocking(s.to);
    return s;
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, STREAMS), 0);
    return fd;
}

static void receive(struct stream *s, size_t number) {
    static char buffer[PIECE_MAX];
    ssize_t got;
    while ((got = recv(s->to, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(buffer[i], byte_at(number, s->received++));
}

/* One batch on some of the streams; returns how many didn't go in full. */
static size_t send_some(struct send_batch *b, struct stream *streams, struct random *rng) {
    static char pieces[STREAMS][PIECE_MAX];
    size_t chosen[STREAMS], lens[STREAMS], count = 0, cut = 0;
    for (size_t i = 0; i < STREAMS; i++) {
        if (random_below(rng, 2)) continue;
        lens[count] = 1 + random_below(rng, random_below(rng, 4) ? 200 : PIECE_MAX);
        for (size_t k = 0; k < lens[count]; k++) pieces[count][k] = byte_at(i, streams[i].sent + k);
        send_batch_add(b, streams[i].from, slice_of(pieces[count], lens[count]));
        chosen[count++] = i;
    }
    assert_int_equal(send_batch_count(b), count);
    const ssize_t *sent = send_batch_run(b);
    for (size_t i = 0; i < count; i++) {
        assert_true(sent[i] > 0 || sent[i] == -EAGAIN);
        assert_true(sent[i] <= (ssize_t)lens[i]);
        cut += sent[i] < (ssize_t)lens[i];
        if (sent[i] > 0) streams[chosen[i]].sent += (uint64_t)sent[i];
    }
    assert_int_equal(send_batch_count(b), 0);
    return cut;
}

static void test_streams(void **state) {
    struct send_batch *b = *state;
    if (!b) skip();
    struct random rng;
    random_seed_fixed(&rng, 20);
    int listener = listening();
    struct stream streams[STREAMS];
    size_t cut = 0;
    for (size_t i = 0; i < STREAMS; i++) streams[i] = connected(listener);
    for (size_t round = 0; round < ROUNDS; round++) {
        cut += send_some(b, streams, &rng);
        for (size_t i = 0; i < STREAMS; i++)
            if (random_below(&rng, 8) == 0) receive(&streams[i], i);
    }
    assert_true(cut > 0);
    for (size_t i = 0; i < STREAMS; i++) {
        while (streams[i].received < streams[i].sent) receive(&streams[i], i);
        assert_int_equal(streams[i].received, streams[i].sent);
        close(streams[i].from);
        close(streams[i].to);
    }
    close(listener);
}

/* One that can't be sent to keeps nobody else from getting theirs. */
static void test_errors(void **state) {
    struct send_batch *b = *state;
    if (!b) skip();
    int gone[2], there[2];
    char got[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, gone), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, there), 0);
    close(gone[1]);
    send_batch_add(b, there[0], SLICE("one"));
    send_batch_add(b, gone[0], SLICE("lost"));
    send_batch_add(b, -1, SLICE("nobody"));
    send_batch_add(b, there[0], SLICE("two"));
    const ssize_t *sent = send_batch_run(b);
    assert_int_equal(sent[0], 3);
    assert_int_equal(sent[1], -EPIPE);
    assert_int_equal(sent[2], -EBADF);
    assert_int_equal(sent[3], 3);
    assert_int_equal(recv(there[1], got, sizeof got, 0), 6);
    assert_memory_equal(got, "onetwo", 6);
    close(gone[0]);
    close(there[0]);
    close(there[1]);
}

static int set_up(void **state) {
    *state = send_batch_new();
    if (!*state) print_message("no io_uring to be had here\n");
    return 0;
}

static int tear_down(void **state) {
    send_batch_free(*state);
    return mem_used() != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams),
                                       cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
