/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of people without a password, who do what they can, beside clients who have it: none
 * of them is served, the memory that they make the server take is bounded, and the others are.
 *
 * A process of its own holds the hostile connections; each does something every TICK_MS, in the way
 * of its kind. DREY_HOSTILE says how many, DREY_HOSTILE_SECONDS for how long; few and short by
 * default. What others had to wait is printed, not judged: it depends on the machine. */
#include "integration/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNECTIONS = 64,
    CONNECTIONS_MAX = 5000,
    TICK_MS = 50,
    FRIENDS = 8,
    SAMPLES_MAX = 2000 * 1000,
    BOUND_EACH = 256 * 1024, /* ten arguments of 16 KB, replies of 64 KB, and what goes with them */
};
#define PASSWORD "correct horse"

enum kind {
    SLOW,    /* a byte at a time */
    DEAF,    /* never reads its replies */
    GIANT,   /* announces large arguments, and sends some of them */
    RANDOM,  /* any bytes */
    GUESS,   /* tries passwords */
    DROP,    /* closes at once, and comes again */
    COMMAND, /* asks for what it has no right to */
    SILENT,
    KINDS
};

/* What the hostile process tells. */
struct told {
    volatile unsigned long connected, acts, replies, served, closed;
};

struct hostile {
    int fd; /* -1: not connected */
    enum kind kind;
    unsigned acts;
    bool within; /* the reply that comes isn't at its beginning */
};

/* --- The hostile process --- */

static struct told *told;
static int target, poll_fd;
static unsigned randomness = 1;

static unsigned any(unsigned below) {
    randomness = randomness * 1103515245 + 12345;
    return (randomness >> 8 & 0xffff) % below;
}

static void hostile_close(struct hostile *h, bool reset) {
    struct linger linger = {.l_onoff = 1};
    if (h->fd < 0) return;
    if (reset) setsockopt(h->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(h->fd);
    h->fd = -1;
    told->closed++;
}

static void hostile_open(struct hostile *h) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target)};
    struct epoll_event event = {.events = h->kind == DEAF ? 0 : EPOLLIN, .data.ptr = h};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    h->within = false;
    h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (h->fd < 0) return;
    if (h->kind == DEAF) setsockopt(h->fd, SOL_SOCKET, SO_RCVBUF, &(int){2048}, sizeof(int));
    if (connect(h->fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, h->fd, &event) < 0) {
        close(h->fd);
        h->fd = -1;
        return;
    }
    told->connected++;
}

static void transmit(struct hostile *h, const char *bytes, size_t len) {
    if (send(h->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        hostile_close(h, false);
}

static void transmit_text(struct hostile *h, const char *text) {
    transmit(h, text, strlen(text));
}

static void giant(struct hostile *h) {
    static const char *const heads[] = {
        "*10\r\n$16384\r\n",
        "*1000000\r\n",
        "*2\r\n$536870912\r\n",
        "*2147483648\r\n",
        "*10\r\n$9223372036854775807\r\n",
        "*1\r\n$16384\r\n",
    };
    char filler[2000];
    memset(filler, 'x', sizeof filler);
    if (h->acts == 0) transmit_text(h, heads[any(sizeof heads / sizeof *heads)]);
    if (h->fd >= 0) transmit(h, filler, sizeof filler);
}

static void act(struct hostile *h) {
    static const char slowly[] = "*3\r\n$3\r\nSET\r\n$6\r\nstolen\r\n$3\r\nyes\r\n";
    char bytes[512];
    switch (h->kind) {
    case SLOW: transmit(h, &slowly[h->acts % (sizeof slowly - 1)], 1); break;
    case DEAF:
        for (int i = 0; i < 20 && h->fd >= 0; i++)
            transmit_text(h, "*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n");
        break;
    case GIANT: giant(h); break;
    case RANDOM:
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)any(256);
        transmit(h, bytes, sizeof bytes);
        break;
    case GUESS:
        snprintf(bytes, sizeof bytes,
                 "AUTH %u\r\nAUTH default %u\r\nHELLO 3 AUTH default %u\r\nAUTH correct\r\n",
                 any(65536), any(65536), any(65536));
        transmit_text(h, bytes);
        break;
    case DROP: hostile_close(h, h->acts & 1); break;
    case COMMAND:
        transmit_text(
            h, "SET stolen yes\r\nGET secret\r\nEVAL 'return 1' 0\r\nMULTI\r\nSET stolen x\r\n"
               "CONFIG GET requirepass\r\nSUBSCRIBE c\r\nMONITOR\r\nPSYNC ? -1\r\nINFO\r\n");
        break;
    default: break;
    }
    h->acts++;
    told->acts++;
}

/* All that these may be told are errors, each in a line. */
static void hear(struct hostile *h) {
    char bytes[16384];
    ssize_t n = recv(h->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) hostile_close(h, false);
    for (ssize_t i = 0; i < n; i++) {
        if (!h->within) {
            told->replies++;
            told->served += bytes[i] != '-';
        }
        h->within = bytes[i] != '\n';
    }
}

static _Noreturn void be_hostile(int count) {
    static struct hostile all[CONNECTIONS_MAX];
    struct epoll_event events[256];
    struct rlimit limit;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) all[i] = (struct hostile){-1, (enum kind)(i % KINDS), 0, false};
    for (;;) {
        double next = seconds_now() + TICK_MS / 1e3, left = 1;
        for (int i = 0; i < count; i++) {
            if (all[i].fd >= 0) {
                act(&all[i]);
            } else {
                all[i].acts = 0;
                hostile_open(&all[i]);
            }
        }
        for (; left > 0; left = next - seconds_now()) {
            int n = epoll_wait(poll_fd, events, 256, 1);
            for (int i = 0; i < n; i++) hear(events[i].data.ptr);
        }
    }
}

/* --- The others --- */

static int from_environment(const char *name, int otherwise, int most) {
    const char *text = getenv(name);
    int value = text ? atoi(text) : otherwise;
    return value < most ? value : most;
}

static double memory_of(redisContext *c) {
    char *info = ask(c, "INFO memory");
    const char *at = strstr(info, "used_memory:");
    assert_non_null(at);
    double value = strtod(at + strlen("used_memory:"), NULL);
    free(info);
    return value;
}

static redisContext *friend_open(const struct server *s) {
    redisContext *c = client_open(s);
    expect(c, "+OK", "AUTH %s", PASSWORD);
    return c;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

struct load {
    redisContext *friends[FRIENDS];
    double most_memory; /* seen now and then */
    float *waits;       /* of each request, in seconds */
    size_t count;
};

/* Requests one after the other; the wait that 99 of 100 didn't exceed. */
static double load_run(struct load *l, double seconds) {
    double end = seconds_now() + seconds;
    l->count = 0;
    for (unsigned i = 0; seconds_now() < end && l->count < SAMPLES_MAX; i++) {
        redisContext *c = l->friends[i % FRIENDS];
        double begun = seconds_now();
        if (i / FRIENDS % 2 == 0)
            expect(c, "+OK", "SET key:%u value:%u", i % FRIENDS, i);
        else
            expect_like(c, "\"value:*\"", "GET key:%u", i % FRIENDS);
        l->waits[l->count++] = (float)(seconds_now() - begun);
        double memory = i % 1000 == 0 ? memory_of(c) : 0;
        if (memory > l->most_memory) l->most_memory = memory;
    }
    qsort(l->waits, l->count, sizeof *l->waits, compare);
    return l->waits[l->count * 99 / 100];
}

static pid_t hostile_start(const struct server *s, int count) {
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    target = s->port;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) be_hostile(count);
    for (double end = seconds_now() + PATIENCE_SEC; told->connected < (unsigned)count;)
        assert_true(seconds_now() < end);
    return pid;
}

static void hostile_stop(pid_t pid) {
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_hostile_connections(void **state) {
    int count = from_environment("DREY_HOSTILE", CONNECTIONS, CONNECTIONS_MAX);
    int seconds = from_environment("DREY_HOSTILE_SECONDS", 1, 3600);
    struct server *s = server_start("--requirepass \"%s\" --maxclients 10000", PASSWORD);
    struct load l = {.waits = malloc(SAMPLES_MAX * sizeof(float))};
    assert_non_null(l.waits);
    for (int i = 0; i < FRIENDS; i++) l.friends[i] = friend_open(s);
    expect(l.friends[0], "+OK", "SET secret hidden");

    double alone = load_run(&l, seconds), before = memory_of(l.friends[0]);
    pid_t pid = hostile_start(s, count);
    l.most_memory = before;
    double beside = load_run(&l, seconds), end = seconds_now() + PATIENCE_SEC;
    while (!(told->acts > 0 && told->replies > 0 && told->closed > 0) && seconds_now() < end)
        beside = load_run(&l, seconds); /* it was hardly given the time */
    hostile_stop(pid);

    printf("%d hostile connections: %lu acts, %lu replies, %lu connections in all\n", count,
           told->acts, told->replies, told->connected);
    printf("others' requests, 99th percentile: %.0f us alone, %.0f us beside\n", alone * 1e6,
           beside * 1e6);
    printf("memory: %.0f KB more than alone; the bound is %d KB\n", (l.most_memory - before) / 1024,
           count * (BOUND_EACH / 1024));
    assert_true(told->acts > 0 && told->replies > 0 && told->closed > 0);
    assert_int_equal(told->served, 0);
    assert_true(l.most_memory - before <= (double)count * BOUND_EACH);
    expect(l.friends[0], "(int) 0", "EXISTS stolen");
    await_like(l.friends[0], "*connected_clients:8\\\\r*", "INFO clients");
    for (int i = 0; i < FRIENDS; i++) redisFree(l.friends[i]);
    free(l.waits);
    munmap(told, sizeof *told);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile_connections)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
