/* SPDX-License-Identifier: BSD-3-Clause */
/* What integration tests share: the real binary, started in a directory of its own on a free port,
 * and two ways to talk to it: through hiredis, and byte by byte over a socket (which also reads
 * RESP3, whatever the age of the hiredis at hand).
 *
 * The binary is the program named by the environment variable DREY_SERVER; any server that takes
 * Redis's options will do. Whatever goes wrong ends the test that runs (fail_msg), with the end of
 * the server's log. No wait is longer than PATIENCE_SEC, and a server dies with the test program
 * that started it.
 *
 * Replies are compared as text. The notation, for either protocol:
 *
 *   +OK   "bulk \r\n \x00"   (int) 3   (err) ERR text   (nil)   ["a", (int) 1, []]
 *   {"key": (int) 1}   ~["set"]   >["push"]   (double) 1.5   (bool) true   (big) 12
 *   (txt) "verbatim" */
#ifndef DREY_TESTS_SUPPORT_H
#define DREY_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <hiredis.h>

enum { PATIENCE_SEC = 120 };

/* --- The server --- */

struct server {
    pid_t pid;
    int port;            /* 0 if it has none */
    char dir[64];        /* its working directory, removed by server_stop */
    char log[96];        /* its log file */
    char unix_path[256]; /* "" if it has no unix socket */
};

/* Starts it with the configuration file that options may begin with, a free port, --dir, --logfile,
 * no saving, and then these options (split at spaces; "…" or '…' keeps words together), and waits
 * until it answers. */
struct server *server_start(const char *options, ...) __attribute__((format(printf, 1, 2)));

/* The same, but it may end before it answers: NULL then, with the exit status as server_end has it
 * in *status. */
struct server *server_try(int *status, const char *options, ...)
    __attribute__((format(printf, 2, 3)));

/* Servers started from now on have this in their environment; NULL: no more. */
void server_env(const char *name, const char *value);

/* SIGTERM; the server must end with exit status 0. Frees s and removes its directory. */
void server_stop(struct server *s);

/* Sends the signal (0: none, it's ending by itself) and waits for the end. Returns the exit status,
 * or 128 + the signal that ended it; frees as above. */
int server_end(struct server *s, int signal);

/* It stands still from here on, with SIGSTOP. What is sent meanwhile has all come when it goes on,
 * and is taken in the order in which it was sent, unless a client but the first was being served
 * when it was stopped. */
void server_hold(const struct server *s);
void server_go_on(const struct server *s);

/* Everything logged so far; the caller frees. */
char *server_log(const struct server *s);

/* Runs the binary with just these arguments and `input` (may be NULL) as its standard input to its
 * end. Returns the exit status, and in *output what it wrote to stdout and stderr; the caller
 * frees. */
int server_run(char **output, const char *input, const char *arguments, ...)
    __attribute__((format(printf, 3, 4)));

/* A port nobody listens on, and that nobody else gets while this program runs. Each call gives
 * another one. */
int free_port(void);

/* Makes a directory for a few MB of the test's own files, in memory if there's such a file system:
 * syncing them takes no time there, which isn't what is tested. False: it can't. */
bool make_directory(char path[64]);

/* Writes all of text to a file, or fails the test. */
void write_file(const char *path, const char *text);

/* --- hiredis --- */

redisContext *client_open(const struct server *s);

/* Sends a command (hiredis's format: %s, %b) and compares the reply's text with `want`. */
#define expect(c, want, ...)      expect_at(__FILE__, __LINE__, c, want, false, __VA_ARGS__)
/* The same with `want` a glob pattern (fnmatch), for what varies. */
#define expect_like(c, want, ...) expect_at(__FILE__, __LINE__, c, want, true, __VA_ARGS__)

void expect_at(const char *file, int line, redisContext *c, const char *want, bool glob,
               const char *format, ...);

/* Sends a command and returns the reply's text; the caller frees. */
char *ask(redisContext *c, const char *format, ...);

/* Asks again and again, without pause, until the reply's text matches the glob pattern. */
void await_like(redisContext *c, const char *want, const char *command);

/* Waits until the server has no other connection, not even one that is about to be closed. */
void await_alone(redisContext *c);

/* The value of a field of INFO, up to the end of its line; the caller frees. */
char *info_text(redisContext *c, const char *section, const char *field);
double info_number(redisContext *c, const char *section, const char *field);

/* --- Bytes --- */

struct wire {
    int fd;
    char *in; /* received and not yet consumed: in[at..len) */
    size_t at, len, cap;
};

struct wire *wire_open(const struct server *s); /* TCP, or the unix socket if it has no port */
struct wire *wire_open_at(const char *host, int port); /* NULL if nobody listens there */
/* Takes in little that isn't read, so that the rest is soon the server's to keep, however much the
 * system's buffers hold. */
struct wire *wire_open_narrow(const struct server *s);
struct wire *wire_open_unix(const char *path); /* NULL if nobody listens there */
void wire_close(struct wire *w);
void wire_reset(struct wire *w); /* closes with RST instead of FIN */

/* Many, each of them known to the server; and their end. */
void wires_open(const struct server *s, struct wire **wires, size_t count);
void wires_close(struct wire **wires, size_t count);

void wire_send(struct wire *w, const void *bytes, size_t len);
void wire_text(struct wire *w, const char *text);
/* As wire_send, but stops without complaint when the peer closes; true if all was sent. */
bool wire_try_send(struct wire *w, const void *bytes, size_t len);

/* The next bytes must be exactly these. */
#define wire_expect(w, want)     wire_expect_at(__FILE__, __LINE__, w, want, sizeof(want) - 1)
/* The next reply, of RESP2 or RESP3, as text. */
#define wire_reply(w, want)      wire_reply_at(__FILE__, __LINE__, w, want, false)
#define wire_reply_like(w, want) wire_reply_at(__FILE__, __LINE__, w, want, true)
/* The same, returned; the caller frees. */
char *wire_take_reply(struct wire *w);
/* An inline command and its reply as text. */
#define wire_ask(w, want, command)                                                                 \
    do {                                                                                           \
        wire_text(w, command "\r\n");                                                              \
        wire_reply_at(__FILE__, __LINE__, w, want, false);                                         \
    } while (0)
/* The peer must close, sending nothing more. */
#define wire_expect_closed(w) wire_expect_closed_at(__FILE__, __LINE__, w)

void wire_expect_at(const char *file, int line, struct wire *w, const char *want, size_t len);
void wire_reply_at(const char *file, int line, struct wire *w, const char *want, bool glob);
void wire_expect_closed_at(const char *file, int line, struct wire *w);
/* Reads and drops until the peer closes. */
void wire_drain(struct wire *w);

/* Returns once the server has seen everything sent to it before, on whatever connection: it has
 * answered a later request on c. */
void settle(redisContext *c);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

#endif
