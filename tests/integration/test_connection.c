/* SPDX-License-Identifier: BSD-3-Clause */
/* Coming and going: starts that must fail, where a server listens, who may talk to it, clients that
 * misbehave, and how it ends. */
#include "integration/support.h"

#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_in(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("'%s' isn't in:\n%s", part, text);
}

/* --- Starts that fail --- */

static const struct refusal {
    const char *arguments, *says;
} refusals[] = {
    {"--nosuch 1", "nosuch"},
    {"-p 7000", "Bad directive"},
    {"--port 99999", "argument must be between 0 and 65535 inclusive"},
    {"--port", "wrong number of arguments"},
    {"--maxclients abc", "argument couldn't be parsed into an integer"},
    {"--save '' extra", "Invalid save parameters"},
    {"--dir /nonexistent/directory", "No such file or directory"},
    {"--loglevel chatty", "loglevel"},
    {"/nonexistent/file.conf", "No such file or directory"},
    {"--bind 192.0.2.1", "Cannot assign requested address"},
    {"--tls-port 6380", "No tls-cert-file configured!"},
    {"--port 0", "not listen"},
    {"--port 0 --logfile /dev/null", "not listen"},
    {"--port 0 --daemonize yes", "not listen"},
    {"--logfile /nonexistent/log", "/nonexistent/log: No such file or directory"},
    {"--logfile /", "Is a directory"},
    {"--dir /dev/null", "Not a directory"},
    {"/", "config file '/': Is a directory"},
    {"/proc/self/mem", "config file '/proc/self/mem': Input/output error"},
    {"--port 0 --unixsocket /nonexistent/socket", "/nonexistent/socket: No such file or directory"},
    {"--port 0 --unixsocket /tmp/drey-test-group.sock --unixsocketgroup no:group",
     "to group no:group: there is no such group"},
};

static void test_refused_starts(void **state) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char *output;
        int status = server_run(&output, NULL, "%s", refusals[i].arguments);
        if (status != 1) fail_msg("%s: exit status %d\n%s", refusals[i].arguments, status, output);
        expect_in(output, refusals[i].says);
        free(output);
    }
}

static void test_refused_config_line(void **state) {
    char path[] = "/tmp/drey-test-conf-XXXXXX", *output;
    close(mkstemp(path));
    write_file(path, "# a comment\nport 0\n\nnosuch 1\nalso-wrong 2\n");
    assert_int_equal(server_run(&output, NULL, "%s", path), 1);
    expect_in(output, "line 4");
    expect_in(output, "nosuch 1");
    expect_in(output, "Bad directive or wrong number of arguments");
    unlink(path);
    free(output);
}

static void test_port_in_use(void **state) {
    struct server *s = server_start("%s", "");
    char *output, number[16];
    assert_int_equal(server_run(&output, NULL, "--port %d", s->port), 1);
    snprintf(number, sizeof number, "%d", s->port);
    expect_in(output, "Address already in use");
    expect_in(output, number);
    free(output);
    /* A daemon says so to whoever started it. */
    assert_int_equal(server_run(&output, NULL, "--port %d --daemonize yes", s->port), 1);
    expect_in(output, "Address already in use");
    free(output);
    redisContext *c = client_open(s);
    expect(c, "+PONG", "PING"); /* the first one doesn't mind */
    redisFree(c);
    server_stop(s);
}

static void test_version_and_help(void **state) {
    char *output;
    assert_int_equal(server_run(&output, NULL, "--version"), 0);
    expect_in(output, "Drey server v=7.2.4 sha=");
    expect_in(output, " drey=");
    free(output);
    /* As redis-server: what runs it by mistake shall not take it for a success. */
    assert_int_equal(server_run(&output, NULL, "--help"), 1);
    expect_in(output, "Usage");
    free(output);
    assert_int_equal(server_run(&output, NULL, "-h ignored"), 1);
    expect_in(output, "Usage");
    free(output);
}

static void test_check_system(void **state) {
    char *output;
    int status = server_run(&output, NULL, "--check-system");
    const char *at = output;
    static const char *const checks[] = {"[clock]...", "[overcommit]...", "[huge-pages]..."};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        at = strstr(at, checks[i]);
        if (!at) fail_msg("no %s, or not in its place: %s", checks[i], output);
    }
    assert_int_equal(status, strstr(output, "WARNING") ? 1 : 0);
    free(output);
}

/* --- Configuration --- */

static void test_file_then_options(void **state) {
    char path[] = "/tmp/drey-test-conf-XXXXXX";
    close(mkstemp(path));
    write_file(path, "# a comment\n\ntimeout 100\nmaxclients 77\nrequirepass \"two words\"\n");
    struct server *s = server_start("%s --timeout 200", path);
    redisContext *c = client_open(s);
    expect(c, "+OK", "AUTH %s", "two words");
    expect(c, "[\"timeout\", \"200\"]", "CONFIG GET timeout");
    expect(c, "[\"maxclients\", \"77\"]", "CONFIG GET maxclients");
    redisFree(c);
    server_stop(s);
    unlink(path);
}

/* The configuration on standard input, `-`, and a daemon that has written its pid and has gone its
 * own way. Left by its parent it becomes ours, so that its end can be seen wherever this runs. */
static void test_daemon_configured_by_stdin(void **state) {
    char dir[] = "/tmp/drey-test-XXXXXX", pidfile[64], text[256], *output;
    assert_non_null(mkdtemp(dir));
    snprintf(pidfile, sizeof pidfile, "%s/pid", dir);
    int port = free_port();
    snprintf(text, sizeof text, "port %d\ndir %s\npidfile %s\nlogfile %s/log\nsave \"\"\n", port,
             dir, pidfile, dir);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal(server_run(&output, text, "- --daemonize yes"), 0);
    free(output);

    struct wire *w = wire_open_at(NULL, port); /* it's there once the command is through */
    assert_non_null(w);
    wire_ask(w, "+PONG", "PING");
    FILE *file = fopen(pidfile, "r");
    int pid = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(kill(pid, SIGTERM), 0);
    wire_expect_closed(w);
    wire_close(w);
    double deadline = seconds_now() + PATIENCE_SEC;
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) assert_true(seconds_now() < deadline);
    assert_int_equal(status, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    assert_int_not_equal(access(pidfile, F_OK), 0);
    snprintf(text, sizeof text, "%s/log", dir);
    unlink(text);
    assert_int_equal(rmdir(dir), 0);
}

/* --- Where it listens --- */

/* Sends a request with a descriptor, behind which a read of it ends. */
static void send_with_descriptor(struct wire *w, const char *text) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec bytes = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &w->fd, sizeof w->fd);
    assert_int_equal(sendmsg(w->fd, &message, 0), bytes.iov_len);
}

static void test_unix_socket(void **state) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/drey-test-%d.sock", (int)getpid());
    struct server *s = server_start("--unixsocket %s --unixsocketperm 700", path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0700);
    struct wire *w = wire_open_unix(path);
    assert_non_null(w);
    wire_ask(w, "+OK", "SET over unix");
    server_hold(s);
    send_with_descriptor(w, "PING 1\r\n");
    wire_text(w, "PING 2\r\n");
    server_go_on(s);
    wire_reply(w, "\"1\"");
    wire_reply(w, "\"2\"");
    wire_close(w);
    redisContext *c = client_open(s); /* TCP beside it */
    expect(c, "\"unix\"", "GET over");
    redisFree(c);
    server_stop(s);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Only root can give it to a group that it isn't in. */
static void test_unix_socket_group(void **state) {
    char path[64];
    const struct group *group = getgrgid(geteuid() == 0 ? 1 : getegid());
    if (!group) skip();
    snprintf(path, sizeof path, "/tmp/drey-test-group-%d.sock", (int)getpid());
    struct server *s = server_start("--unixsocket %s --unixsocketgroup %s --unixsocketperm 0660",
                                    path, group->gr_name);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_gid, group->gr_gid);
    assert_int_equal(st.st_mode & 0777, 0660);
    redisContext *c = client_open(s);
    char expected[64];
    snprintf(expected, sizeof expected, "[\"unixsocketgroup\", \"%s\"]", group->gr_name);
    expect(c, expected, "CONFIG GET unixsocketgroup");
    redisFree(c);
    server_stop(s);
}

static void test_unix_socket_only(void **state) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/drey-test-only-%d.sock", (int)getpid());
    struct server *s = server_start("--port 0 --unixsocket %s", path);
    redisContext *c = client_open(s);
    expect(c, "+PONG", "PING");
    expect(c, "[\"port\", \"0\"]", "CONFIG GET port");
    redisFree(c);
    server_stop(s);
}

/* Is there the address ::1? A kernel that knows IPv6 may have been told not to use it. */
static bool has_ipv6(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) close(fd);
    return has;
}

/* An address that may be missing is marked by a dash; one that's there is listened to. */
static void test_several_addresses(void **state) {
    struct server *s = server_start("--bind 127.0.0.1 127.0.0.2 -192.0.2.1 -::1");
    const char *hosts[] = {"127.0.0.1", "127.0.0.2"};
    for (size_t i = 0; i < 2; i++) {
        struct wire *w = wire_open_at(hosts[i], s->port);
        assert_non_null(w);
        wire_ask(w, "+PONG", "PING");
        wire_close(w);
    }
    assert_null(wire_open_at("127.0.0.3", s->port));
    server_stop(s);
}

static void test_ipv6(void **state) {
    if (!has_ipv6()) skip();
    struct server *s = server_start("--bind 127.0.0.1 ::1");
    struct wire *w = wire_open_at("::1", s->port);
    assert_non_null(w);
    wire_ask(w, "+PONG", "PING");
    wire_text(w, "CLIENT LIST\r\n");
    wire_reply_like(w, "*addr=\\[::1\\]:*");
    wire_close(w);
    server_stop(s);
}

/* An address of this machine that isn't loopback; false if it has none. */
static bool outside_address(char *host, socklen_t size) {
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0) return false;
    for (struct ifaddrs *one = all; one && !found; one = one->ifa_next)
        found = one->ifa_addr && one->ifa_addr->sa_family == AF_INET && (one->ifa_flags & IFF_UP) &&
                !(one->ifa_flags & IFF_LOOPBACK) &&
                getnameinfo(one->ifa_addr, sizeof(struct sockaddr_in), host, size, NULL, 0,
                            NI_NUMERICHOST) == 0;
    freeifaddrs(all);
    return found;
}

static void test_protected_mode(void **state) {
    char host[NI_MAXHOST];
    if (!outside_address(host, sizeof host)) skip();
    struct server *s = server_start("--bind *");
    struct wire *w = wire_open_at(host, s->port);
    assert_non_null(w);
    wire_reply_like(w, "(err) DENIED *protected mode*");
    wire_expect_closed(w);
    wire_close(w);
    redisContext *c = client_open(s); /* loopback may */
    expect(c, "+OK", "CONFIG SET protected-mode no");
    w = wire_open_at(host, s->port);
    wire_ask(w, "+PONG", "PING");
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

/* --- Who may talk to it --- */

#define WRONGPASS "(err) WRONGPASS invalid username-password pair or user is disabled."
#define NOAUTH    "(err) NOAUTH Authentication required."

static void test_requirepass(void **state) {
    struct server *s = server_start("--requirepass secret");
    redisContext *c = client_open(s);
    expect(c, NOAUTH, "PING");
    expect(c, NOAUTH, "GET a");
    expect(c, NOAUTH, "COMMAND");
    expect(c, "(err) ERR unknown command 'FOO', with args beginning with: ", "FOO");
    expect(c, "(err) ERR wrong number of arguments for 'get' command", "GET");
    expect(c, WRONGPASS, "AUTH wrong");
    expect(c, WRONGPASS, "AUTH default wrong");
    expect(c, WRONGPASS, "AUTH nobody secret");
    expect(c, WRONGPASS, "AUTH %b", "secret\0x", (size_t)8);
    expect(c, NOAUTH, "PING");
    expect(c, "+OK", "AUTH secret");
    expect(c, "+PONG", "PING");
    expect(c, WRONGPASS, "AUTH wrong");
    expect(c, "+PONG", "PING"); /* once in, a failed AUTH doesn't put it out */
    expect(c, "+RESET", "RESET");
    expect(c, NOAUTH, "PING");
    expect(c, "+OK", "AUTH default secret");
    expect(c, "+OK", "CONFIG SET requirepass ''");
    redisFree(c);
    server_stop(s);
}

static void test_hello_with_auth(void **state) {
    struct server *s = server_start("--requirepass secret");
    struct wire *w = wire_open(s);
    wire_text(w, "HELLO 3\r\n");
    wire_reply_like(w, "(err) NOAUTH HELLO must be called with the client already authenticated*");
    wire_ask(w, WRONGPASS, "HELLO 3 AUTH default wrong");
    wire_ask(w, NOAUTH, "PING");
    wire_text(w, "HELLO 3 AUTH default secret SETNAME me\r\n");
    wire_reply_like(w, "{*\"proto\": (int) 3,*}");
    wire_ask(w, "\"me\"", "CLIENT GETNAME");
    wire_close(w);
    w = wire_open(s);
    wire_text(w, "QUIT\r\n");
    wire_expect(w, "+OK\r\n");
    wire_expect_closed(w);
    wire_close(w);
    server_stop(s);
}

static void test_auth_without_password(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect(c,
           "(err) ERR AUTH <password> called without any password configured for the default user. "
           "Are you sure your configuration is correct?",
           "AUTH x");
    expect(c, "+OK", "AUTH default x");
    expect(c, WRONGPASS, "AUTH nobody x");
    expect(c, "(err) ERR syntax error", "AUTH a b c");
    redisFree(c);
    server_stop(s);
}

/* Who hasn't authenticated gets little memory: ten arguments of 16 KB. */
static void test_limits_before_auth(void **state) {
    struct server *s = server_start("--requirepass secret");
    struct wire *w = wire_open(s);
    wire_text(w, "*11\r\n");
    wire_reply(w, "(err) ERR Protocol error: unauthenticated multibulk length");
    wire_expect_closed(w);
    wire_close(w);
    w = wire_open(s);
    wire_text(w, "*2\r\n$4\r\nECHO\r\n$16385\r\n");
    wire_reply(w, "(err) ERR Protocol error: unauthenticated bulk length");
    wire_expect_closed(w);
    wire_close(w);

    char *argument = calloc(1, 16385);
    memset(argument, 'a', 16384);
    redisContext *c = client_open(s);
    expect(c, NOAUTH, "ECHO %s", argument);
    expect(c, NOAUTH, "MGET 1 2 3 4 5 6 7 8 9");
    expect(c, "+OK", "AUTH secret");
    expect(c, "(int) 0", "EXISTS 1 2 3 4 5 6 7 8 9 10 %sx", argument);
    free(argument);
    redisFree(c);
    server_stop(s);
}

static void test_maxclients(void **state) {
    enum { MAX = 10 };
    struct server *s = server_start("--maxclients %d", MAX);
    redisContext *c = client_open(s);
    await_alone(c); /* the start's own is gone */
    struct wire *clients[MAX];
    for (int i = 1; i < MAX; i++) {
        clients[i] = wire_open(s);
        wire_ask(clients[i], "+PONG", "PING");
    }
    for (int i = 0; i < 3; i++) {
        struct wire *w = wire_open(s);
        wire_expect(w, "-ERR max number of clients reached\r\n");
        wire_expect_closed(w);
        wire_close(w);
    }
    await_like(c, "*rejected_connections:3\\\\r\\\\n*", "INFO stats");
    wire_close(clients[1]);
    await_like(c, "*connected_clients:9\\\\r\\\\n*", "INFO clients");
    clients[1] = wire_open(s);
    wire_ask(clients[1], "+PONG", "PING");
    for (int i = 1; i < MAX; i++) wire_close(clients[i]);
    redisFree(c);
    server_stop(s);
}

/* The kernel's table of descriptors has room for all clients from the start: each time it grows is
 * a stall of milliseconds. */
static void test_descriptor_table(void **state) {
    enum { MAX = 600 };
    struct server *s = server_start("--maxclients %d", MAX);
    char path[64], line[256];
    long size = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (!size && fgets(line, sizeof line, f))
        if (strncmp(line, "FDSize:", 7) == 0) size = atol(line + 7);
    fclose(f);
    assert_true(size >= MAX + 32);
    server_stop(s);
}

/* --- Clients that misbehave --- */

static void test_client_vanishes_in_a_request(void **state) {
    static const char *const beginnings[] = {
        "", "*", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100\r\nhalf", "SET a", "*1\r\n$400000000\r\nx",
    };
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        for (int reset = 0; reset < 2; reset++) {
            struct wire *w = wire_open(s);
            wire_text(w, beginnings[i]);
            settle(c);
            reset ? wire_reset(w) : wire_close(w);
            await_alone(c);
        }
    }
    expect(c, "(int) 0", "EXISTS a");
    redisFree(c);
    server_stop(s);
}

/* A client that goes away while megabytes for it are waiting. */
static void test_client_vanishes_before_its_replies(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect(c, "(int) 1000000", "SETRANGE wide 999999 x");
    for (int reset = 0; reset < 2; reset++) {
        struct wire *w = wire_open(s);
        for (int i = 0; i < 50; i++) wire_text(w, "GET wide\r\n");
        settle(c);
        reset ? wire_reset(w) : wire_close(w);
        await_alone(c);
    }
    redisFree(c);
    server_stop(s);
}

/* The last requests of a client that has closed its sending side are still answered. */
static void test_half_close(void **state) {
    struct server *s = server_start("%s", "");
    struct wire *w = wire_open(s);
    wire_text(w, "PING\r\nECHO bye\r\n");
    shutdown(w->fd, SHUT_WR);
    wire_expect(w, "+PONG\r\n$3\r\nbye\r\n");
    wire_expect_closed(w);
    wire_close(w);
    server_stop(s);
}

static void test_output_limit_closes_who_never_reads(void **state) {
    struct server *s = server_start("--client-output-buffer-limit normal 2mb 0 0");
    redisContext *c = client_open(s);
    expect(c, "(int) 1000000", "SETRANGE wide 999999 x");
    struct wire *w = wire_open_narrow(s);
    for (int i = 0; i < 200 && wire_try_send(w, "GET wide\r\n", 10); i++) {
    }
    wire_drain(w);
    wire_close(w);
    await_alone(c);
    redisFree(c);
    server_stop(s);
}

static void test_query_limit_closes_who_never_ends(void **state) {
    struct server *s = server_start("--client-query-buffer-limit 1mb");
    redisContext *c = client_open(s);
    struct wire *w = wire_open(s);
    char *piece = calloc(1, 64 * 1024);
    wire_text(w, "*2\r\n$4\r\nECHO\r\n$100000000\r\n");
    for (int i = 0; i < 1000 && wire_try_send(w, piece, 64 * 1024); i++) {
    }
    wire_drain(w);
    wire_close(w);
    free(piece);
    await_alone(c);
    redisFree(c);
    server_stop(s);
}

/* One who says nothing at all; what begins the time anew is test_clients.c's. */
static void test_timeout(void **state) {
    struct server *s = server_start("--timeout 1");
    double start = seconds_now();
    struct wire *idle = wire_open(s);
    wire_expect_closed(idle);
    assert_true(seconds_now() - start > 0.9);
    wire_close(idle);
    server_stop(s);
}

/* --- The end --- */

static void expect_graceful(int signal, const char *logged) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    struct wire *half = wire_open(s), *idle = wire_open(s);
    wire_text(half, "*2\r\n$3\r\nGET");
    settle(c);
    kill(s->pid, signal);
    wire_expect_closed(half);
    wire_expect_closed(idle);
    wire_close(half);
    wire_close(idle);
    redisFree(c);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT), 0);
    char *log = server_log(s);
    expect_in(log, logged);
    expect_in(log, "Ready to accept connections");
    free(log);
    assert_int_equal(server_end(s, signal), 0);
}

static void test_sigterm(void **state) {
    expect_graceful(SIGTERM, "Received SIGTERM scheduling shutdown");
}

static void test_sigint(void **state) {
    expect_graceful(SIGINT, "Received SIGINT scheduling shutdown");
}

static void test_shutdown_command(void **state) {
    struct server *s = server_start("%s", "");
    struct wire *w = wire_open(s);
    wire_ask(w, "(err) ERR syntax error", "SHUTDOWN SIDEWAYS");
    wire_text(w, "SHUTDOWN NOSAVE\r\n");
    wire_expect_closed(w);
    wire_close(w);
    assert_int_equal(server_end(s, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_starts),
        cmocka_unit_test(test_refused_config_line),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_version_and_help),
        cmocka_unit_test(test_check_system),
        cmocka_unit_test(test_file_then_options),
        cmocka_unit_test(test_daemon_configured_by_stdin),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_unix_socket_group),
        cmocka_unit_test(test_unix_socket_only),
        cmocka_unit_test(test_several_addresses),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_protected_mode),
        cmocka_unit_test(test_requirepass),
        cmocka_unit_test(test_hello_with_auth),
        cmocka_unit_test(test_auth_without_password),
        cmocka_unit_test(test_limits_before_auth),
        cmocka_unit_test(test_maxclients),
        cmocka_unit_test(test_descriptor_table),
        cmocka_unit_test(test_client_vanishes_in_a_request),
        cmocka_unit_test(test_client_vanishes_before_its_replies),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_output_limit_closes_who_never_reads),
        cmocka_unit_test(test_query_limit_closes_who_never_ends),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_sigterm),
        cmocka_unit_test(test_sigint),
        cmocka_unit_test(test_shutdown_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
