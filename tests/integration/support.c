/* SPDX-License-Identifier: BSD-3-Clause */
#include "integration/support.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_ARGUMENTS = 64,
    MAX_SETTINGS = 8,
    LOG_SHOWN = 8000,
    REPORT_SEC = 10, /* a crash report's time */
};

/* Of the environment. */
static struct setting {
    const char *name;
    char value[512];
} settings[MAX_SETTINGS];

/* The server that a failing test talks about: the one started last. */
static struct server *current;

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_briefly(void) {
    nanosleep(&(struct timespec){0, 5 * 1000 * 1000}, NULL);
}

/* Ends the test at this place, with the last lines of the server's log. */
static void fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));

static void fail_at(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_error("%s:%d: ", file, line);
    vprint_error(format, args);
    print_error("\n");
    va_end(args);
    if (current) {
        char *log = server_log(current);
        size_t len = strlen(log), most = LOG_SHOWN;
        /* Not by print_error, which takes a thousand bytes at most. */
        fprintf(stderr, "--- end of the server's log:\n%s---\n",
                log + (len > most ? len - most : 0));
        free(log);
    }
    _fail(file, line);
    abort(); /* _fail jumps out of the test */
}

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* --- Files --- */

static char *read_all(int fd) {
    size_t len = 0, cap = 4096;
    char *text = malloc(cap);
    for (ssize_t got; (got = read(fd, text + len, cap - len - 1)) != 0;) {
        if (got < 0) {
            if (errno == EINTR) continue;
            break;
        }
        len += (size_t)got;
        if (cap - len < 2048) text = realloc(text, cap *= 2);
    }
    text[len] = '\0';
    return text;
}

bool make_directory(char path[64]) {
    snprintf(path, 64, "/dev/shm/drey-test-XXXXXX");
    if (mkdtemp(path)) return true;
    snprintf(path, 64, "/tmp/drey-test-XXXXXX");
    return mkdtemp(path) != NULL;
}

void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) FAIL("%s: %s", path, strerror(errno));
}

/* The directory and the files in it, and one level more (appendonlydir). */
static void remove_directory(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (unlink(inner) != 0 && errno == EISDIR) remove_directory(inner);
    }
    closedir(dir);
    rmdir(path);
}

/* --- Starting --- */

/* Splits in place; the words' array ends with NULL. */
static int split_words(char *text, char **words, int at) {
    while (*text) {
        while (*text == ' ') text++;
        if (!*text) break;
        char end = ' ';
        if (*text == '"' || *text == '\'') end = *text++;
        if (at == MAX_ARGUMENTS - 1) FAIL("too many arguments");
        words[at++] = text;
        while (*text && *text != end) text++;
        if (*text) *text++ = '\0';
    }
    words[at] = NULL;
    return at;
}

void server_env(const char *name, const char *value) {
    struct setting *s = settings;
    while (s->name && strcmp(s->name, name) != 0) s++;
    if (s == settings + MAX_SETTINGS - 1) FAIL("too many settings");
    s->name = name;
    snprintf(s->value, sizeof s->value, "%s", value ? value : "");
}

static const char *program(void) {
    const char *path = getenv("DREY_SERVER");
    if (!path) FAIL("DREY_SERVER isn't set: it names the server's binary");
    return path;
}

/* In the child: becomes the server, with stdin from `in`, stdout and stderr to `out`. */
static _Noreturn void become_server(char **words, int in, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    for (const struct setting *s = settings; s->name; s++)
        if (*s->value) setenv(s->name, s->value, 1);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    for (int fd = 3; fd < 256; fd++) close(fd);
    execvp(words[0], words);
    dprintf(2, "%s: %s\n", words[0], strerror(errno));
    _exit(127);
}

static pid_t launch(char **words, int in, int out) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) FAIL("fork: %s", strerror(errno));
    if (pid == 0) become_server(words, in, out);
    return pid;
}

static int status_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool ends_within(pid_t pid, int seconds, int *status) {
    double deadline = seconds_now() + seconds;
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid) return true;
        if (got < 0 && errno != EINTR) FAIL("waitpid: %s", strerror(errno));
        if (seconds_now() > deadline) return false;
        pause_briefly();
    }
}

/* Waits until the process has ended. When patience has, it's made to report where it is (a server
 * does, in its log), and is killed. Returns its exit status or 128 + signal; *late says whether it
 * had to be killed. */
static int wait_for_end(pid_t pid, bool *late) {
    int status;
    *late = !ends_within(pid, PATIENCE_SEC, &status);
    if (*late) {
        kill(pid, SIGABRT);
        if (!ends_within(pid, REPORT_SEC, &status)) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
    }
    return status_of(status);
}

/* What makes a port ours is a socket that is bound to it and never listens: to whoever else looks
 * for a port it's taken, and the kernel gives it to no outgoing connection. A server may have it
 * all the same, as both sockets have SO_REUSEADDR; ours gets it late, so that it binds only to what
 * is nobody's. */
int free_port(void) {
    static int next;
    if (!next) next = 12000 + (int)((unsigned)getpid() * 97 % 18000);
    for (int tries = 0; tries < 18000; tries++) {
        next = next >= 30000 ? 12000 : next + 1;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)next),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
            return next; /* the socket stays until this program ends */
        }
        close(fd);
    }
    FAIL("no free port");
}

/* The options decide where it listens: the last --port and --unixsocket count. */
static void note_addresses(struct server *s, char **words, int n) {
    for (int i = 0; i + 1 < n; i++) {
        if (strcmp(words[i], "--port") == 0) s->port = atoi(words[i + 1]);
        if (strcmp(words[i], "--unixsocket") == 0)
            snprintf(s->unix_path, sizeof s->unix_path, "%s", words[i + 1]);
    }
}

/* One PING on a connection of its own; any reply will do, -NOAUTH too. */
static bool answers(const struct server *s) {
    struct wire *w = s->port ? wire_open_at(NULL, s->port) : wire_open_unix(s->unix_path);
    if (!w) return false;
    char c;
    bool ok = wire_try_send(w, "PING\r\n", 6) && recv(w->fd, &c, 1, 0) == 1;
    wire_close(w);
    return ok;
}

/* False: it has ended, with that status. */
static bool await_answer(const struct server *s, int *status) {
    double deadline = seconds_now() + PATIENCE_SEC;
    while (!answers(s)) {
        int end;
        if (waitpid(s->pid, &end, WNOHANG) == s->pid) {
            *status = status_of(end);
            return false;
        }
        if (seconds_now() > deadline) FAIL("the server doesn't answer");
        pause_briefly();
    }
    return true;
}

static struct server *start(const char *options, va_list args) {
    signal(SIGPIPE, SIG_IGN);
    struct server *s = calloc(1, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "/tmp/drey-test-XXXXXX");
    if (!mkdtemp(s->dir)) FAIL("%s: %s", s->dir, strerror(errno));
    snprintf(s->log, sizeof s->log, "%s/log", s->dir);
    current = s;

    char base[512], extra[4096], *words[MAX_ARGUMENTS], *file = NULL, *rest = extra;
    vsnprintf(extra, sizeof extra, options, args);
    if (*extra && *extra != '-') file = strsep(&rest, " ");
    snprintf(base, sizeof base, "%s %s --port %d --dir %s --logfile %s --save ''", program(),
             file ? file : "", free_port(), s->dir, s->log);
    int n = split_words(base, words, 0);
    if (rest) n = split_words(rest, words, n);
    note_addresses(s, words, n);

    /* What goes past the log (a sanitizer's report, a refused option) lands in it, too. */
    int out = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->pid = launch(words, in, out);
    close(in);
    close(out);
    return s;
}

struct server *server_start(const char *options, ...) {
    int status;
    va_list args;
    va_start(args, options);
    struct server *s = start(options, args);
    va_end(args);
    if (!await_answer(s, &status)) FAIL("the server ended at its start");
    return s;
}

/* Signals, waits for the end and returns the status; a sanitizer's (99) fails the test. */
static int end_process(struct server *s, int signal) {
    bool late;
    kill(s->pid, signal);
    int status = wait_for_end(s->pid, &late);
    if (late) FAIL("the server still ran %d s after signal %d", PATIENCE_SEC, signal);
    if (status == 99) FAIL("the sanitizer has something to say");
    return status;
}

static void server_free(struct server *s) {
    remove_directory(s->dir);
    if (current == s) current = NULL;
    free(s);
}

struct server *server_try(int *status, const char *options, ...) {
    va_list args;
    va_start(args, options);
    struct server *s = start(options, args);
    va_end(args);
    if (await_answer(s, status)) return s;
    if (*status == 99) FAIL("the sanitizer has something to say");
    server_free(s);
    return NULL;
}

int server_end(struct server *s, int signal) {
    int status = end_process(s, signal);
    server_free(s);
    return status;
}

void server_stop(struct server *s) {
    int status = end_process(s, SIGTERM);
    if (status != 0) FAIL("exit status %d after SIGTERM", status);
    server_free(s);
}

void server_hold(const struct server *s) {
    int status;
    if (kill(s->pid, SIGSTOP) != 0 || waitpid(s->pid, &status, WUNTRACED) != s->pid ||
        !WIFSTOPPED(status))
        FAIL("%s", "it can't be stopped");
}

void server_go_on(const struct server *s) {
    if (kill(s->pid, SIGCONT) != 0) FAIL("%s", "it can't be continued");
}

char *server_log(const struct server *s) {
    int fd = open(s->log, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return strdup("");
    char *text = read_all(fd);
    close(fd);
    return text;
}

int server_run(char **output, const char *input, const char *arguments, ...) {
    char text[4096];
    va_list args;
    va_start(args, arguments);
    int used = snprintf(text, sizeof text, "%s ", program());
    vsnprintf(text + used, sizeof text - (size_t)used, arguments, args);
    va_end(args);
    char *words[MAX_ARGUMENTS];
    split_words(text, words, 0);

    FILE *in = tmpfile(), *out = tmpfile();
    if (!in || !out) FAIL("tmpfile: %s", strerror(errno));
    if (input) fputs(input, in);
    fflush(in);
    lseek(fileno(in), 0, SEEK_SET);
    bool late;
    int status = wait_for_end(launch(words, fileno(in), fileno(out)), &late);
    lseek(fileno(out), 0, SEEK_SET);
    *output = read_all(fileno(out));
    fclose(in);
    fclose(out);
    if (late) FAIL("still running after %d s, with: %s\n%s", PATIENCE_SEC, arguments, *output);
    return status;
}

/* --- Replies as text --- */

static void put_bytes(FILE *to, const char *bytes, size_t len) {
    fputc('"', to);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", to);
        else if (c == '\r')
            fputs("\\r", to);
        else if (c == '\t')
            fputs("\\t", to);
        else if (isprint(c))
            fputc(c, to);
        else
            fprintf(to, "\\x%02x", c);
    }
    fputc('"', to);
}

static void put_reply(FILE *to, const redisReply *r) {
    switch (r->type) {
    case REDIS_REPLY_STATUS: fprintf(to, "+%s", r->str); break;
    case REDIS_REPLY_ERROR: fprintf(to, "(err) %s", r->str); break;
    case REDIS_REPLY_INTEGER: fprintf(to, "(int) %lld", r->integer); break;
    case REDIS_REPLY_NIL: fputs("(nil)", to); break;
    case REDIS_REPLY_STRING: put_bytes(to, r->str, r->len); break;
    case REDIS_REPLY_ARRAY:
        fputc('[', to);
        for (size_t i = 0; i < r->elements; i++) {
            if (i) fputs(", ", to);
            put_reply(to, r->element[i]);
        }
        fputc(']', to);
        break;
    default: FAIL("reply of type %d: use a wire for RESP3", r->type);
    }
}

static char *reply_text(redisContext *c, redisReply *r) {
    if (!r) FAIL("no reply: %s", c->errstr);
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    put_reply(to, r);
    fclose(to);
    freeReplyObject(r);
    return text;
}

static bool matches(const char *want, const char *got, bool glob) {
    return glob ? fnmatch(want, got, 0) == 0 : strcmp(want, got) == 0;
}

/* --- hiredis --- */

redisContext *client_open(const struct server *s) {
    struct timeval patience = {PATIENCE_SEC, 0};
    redisContext *c = s->port ? redisConnectWithTimeout("127.0.0.1", s->port, patience)
                              : redisConnectUnixWithTimeout(s->unix_path, patience);
    if (!c || c->err) FAIL("connect: %s", c ? c->errstr : "no memory");
    redisSetTimeout(c, patience);
    return c;
}

void expect_at(const char *file, int line, redisContext *c, const char *want, bool glob,
               const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    if (!r) fail_at(file, line, "%s: no reply: %s", format, c->errstr);
    char *got = reply_text(c, r);
    if (!matches(want, got, glob))
        fail_at(file, line, "%s\n   want %s\n    got %s", format, want, got);
    free(got);
}

char *ask(redisContext *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    return reply_text(c, r);
}

void await_like(redisContext *c, const char *want, const char *command) {
    double deadline = seconds_now() + PATIENCE_SEC;
    for (;;) {
        char *got = ask(c, command);
        if (matches(want, got, true)) {
            free(got);
            return;
        }
        if (seconds_now() > deadline) FAIL("%s\n   want %s\n    got %s", command, want, got);
        free(got);
    }
}

void await_alone(redisContext *c) {
    await_like(c, "*connected_clients:1\\\\r\\\\n*", "INFO clients");
}

char *info_text(redisContext *c, const char *section, const char *field) {
    char *info = ask(c, "INFO %s", section), wanted[64];
    int len = snprintf(wanted, sizeof wanted, "\\n%s:", field); /* a reply's text is quoted */
    const char *at = strstr(info, wanted);
    if (!at) FAIL("no %s in INFO %s:\n%s", field, section, info);
    at += len;
    char *value = strndup(at, (size_t)(strstr(at, "\\r") - at));
    free(info);
    return value;
}

double info_number(redisContext *c, const char *section, const char *field) {
    char *text = info_text(c, section, field), *end;
    double value = strtod(text, &end);
    if (end == text) FAIL("%s is %s", field, text);
    free(text);
    return value;
}

void settle(redisContext *c) {
    expect(c, "+PONG", "PING");
}

/* --- Bytes --- */

static struct wire *wire_over(int fd, const struct sockaddr *address, socklen_t len) {
    struct timeval patience = {PATIENCE_SEC, 0};
    if (fd < 0) FAIL("socket: %s", strerror(errno));
    if (connect(fd, address, len) != 0) {
        close(fd);
        return NULL;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct wire *w = calloc(1, sizeof *w);
    w->fd = fd;
    w->in = malloc(w->cap = 64 * 1024);
    return w;
}

/* With a receive buffer of so many bytes; 0: as the system has it. */
static struct wire *wire_connect(const char *host, int port, int buffer) {
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    int error = getaddrinfo(host, service, &hints, &found);
    if (error) FAIL("%s: %s", host, gai_strerror(error));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    struct wire *w = fd < 0 ? NULL : wire_over(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    /* Each send a segment of its own, as the tests that cut requests need it. */
    if (w) setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return w;
}

struct wire *wire_open_at(const char *host, int port) {
    return wire_connect(host ? host : "127.0.0.1", port, 0);
}

struct wire *wire_open_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) FAIL("%s: too long", path);
    strcpy(address.sun_path, path);
    return wire_over(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&address,
                     sizeof address);
}

struct wire *wire_open(const struct server *s) {
    struct wire *w = s->port ? wire_open_at(NULL, s->port) : wire_open_unix(s->unix_path);
    if (!w) FAIL("connect: %s", strerror(errno));
    return w;
}

struct wire *wire_open_narrow(const struct server *s) {
    struct wire *w = wire_connect("127.0.0.1", s->port, 32 * 1024);
    if (!w) FAIL("connect: %s", strerror(errno));
    return w;
}

void wire_close(struct wire *w) {
    close(w->fd);
    free(w->in);
    free(w);
}

void wire_reset(struct wire *w) {
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    wire_close(w);
}

void wires_open(const struct server *s, struct wire **wires, size_t count) {
    for (size_t i = 0; i < count; i++) {
        wires[i] = wire_open(s);
        wire_ask(wires[i], "+PONG", "PING");
    }
}

void wires_close(struct wire **wires, size_t count) {
    for (size_t i = 0; i < count; i++) wire_close(wires[i]);
}

bool wire_try_send(struct wire *w, const void *bytes, size_t len) {
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(w->fd, (const char *)bytes + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
        if (n < 0) FAIL("send: %s", strerror(errno));
        sent += (size_t)n;
    }
    return true;
}

void wire_send(struct wire *w, const void *bytes, size_t len) {
    if (!wire_try_send(w, bytes, len)) FAIL("the server closed the connection");
}

void wire_text(struct wire *w, const char *text) {
    wire_send(w, text, strlen(text));
}

/* Receives some more; 0 when the peer has closed. */
static size_t wire_fill(struct wire *w) {
    if (w->at) {
        memmove(w->in, w->in + w->at, w->len - w->at);
        w->len -= w->at;
        w->at = 0;
    }
    if (w->len == w->cap) w->in = realloc(w->in, w->cap *= 2);
    for (;;) {
        ssize_t n = recv(w->fd, w->in + w->len, w->cap - w->len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == ECONNRESET) return 0;
        if (n < 0 && errno == EAGAIN)
            FAIL("nothing more for %d s after: %.*s", PATIENCE_SEC, (int)w->len, w->in);
        if (n < 0) FAIL("recv: %s", strerror(errno));
        w->len += (size_t)n;
        return (size_t)n;
    }
}

void wire_expect_at(const char *file, int line, struct wire *w, const char *want, size_t len) {
    while (w->len - w->at < len && wire_fill(w) > 0) {
    }
    size_t there = w->len - w->at;
    if (there < len || memcmp(w->in + w->at, want, len) != 0)
        fail_at(file, line, "   want %.*s\n    got %.*s", (int)len, want, (int)there,
                w->in + w->at);
    w->at += len;
}

/* n bytes that stay where they are until the next call; NULL if the peer closes before. */
static const char *take_bytes(struct wire *w, size_t n) {
    while (w->len - w->at < n)
        if (wire_fill(w) == 0) return NULL;
    w->at += n;
    return w->in + w->at - n;
}

/* A line without its CRLF, as take_bytes. */
static const char *take_line(struct wire *w, size_t *len) {
    for (;;) {
        char *start = w->in + w->at;
        char *end = memmem(start, w->len - w->at, "\r\n", 2);
        if (end) {
            *len = (size_t)(end - start);
            w->at += *len + 2;
            return start;
        }
        if (wire_fill(w) == 0) return NULL;
    }
}

static bool put_frame(FILE *to, struct wire *w);

/* n frames, or n pairs of them if `open` ends with a brace. */
static bool put_frames(FILE *to, struct wire *w, const char *open, long n) {
    bool pairs = strchr(open, '{');
    fputs(open, to);
    for (long i = 0; i < (pairs ? 2 * n : n); i++) {
        if (i) fputs(pairs && i % 2 ? ": " : ", ", to);
        if (!put_frame(to, w)) return false;
    }
    return fputc(pairs ? '}' : ']', to) != EOF;
}

static bool put_bulk(FILE *to, struct wire *w, long len, bool verbatim) {
    const char *bytes = take_bytes(w, (size_t)len + 2);
    if (!bytes || memcmp(bytes + len, "\r\n", 2) != 0) return false;
    if (verbatim) {
        if (len < 4 || bytes[3] != ':') return false;
        fprintf(to, "(%.3s) ", bytes);
        bytes += 4;
        len -= 4;
    }
    put_bytes(to, bytes, (size_t)len);
    return true;
}

/* Reads one reply off the wire and writes it as text; false if it's cut off or no reply at all. */
static bool put_frame(FILE *to, struct wire *w) {
    size_t len;
    const char *line = take_line(w, &len);
    if (!line || len == 0) return false;
    char type = line[0];
    const char *rest = line + 1;
    int rest_len = (int)len - 1;
    long n = strtol(rest, NULL, 10);
    if (strchr("$*%~>=", type) && n < 0) return fputs("(nil)", to) >= 0;
    switch (type) {
    case '+': return fprintf(to, "+%.*s", rest_len, rest) > 0;
    case '-': return fprintf(to, "(err) %.*s", rest_len, rest) > 0;
    case ':': return fprintf(to, "(int) %.*s", rest_len, rest) > 0;
    case ',': return fprintf(to, "(double) %.*s", rest_len, rest) > 0;
    case '(': return fprintf(to, "(big) %.*s", rest_len, rest) > 0;
    case '#': return fprintf(to, "(bool) %s", rest[0] == 't' ? "true" : "false") > 0;
    case '_': return fputs("(nil)", to) >= 0;
    case '$': return put_bulk(to, w, n, false);
    case '=': return put_bulk(to, w, n, true);
    case '*': return put_frames(to, w, "[", n);
    case '~': return put_frames(to, w, "~[", n);
    case '>': return put_frames(to, w, ">[", n);
    case '%': return put_frames(to, w, "{", n);
    case '|': return put_frames(to, w, "|{", n) && put_frame(to, w);
    default: return false;
    }
}

/* In *whole whether it's all of a reply. */
static char *take_reply(struct wire *w, bool *whole) {
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    *whole = put_frame(to, w);
    fclose(to);
    return text;
}

char *wire_take_reply(struct wire *w) {
    bool whole;
    char *text = take_reply(w, &whole);
    if (!whole) fail_msg("no whole reply: %s", text);
    return text;
}

void wire_reply_at(const char *file, int line, struct wire *w, const char *want, bool glob) {
    bool whole;
    char *got = take_reply(w, &whole);
    if (!whole) fail_at(file, line, "   want %s\n    got no whole reply: %s", want, got);
    if (!matches(want, got, glob)) fail_at(file, line, "   want %s\n    got %s", want, got);
    free(got);
}

void wire_expect_closed_at(const char *file, int line, struct wire *w) {
    size_t there = w->len - w->at;
    if (there == 0 && wire_fill(w) == 0) return;
    fail_at(file, line, "   want the connection closed\n    got %.*s", (int)(w->len - w->at),
            w->in + w->at);
}

void wire_drain(struct wire *w) {
    do w->at = w->len;
    while (wire_fill(w) > 0);
}
