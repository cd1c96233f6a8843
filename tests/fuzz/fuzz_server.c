/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of all kinds by several clients of a whole server in this process, over sockets: each
 * is answered with whole replies, and afterwards all values hold what must hold.
 *
 * Requests are made of the input by grammar.h. Left out are commands that end or halt the process,
 * write files, connect to others, or change the configuration. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/cluster.h"
#include "exec/acl.h"
#include "fuzz/engine.h"
#include "fuzz/grammar.h"
#include "repl/repl.h"
#include "server/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CLIENTS = 3,
    REQUESTS_MAX = 200,
    TURNS_MAX = 10000,
    QUIET_TURNS = 3,
    KEPT_MAX = 32 << 20, /* replies beyond this aren't looked at */
};

struct peer {
    int fd;
    struct buf out, in;
    bool closed, overflowed;
};

static struct server *server;
static struct fuzz_grammar *grammar;

static void must(bool holds) {
    if (!holds) abort();
}

/* --- The server --- */

static void clean_up(void) {
    struct restart restart = server->restart;
    fuzz_grammar_free(grammar);
    server_free(server);
    restart_release(&restart);
}

static void set_up(void) {
    static const char *const options[] = {
        "fuzz",
        "--port",
        "0",
        "--save",
        "",
        "--dir",
        ".",
        "--logfile",
        "/dev/null",
        "--set-proc-title",
        "no",
        "--crash-log-enabled",
        "no",
        "--proto-max-bulk-len",
        "1mb",
        "--client-query-buffer-limit",
        "4mb",
        "--client-output-buffer-limit",
        "normal 4mb 0 0",
        "--lua-memory-limit",
        "64mb",
        "--databases",
        "4",
        "--set-max-intset-entries",
        "20",
        "--list-max-listpack-size",
        "6",
        "--hash-max-listpack-entries",
        "8",
        "--zset-max-listpack-entries",
        "8",
        "--set-max-listpack-entries",
        "8",
        "--stream-node-max-entries",
        "4",
        "--slowlog-log-slower-than",
        "0",
        "--appendonly",
        "no",
    };
    static const char *const without[] = {
        "shutdown",     "debug",   "save",     "bgsave",   "bgrewriteaof", "replicaof",
        "slaveof",      "psync",   "sync",     "migrate",  "config|set",   "config|rewrite",
        "failover",     "module",  "acl|save", "acl|load", "script|debug", "memory|malloc-stats",
        "memory|purge", "cluster", NULL,
    };
    static const struct server_extension *const extensions[] = {&repl_extension, &cluster_extension,
                                                                NULL};
    enum { COUNT = sizeof options / sizeof *options };
    static char *words[COUNT], *argv[COUNT + 1]; /* the server has copies of its own in argv */
    for (int i = 0; i < COUNT; i++) must((argv[i] = words[i] = strdup(options[i])) != NULL);
    server = server_new(COUNT, argv, extensions);
    must(server != NULL);
    grammar = fuzz_grammar_new(server->engine.commands, without);
    atexit(clean_up);
}

static void turn(void) {
    loop_no_sleep(server->loop);
    loop_turn(server->loop);
}

/* --- Peers --- */

static void peer_open(struct peer *p) {
    int fds[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    *p = (struct peer){.fd = fds[0], .out = BUF_INIT, .in = BUF_INIT};
    must(client_new(server, fds[1], NULL, false) != NULL); /* told once, as by TCP */
}

static void peer_close(struct peer *p) {
    close(p->fd);
    buf_release(&p->out);
    buf_release(&p->in);
}

/* True if anything was received. */
static bool receive(struct peer *p) {
    char room[65536];
    ssize_t n = recv(p->fd, room, sizeof room, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) p->closed = true;
    if (n <= 0) return false;
    if (p->in.len + (size_t)n > KEPT_MAX) p->overflowed = true;
    if (!p->overflowed) buf_append(&p->in, room, (size_t)n);
    return true;
}

/* The same for sending. */
static bool transmit(struct peer *p) {
    if (p->closed || !p->out.len) return false;
    ssize_t n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) p->closed = true;
    if (p->closed) buf_clear(&p->out);
    if (n <= 0 || p->closed) return false;
    memmove(p->out.data, p->out.data + n, p->out.len - (size_t)n);
    p->out.len -= (size_t)n;
    return true;
}

/* Until nothing comes or goes any more. */
static void settle(struct peer *peers) {
    for (int turns = 0, quiet = 0; turns < TURNS_MAX && quiet < QUIET_TURNS; turns++) {
        bool moved = false;
        for (int i = 0; i < CLIENTS; i++) moved |= transmit(&peers[i]);
        turn();
        for (int i = 0; i < CLIENTS; i++) moved |= !peers[i].closed && receive(&peers[i]);
        quiet = moved ? 0 : quiet + 1;
    }
}

/* --- Replies --- */

/* The line at *at, without its end; *at goes behind that. */
static bool take_line(struct slice in, size_t *at, struct slice *line) {
    const char *from = in.ptr + *at, *end = memmem(from, in.len - *at, "\r\n", 2);
    if (!end) return false;
    *line = slice_of(from, (size_t)(end - from));
    *at += line->len + 2;
    return line->len > 0 && !memchr(line->ptr, '\n', line->len);
}

static bool take_reply(struct slice in, size_t *at) {
    struct slice line;
    for (uint64_t left = 1; left; left--) {
        int64_t number = 0;
        if (!take_line(in, at, &line)) return false;
        char kind = line.ptr[0];
        bool counted = memchr("$=*~>%|:", kind, 8) != NULL;
        if (!strchr("+-:$=*~>%|,(#_", kind)) return false;
        if (counted && !num_to_i64(slice_of(line.ptr + 1, line.len - 1), &number)) return false;
        if ((kind == '$' || kind == '=') && number >= 0) {
            if (in.len - *at < (size_t)number + 2) return false;
            *at += (size_t)number + 2;
            if (memcmp(in.ptr + *at - 2, "\r\n", 2) != 0) return false;
        } else if (strchr("*~>%|", kind) && number > 0) {
            left += (uint64_t)number * (strchr("%|", kind) ? 2 : 1);
        }
        if (kind == '|') left++; /* what the attributes are of */
    }
    return true;
}

/* A connection that was closed may end within a reply. */
static void check_replies(const struct peer *p) {
    size_t at = 0;
    if (p->overflowed) return;
    while (at < p->in.len && take_reply(buf_slice(&p->in), &at)) continue;
    must(at == p->in.len || p->closed);
}

/* --- An input --- */

/* What is left of it all is as at the start. */
static void empty(void) {
    static const char all[] = "*1\r\n$5\r\nRESET\r\n*2\r\n$6\r\nCLIENT\r\n$7\r\nUNPAUSE\r\n"
                              "*3\r\n$3\r\nACL\r\n$7\r\nDELUSER\r\n$1\r\nu\r\n"
                              "*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\n"
                              "*2\r\n$6\r\nSCRIPT\r\n$5\r\nFLUSH\r\n"
                              "*2\r\n$7\r\nSLOWLOG\r\n$5\r\nRESET\r\n*1\r\n$8\r\nFLUSHALL\r\n"
                              "*1\r\n$4\r\nQUIT\r\n";
    struct peer last;
    client_pause_stop(server); /* who is held isn't seen to go */
    for (int turns = 0; server->client_count && turns < TURNS_MAX; turns++) turn();
    must(server->client_count == 0);
    peer_open(&last);
    buf_append_str(&last.out, all);
    for (int turns = 0; !last.closed; turns++) {
        must(turns < TURNS_MAX * 100);
        transmit(&last);
        turn();
        receive(&last);
    }
    check_replies(&last);
    peer_close(&last);
    while (server->client_count) turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, data + size};
    struct peer peers[CLIENTS];
    if (!server) set_up();
    for (int i = 0; i < CLIENTS; i++) peer_open(&peers[i]);
    for (int n = 0; in.at < in.end && n < REQUESTS_MAX; n++) {
        uint8_t byte = fuzz_byte(&in);
        fuzz_request(grammar, &in, &peers[byte % CLIENTS].out);
        if (byte & 0x40) settle(peers);
    }
    settle(peers);
    fuzz_check(&server->engine);
    for (int i = 0; i < CLIENTS; i++) {
        check_replies(&peers[i]);
        peer_close(&peers[i]);
    }
    empty();
    return 0;
}
