/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of people without a password, who do what they can, beside clients who have it: none
 * of them is served, the memory that they make the server take is bounded, and the others are.
 *
 * A process of its own holds the hostile connections; each does something every TICK_MS, in the way
 * of its kind; some come by TLS. DREY_HOSTILE says how many, DREY_HOSTILE_SECONDS for how long; few
 * and short by default. Then as many handshakes a second as there were connections. What others had
 * to wait is printed, not judged: it depends on the machine. */
#include "integration/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
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
    CONNECTIONS = 78,
    CONNECTIONS_MAX = 5000,
    TICK_MS = 50,
    AT_ONCE_MAX = 256, /* handshakes of those who only do that */
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
    /* by TLS: */
    TLS_RANDOM,  /* any bytes */
    TLS_PART,    /* a handshake that breaks off */
    TLS_DROP,    /* the same, and comes again */
    TLS_SILENT,  /* a handshake, and nothing */
    TLS_COMMAND, /* a handshake, and what it has no right to */
    KINDS
};

/* What the hostile process tells. */
struct told {
    volatile unsigned long connected, acts, replies, served, closed, handshakes;
};

struct hostile {
    int fd; /* -1: not connected */
    enum kind kind;
    unsigned acts;
    bool within; /* the reply that comes isn't at its beginning */
    SSL *ssl;    /* NULL: it speaks no TLS, or not as one should */
    bool shaken; /* hands */
};

/* --- The hostile process --- */

static struct told *told;
static int target, tls_target, poll_fd;
static unsigned randomness = 1;
static SSL_CTX *tls;
static char hello[4096]; /* how a handshake begins */
static size_t hello_len;

static unsigned any(unsigned below) {
    randomness = randomness * 1103515245 + 12345;
    return (randomness >> 8 & 0xffff) % below;
}

static void hostile_close(struct hostile *h, bool reset) {
    struct linger linger = {.l_onoff = 1};
    if (h->fd < 0) return;
    if (reset) setsockopt(h->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    SSL_free(h->ssl);
    h->ssl = NULL;
    close(h->fd);
    h->fd = -1;
    told->closed++;
}

/* Begins to speak TLS. */
static void be_polite(struct hostile *h) {
    fcntl(h->fd, F_SETFL, O_NONBLOCK);
    h->shaken = false;
    h->ssl = SSL_new(tls);
    if (!h->ssl || SSL_set_fd(h->ssl, h->fd) != 1) abort();
    SSL_set_connect_state(h->ssl);
}

static void hostile_open(struct hostile *h) {
    int port = h->kind >= TLS_RANDOM ? tls_target : target;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
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
    if (h->kind == TLS_SILENT || h->kind == TLS_COMMAND) be_polite(h);
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

static void random_bytes(struct hostile *h) {
    char bytes[512];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)any(256);
    /* Every other one looks like the head of a record, so that somebody looks behind it. */
    if (h->kind == TLS_RANDOM && h->acts == 0 && any(2)) memcpy(bytes, "\x16\3\1\1\xfb\1\0\1", 8);
    transmit(h, bytes, sizeof bytes);
}

/* An eighth of a handshake's begin, but never its last byte. */
static void part_of_hello(struct hostile *h) {
    size_t step = hello_len / 8, at = h->acts * step;
    if (at + 1 < hello_len)
        transmit(h, hello + at, at + step < hello_len ? step : hello_len - 1 - at);
}

/* Goes on with what OpenSSL has to do. True: the handshake is over. */
static bool shake_hands(struct hostile *h) {
    if (h->shaken) return true;
    int result = SSL_do_handshake(h->ssl), why = SSL_get_error(h->ssl, result);
    h->shaken = result == 1;
    told->handshakes += h->shaken;
    if (!h->shaken && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        hostile_close(h, false);
    return h->shaken;
}

static void act(struct hostile *h) {
    static const char slowly[] = "*3\r\n$3\r\nSET\r\n$6\r\nstolen\r\n$3\r\nyes\r\n";
    static const char commands[] =
        "SET stolen yes\r\nGET secret\r\nEVAL 'return 1' 0\r\nMULTI\r\nSET stolen x\r\n"
        "CONFIG GET requirepass\r\nSUBSCRIBE c\r\nMONITOR\r\nPSYNC ? -1\r\nINFO\r\n";
    char bytes[512];
    switch (h->kind) {
    case SLOW: transmit(h, &slowly[h->acts % (sizeof slowly - 1)], 1); break;
    case DEAF:
        for (int i = 0; i < 20 && h->fd >= 0; i++)
            transmit_text(h, "*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n");
        break;
    case GIANT: giant(h); break;
    case RANDOM:
    case TLS_RANDOM: random_bytes(h); break;
    case GUESS:
        snprintf(bytes, sizeof bytes,
                 "AUTH %u\r\nAUTH default %u\r\nHELLO 3 AUTH default %u\r\nAUTH correct\r\n",
                 any(65536), any(65536), any(65536));
        transmit_text(h, bytes);
        break;
    case DROP: hostile_close(h, h->acts & 1); break;
    case COMMAND: transmit_text(h, commands); break;
    case TLS_PART: part_of_hello(h); break;
    case TLS_DROP:
        part_of_hello(h);
        if (h->fd >= 0 && h->acts == 2) hostile_close(h, any(2));
        break;
    case TLS_SILENT: shake_hands(h); break;
    case TLS_COMMAND:
        if (shake_hands(h)) SSL_write(h->ssl, commands, sizeof commands - 1);
        break;
    case SILENT:
    case KINDS: break;
    }
    h->acts++;
    told->acts++;
}

/* As recv. Who doesn't speak TLS as one should may be told why in TLS: that's no reply. */
static ssize_t receive(struct hostile *h, char *to, size_t room) {
    if (h->ssl) {
        if (!shake_hands(h)) return -1;
        int n = SSL_read(h->ssl, to, (int)room);
        if (n > 0) return n;
        if (SSL_get_error(h->ssl, n) != SSL_ERROR_WANT_READ) hostile_close(h, false);
        return -1;
    }
    ssize_t n = recv(h->fd, to, room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) hostile_close(h, false);
    return h->kind >= TLS_RANDOM ? -1 : n;
}

/* All that these may be told are errors, each in a line. */
static void hear(struct hostile *h) {
    char bytes[16384];
    ssize_t n = receive(h, bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++) {
        if (!h->within) {
            told->replies++;
            told->served += bytes[i] != '-';
        }
        h->within = bytes[i] != '\n';
    }
}

/* What a client says first. */
static void learn_hello(void) {
    SSL *ssl = SSL_new(tls);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!ssl || !in || !out) abort();
    SSL_set_bio(ssl, in, out);
    SSL_connect(ssl);
    int len = BIO_read(out, hello, sizeof hello);
    if (len < 100) abort();
    hello_len = (size_t)len;
    SSL_free(ssl);
}

static void prepare(void) {
    struct rlimit limit;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls) abort();
}

static _Noreturn void be_hostile(int count) {
    static struct hostile all[CONNECTIONS_MAX];
    struct epoll_event events[256];
    prepare();
    learn_hello();
    for (int i = 0; i < count; i++)
        all[i] = (struct hostile){.fd = -1, .kind = (enum kind)(i % KINDS)};
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

/* Comes, shakes hands and goes, so many times a second. */
static _Noreturn void shake_only(int rate) {
    static struct hostile all[AT_ONCE_MAX];
    struct epoll_event events[AT_ONCE_MAX];
    prepare();
    for (int i = 0; i < AT_ONCE_MAX; i++) all[i] = (struct hostile){.fd = -1, .kind = TLS_SILENT};
    for (double begun = seconds_now();;) {
        int n = epoll_wait(poll_fd, events, AT_ONCE_MAX, 1);
        for (int i = 0; i < n; i++)
            if (shake_hands(events[i].data.ptr)) hostile_close(events[i].data.ptr, false);
        double due = (seconds_now() - begun) * rate;
        for (int i = 0; i < AT_ONCE_MAX && (double)told->connected < due; i++) {
            if (all[i].fd >= 0) continue;
            hostile_open(&all[i]);
            if (all[i].fd >= 0) shake_hands(&all[i]);
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
    return info_number(c, "memory", "used_memory");
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

static void load_start(struct load *l, const struct server *s) {
    *l = (struct load){.waits = malloc(SAMPLES_MAX * sizeof(float))};
    assert_non_null(l->waits);
    for (int i = 0; i < FRIENDS; i++) l->friends[i] = friend_open(s);
}

static void load_stop(struct load *l) {
    await_like(l->friends[0], "*connected_clients:8\\\\r*", "INFO clients");
    for (int i = 0; i < FRIENDS; i++) redisFree(l->friends[i]);
    free(l->waits);
}

/* A server with a port for TLS, too, to whoever knows the password. */
static struct server *guarded_server(void) {
    struct server *s = server_start("--requirepass \"%s\" --maxclients 10000", PASSWORD);
    redisContext *c = friend_open(s);
    char command[256];
    snprintf(command, sizeof command, "tests/make-certificates %s/tls", s->dir);
    if (system(command) != 0) fail_msg("%s: failed", command);
    target = s->port;
    tls_target = free_port();
    expect(c, "+OK",
           "CONFIG SET tls-cert-file %s/tls/server.crt tls-key-file %s/tls/server.key "
           "tls-auth-clients no tls-port %d",
           s->dir, s->dir, tls_target);
    redisFree(c);
    return s;
}

static pid_t hostile_start(void (*be)(int), int count) {
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) be(count);
    for (double end = seconds_now() + PATIENCE_SEC;
         told->connected < (unsigned)count || !told->handshakes;)
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
    struct server *s = guarded_server();
    struct load l;
    load_start(&l, s);
    expect(l.friends[0], "+OK", "SET secret hidden");

    double alone = load_run(&l, seconds), before = memory_of(l.friends[0]);
    double resident = info_number(l.friends[0], "memory", "used_memory_rss");
    pid_t pid = hostile_start(be_hostile, count);
    l.most_memory = before;
    double beside = load_run(&l, seconds), end = seconds_now() + PATIENCE_SEC;
    while (!(told->acts > 0 && told->replies > 0 && told->closed > 0) && seconds_now() < end)
        beside = load_run(&l, seconds); /* it was hardly given the time */
    resident = info_number(l.friends[0], "memory", "used_memory_rss") - resident;
    hostile_stop(pid);

    printf("%d hostile connections: %lu acts, %lu replies, %lu connections in all\n", count,
           told->acts, told->replies, told->connected);
    printf("others' requests, 99th percentile: %.0f us alone, %.0f us beside\n", alone * 1e6,
           beside * 1e6);
    printf("memory: %.0f KB more than alone; the bound is %d KB; with OpenSSL's: %.0f KB\n",
           (l.most_memory - before) / 1024, count * (BOUND_EACH / 1024), resident / 1024);
    assert_true(told->acts > 0 && told->replies > 0 && told->closed > 0);
    assert_int_equal(told->served, 0);
    assert_true(l.most_memory - before <= (double)count * BOUND_EACH);
    expect(l.friends[0], "(int) 0", "EXISTS stolen");
    load_stop(&l);
    munmap(told, sizeof *told);
    server_stop(s);
}

static void test_handshakes(void **state) {
    int rate = from_environment("DREY_HOSTILE", CONNECTIONS, CONNECTIONS_MAX);
    int seconds = from_environment("DREY_HOSTILE_SECONDS", 1, 3600);
    struct server *s = guarded_server();
    struct load l;
    load_start(&l, s);

    double alone = load_run(&l, seconds);
    pid_t pid = hostile_start(shake_only, rate);
    expect(l.friends[0], "+OK", "CONFIG SET latency-monitor-threshold 1000"); /* reads CPU time */
    expect(l.friends[0], "+OK", "CONFIG RESETSTAT");
    double begun = seconds_now();
    unsigned long made = told->handshakes;
    double beside = load_run(&l, seconds);
    made = told->handshakes - made;
    begun = seconds_now() - begun;
    char *turns = info_text(l.friends[0], "loop", "loop_turn_usec");
    char *longer = info_text(l.friends[0], "loop", "loop_turns_longer_than_usec");
    char *on_cpu = info_text(l.friends[0], "loop", "loop_turn_on_cpu_usec");
    hostile_stop(pid);

    printf("%.0f handshakes a second, of %d tried\n", (double)made / begun, rate);
    printf("others' requests, 99th percentile: %.0f us alone, %.0f us beside\n", alone * 1e6,
           beside * 1e6);
    printf("the server's turns, in us: %s; longer ones: %s\n", turns, longer);
    printf("what they had of a core: %s\n", on_cpu);
    free(turns);
    free(longer);
    free(on_cpu);
    load_stop(&l);
    munmap(told, sizeof *told);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_connections),
        cmocka_unit_test(test_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
