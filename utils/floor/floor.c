/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor: about what the kernel's part of serving requests costs. One thread on epoll that
 * neither parses nor stores: it counts the bytes that came in, and answers each so many of them
 * with the same reply, as a server would whose own work is free. One read and one write per client
 * and turn, level-triggered.
 *
 *     floor PORT BYTES REPLY
 *
 * Listens on 127.0.0.1 until it's ended by a signal. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    CLIENTS = 20000, /* descriptors below that */
    READ_BYTES = 64 * 1024,
    REPLIES_BYTES = 1024 * 1024,
};

static size_t request_bytes, reply_bytes;
static size_t unanswered[CLIENTS]; /* bytes of each that aren't a whole request yet */
static char input[READ_BYTES], replies[REPLIES_BYTES];

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t number(const char *text, size_t most) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (value == 0 || value > most || *end) {
        fprintf(stderr, "floor: %s isn't a number from 1 to %zu\n", text, most);
        exit(1);
    }
    return value;
}

static void prepare_replies(const char *reply) {
    reply_bytes = strlen(reply);
    if (reply_bytes == 0 || reply_bytes > REPLIES_BYTES) {
        fprintf(stderr, "floor: a reply has 1 to %d bytes\n", REPLIES_BYTES);
        exit(1);
    }
    for (size_t at = 0; at + reply_bytes <= REPLIES_BYTES; at += reply_bytes)
        memcpy(replies + at, reply, reply_bytes);
}

static int listen_on(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(fd, 511) < 0) fail("listen");
    return fd;
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void welcome(int epoll, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) fail("accept4");
    if (fd < 0) return;
    if (fd >= CLIENTS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    unanswered[fd] = 0;
    watch(epoll, fd);
}

/* redis-benchmark asks for two settings first, in one write. An error each is an answer, too. */
static bool asks_for_settings(const char *data, size_t len) {
    static const char start[] = "*3\r\n$6\r\nCONFIG";
    return len >= sizeof start - 1 && memcmp(data, start, sizeof start - 1) == 0;
}

static bool send_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t sent = write(fd, data, len);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
            continue;
        }
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool answer(int fd) {
    ssize_t got = read(fd, input, sizeof input);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    if (asks_for_settings(input, (size_t)got)) return send_all(fd, "-ERR\r\n-ERR\r\n", 12);
    size_t bytes = unanswered[fd] + (size_t)got;
    unanswered[fd] = bytes % request_bytes;
    for (size_t left = bytes / request_bytes * reply_bytes, most; left > 0; left -= most) {
        most = REPLIES_BYTES / reply_bytes * reply_bytes;
        if (most > left) most = left;
        if (!send_all(fd, replies, most)) return false;
    }
    return true;
}

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS];
    if (argc != 4) {
        fputs("Usage: floor PORT BYTES REPLY    (each so many bytes are a request)\n", stderr);
        return 1;
    }
    request_bytes = number(argv[2], UINT32_MAX);
    prepare_replies(argv[3]);
    signal(SIGPIPE, SIG_IGN); /* clients go with replies on their way */
    int listener = listen_on((uint16_t)number(argv[1], UINT16_MAX)), epoll = epoll_create1(0);
    if (epoll < 0) fail("epoll_create1");
    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                welcome(epoll, listener);
            else if (!answer(fd))
                close(fd);
        }
    }
}
