/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server does with its clients: lets them wait, mutes them, closes those that are idle,
 * read too little, send too much or are told to go; and who may come in. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state) {
    *state = server_start("%s", "");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

static void expect_logged(const struct server *s, const char *part) {
    char *log = server_log(s);
    if (!strstr(log, part)) fail_msg("'%s' isn't in:\n%s", part, log);
    free(log);
}

static char *id_of(struct wire *w) {
    wire_text(w, "CLIENT ID\r\n");
    char *reply = wire_take_reply(w);
    memmove(reply, reply + strlen("(int) "), strlen(reply + strlen("(int) ")) + 1);
    return reply;
}

/* Sends requests until the server closes; no more than 64 MB of them. */
static void send_until_closed(struct wire *w, const char *request) {
    size_t len = strlen(request), times = 8192 / len;
    char *many = malloc(times * len + 1);
    many[0] = '\0';
    for (size_t i = 0; i < times; i++) memcpy(many + i * len, request, len + 1);
    for (int i = 0; i < 8192; i++)
        if (!wire_try_send(w, many, times * len)) break;
    wire_drain(w);
    free(many);
}

/* --- CLIENT PAUSE --- */

static void await_blocked(redisContext *c, int clients) {
    char want[64];
    snprintf(want, sizeof want, "*blocked_clients:%d\\\\r\\\\n*", clients);
    await_like(c, want, "INFO clients");
}

/* Writers go on in the order in which they came to wait, each with what it sent behind. */
static void test_pause_keeps_order(void **state) {
    enum { WRITERS = 5 };
    redisContext *c = client_open(*state);
    struct wire *w[WRITERS];
    char text[64];
    expect(c, "+OK", "SET order x");
    expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
    for (int i = 0; i < WRITERS; i++) {
        w[i] = wire_open(*state);
        snprintf(text, sizeof text, "GET order\r\nAPPEND order %d\r\nGET order\r\n", i);
        wire_text(w[i], text);
        wire_reply(w[i], "\"x\"");
        await_blocked(c, i + 1);
    }
    expect_like(c, "*flags=b *cmd=append *", "CLIENT LIST");
    expect(c, "\"x\"", "GET order");
    expect(c, "+OK", "CLIENT UNPAUSE");
    for (int i = 0; i < WRITERS; i++) {
        snprintf(text, sizeof text, "(int) %d", i + 2);
        wire_reply(w[i], text);
        wire_reply_like(w[i], "\"x0*\"");
        wire_close(w[i]);
    }
    expect(c, "\"x01234\"", "GET order");
    await_blocked(c, 0);
    redisFree(c);
}

static void test_pause_of_all_ends(void **state) {
    struct wire *w = wire_open(*state);
    wire_ask(w, "+PONG", "PING");
    double start_at = seconds_now();
    wire_text(w, "CLIENT PAUSE 300\r\nPING\r\nnonsense\r\nPING\r\n");
    wire_expect(w, "+OK\r\n+PONG\r\n-ERR unknown command 'nonsense', with args beginning with: "
                   "\r\n+PONG\r\n");
    assert_true(seconds_now() - start_at >= 0.29);
    wire_close(w);
}

/* A client that waits isn't read from, but it's noticed when it goes, and then its write is void.
 */
static void test_client_vanishes_while_paused(void **state) {
    redisContext *c = client_open(*state);
    await_alone(c);
    expect(c, "(int) 0", "EXISTS ghost");
    expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
    for (int reset = 0; reset < 2; reset++) {
        struct wire *w = wire_open(*state);
        wire_text(w, "SET ghost 1\r\nPING\r\n");
        await_blocked(c, 1);
        reset ? wire_reset(w) : wire_close(w);
        await_blocked(c, 0);
        await_alone(c);
    }
    expect(c, "+OK", "CLIENT UNPAUSE");
    expect(c, "(int) 0", "EXISTS ghost");
    redisFree(c);
}

/* --- CLIENT REPLY, CLIENT KILL --- */

static void test_reply_modes(void **state) {
    struct wire *w = wire_open(*state);
    wire_text(w, "CLIENT REPLY OFF\r\nSET r 1\r\nGET r\r\nnonsense\r\nCLIENT REPLY SKIP\r\n"
                 "CLIENT REPLY ON\r\nGET r\r\n");
    wire_expect(w, "+OK\r\n$1\r\n1\r\n");
    wire_text(w, "CLIENT REPLY SKIP\r\nSET r 2\r\nGET r\r\n");
    wire_expect(w, "$1\r\n2\r\n");
    wire_text(w, "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING x\r\n");
    wire_expect(w, "$1\r\nx\r\n");
    wire_text(w, "CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n");
    wire_expect(w, "+OK\r\n+PONG\r\n");
    wire_text(w, "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n");
    wire_expect(w, "+RESET\r\n+PONG\r\n");
    wire_text(w, "CLIENT REPLY OFF\r\nPING\r\nQUIT\r\n");
    wire_expect_closed(w);
    wire_close(w);
}

static void test_kill(void **state) {
    redisContext *c = client_open(*state);
    await_alone(c);
    struct wire *a = wire_open(*state), *b = wire_open(*state);
    wire_text(a, "CLIENT ID\r\n");
    wire_reply_like(a, "(int) *");
    wire_ask(b, "+OK", "CLIENT SETNAME b");
    expect(c, "(int) 0", "CLIENT KILL MAXAGE 100000");
    expect(c, "(int) 0", "CLIENT KILL LADDR 127.0.0.1:1");
    expect(c, "(int) 2", "CLIENT KILL TYPE normal");
    wire_expect_closed(a);
    wire_expect_closed(b);
    wire_close(a);
    wire_close(b);
    await_alone(c);
    /* Oneself: the reply still comes, what was sent behind is not run. */
    a = wire_open(*state);
    wire_text(a, "CLIENT KILL SKIPME no TYPE normal\r\nSET killed 1\r\n");
    wire_expect(a, ":2\r\n");
    wire_expect_closed(a);
    wire_close(a);
    assert_null(redisCommand(c, "PING"));
    redisFree(c);
    c = client_open(*state);
    expect(c, "(int) 0", "EXISTS killed");
    redisFree(c);
}

/* --- Limits --- */

/* Above the soft limit, and then nothing more happens: closed when the time is up, not before. */
static void test_soft_output_limit(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 0 1mb 1");
    expect(c, "+OK", "CONFIG RESETSTAT");
    expect(c, "(int) 1000000", "SETRANGE wide 999999 x");
    struct wire *w = wire_open_narrow(*state);
    wire_ask(w, "+PONG", "PING");
    double start_at = seconds_now();
    for (int i = 0; i < 20; i++)
        if (!wire_try_send(w, "GET wide\r\n", 10)) break;
    await_alone(c);
    double passed = seconds_now() - start_at;
    if (passed < 0.99) fail_msg("closed after %.2f s", passed);
    expect_like(c, "*client_output_buffer_limit_disconnections:1\\\\r*", "INFO stats");
    expect_logged(*state, "scheduled to be closed ASAP for overcoming of output buffer limits.");
    wire_close(w);
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    redisFree(c);
}

static void test_hard_output_limit(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "(int) 1000000", "SETRANGE wide 999999 x");
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 500kb 0 0");
    expect(c, "+OK", "CONFIG RESETSTAT");
    struct wire *w = wire_open(*state);
    wire_text(w, "PING\r\nGET wide\r\n"); /* as in Redis, not even the first reply is sent */
    wire_expect_closed(w);
    wire_close(w);
    expect_like(c, "*client_output_buffer_limit_disconnections:1\\\\r*", "INFO stats");
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    redisFree(c);
}

static void test_query_limit(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "+OK", "CONFIG SET client-query-buffer-limit 1mb");
    expect(c, "+OK", "CONFIG RESETSTAT");
    struct wire *w = wire_open(*state);
    wire_text(w, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n");
    send_until_closed(w, "abcdefgh");
    wire_close(w);
    w = wire_open(*state); /* many small arguments are as bad as a big one */
    wire_text(w, "*2000000\r\n");
    send_until_closed(w, "$1\r\nx\r\n");
    wire_close(w);
    w = wire_open(*state); /* the last piece of one counts before it runs */
    size_t len = 1024 * 1024;
    char *most = calloc(1, len);
    wire_text(w, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n");
    if (wire_try_send(w, most, len)) wire_try_send(w, "\r\n", 2);
    wire_drain(w);
    wire_close(w);
    free(most);
    expect(c, "(int) 0", "EXISTS k");
    expect_like(c, "*client_query_buffer_limit_disconnections:3\\\\r*", "INFO stats");
    expect_logged(*state, "Closing client that reached max query buffer length:");
    expect(c, "+OK", "CONFIG SET client-query-buffer-limit 1gb");
    redisFree(c);
}

/* Who is there is found by id, also among many and after many have gone. */
static void test_ids(void **state) {
    enum { MANY = 300 };
    redisContext *c = client_open(*state);
    struct wire *all[MANY];
    char *ids[MANY], line[64];
    for (int i = 0; i < MANY; i++) {
        all[i] = wire_open(*state);
        ids[i] = id_of(all[i]);
    }
    for (int i = 0; i < MANY; i += 3) wire_close(all[i]);
    snprintf(line, sizeof line, "*connected_clients:%d\\\\r\\\\n*", 1 + MANY - (MANY + 2) / 3);
    await_like(c, line, "INFO clients");
    for (int i = 0; i < MANY; i++) {
        bool gone = i % 3 == 0;
        snprintf(line, sizeof line, "\"id=%s addr=*", ids[i]);
        expect_like(c, gone ? "\"\"" : line, "CLIENT LIST ID %s", ids[i]);
        expect(c, "(int) 0", "CLIENT UNBLOCK %s", ids[i]);
        expect(c, gone ? "(int) 0" : "(int) 1", "CLIENT KILL ID %s", ids[i]);
        if (!gone) wire_expect_closed(all[i]);
        if (!gone) wire_close(all[i]);
        free(ids[i]);
    }
    redisFree(c);
}

/* Who isn't authenticated can't make replies pile up. */
static void test_output_before_auth(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "+OK", "CONFIG SET requirepass secret");
    struct wire *w = wire_open(*state);
    send_until_closed(w, "PING\r\n");
    wire_close(w);
    w = wire_open(*state); /* one who reads may ask as often as it likes */
    for (int i = 0; i < 20000; i++) wire_ask(w, "(err) NOAUTH Authentication required.", "PING");
    wire_close(w);
    expect(c, "+OK", "CONFIG SET requirepass %s", "");
    await_alone(c);
    redisFree(c);
}

/* The end of the connection comes no earlier than that. */
static void expect_closed_after(struct wire *w, double from, double seconds) {
    wire_expect_closed(w);
    wire_close(w);
    double passed = seconds_now() - from;
    if (passed < seconds - 0.1) fail_msg("closed after %.3f s", passed);
}

/* Who sends something begins its time anew; who waits isn't idle, such as the one who sets it. */
static void test_timeout_set_later(void **state) {
    double start_at = seconds_now();
    redisContext *c = client_open(*state);
    struct wire *admin = wire_open(*state), *idle = wire_open(*state), *busy = wire_open(*state);
    char *id = id_of(busy), text[128];
    wire_ask(idle, "+PONG", "PING");
    wire_text(busy, "WAIT 1 0\r\nPING\r\n");
    await_blocked(c, 1);
    redisFree(c);
    double set_at = seconds_now();
    snprintf(text, sizeof text,
             "CONFIG SET timeout 1\r\nWAIT 1 700\r\nCLIENT UNBLOCK %s\r\nWAIT 1 0\r\n", id);
    wire_text(admin, text);
    wire_expect(admin, "+OK\r\n:0\r\n:1\r\n");
    wire_expect(busy, ":0\r\n+PONG\r\n");
    expect_closed_after(idle, start_at, 1);
    expect_closed_after(busy, set_at, 1.7);
    wire_close(admin);
    free(id);
}

static void test_timeout_taken_back(void **state) {
    struct wire *admin = wire_open(*state), *idle = wire_open(*state);
    wire_ask(admin, "+PONG", "PING");
    wire_ask(idle, "+PONG", "PING");
    wire_text(admin, "MULTI\r\nCONFIG SET timeout 1\r\nCONFIG SET timeout 0\r\nEXEC\r\n"
                     "WAIT 1 1500\r\n");
    wire_expect(admin, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n:0\r\n");
    wire_ask(idle, "+PONG", "PING");
    wire_close(idle);
    wire_close(admin);
}

/* Fills the input of a named client with so many bytes. */
static struct wire *fat_client(const struct server *s, redisContext *c, const char *name,
                               size_t len, const char *first) {
    struct wire *w = wire_open(s);
    char text[128];
    if (*first) {
        wire_text(w, first);
        wire_expect(w, "+OK\r\n");
    }
    snprintf(text, sizeof text, "CLIENT SETNAME %s\r\n*2\r\n$4\r\nECHO\r\n$%zu\r\n", name, len + 1);
    wire_text(w, text);
    wire_expect(w, "+OK\r\n");
    char *bytes = calloc(1, len);
    wire_send(w, bytes, len);
    free(bytes);
    snprintf(text, sizeof text, "*name=%s * qbuf=%zu *", name, len);
    await_like(c, text, "CLIENT LIST");
    return w;
}

/* The largest go first, and only until it's enough; those that asked for it stay. */
static void test_eviction_of_clients(void **state) {
    redisContext *c = client_open(*state);
    const size_t MB = 1024 * 1024;
    struct wire *spared = fat_client(*state, c, "spared", 4 * MB, "CLIENT NO-EVICT on\r\n");
    struct wire *large = fat_client(*state, c, "large", 3 * MB, "");
    struct wire *small = fat_client(*state, c, "small", MB, "");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 7mb");
    wire_expect_closed(large);
    expect_like(c, "*name=spared *name=small *", "CLIENT LIST");
    expect_like(c, "*evicted_clients:1\\\\r*", "INFO stats");
    expect_logged(*state, "Evicting client: id=");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 1mb");
    wire_expect_closed(small);
    wire_send(spared, "x\r\n", 3);
    wire_reply_like(spared, "\"*x\"");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 0");
    wire_close(spared);
    wire_close(large);
    wire_close(small);
    redisFree(c);
}

/* --- Authentication --- */

static void test_password_set_later(void **state) {
    redisContext *c = client_open(*state);
    struct wire *before = wire_open(*state);
    wire_ask(before, "+PONG", "PING");
    expect(c, "+OK", "CONFIG SET requirepass %b", "bin\0ary", (size_t)7);
    wire_ask(before, "+PONG", "PING"); /* who is in stays in */
    struct wire *after = wire_open(*state);
    wire_ask(after, "(err) NOAUTH Authentication required.", "PING");
    wire_text(after, "AUTH \"bin\\x00arz\"\r\n");
    wire_reply_like(after, "(err) WRONGPASS *");
    wire_text(after, "AUTH bin\r\n");
    wire_reply_like(after, "(err) WRONGPASS *");
    wire_ask(after, "+OK", "AUTH \"bin\\x00ary\"");
    /* The limits of who isn't authenticated end with AUTH, even in the same packet. */
    struct wire *packet = wire_open(*state);
    wire_text(packet, "AUTH \"bin\\x00ary\"\r\n*12\r\n$6\r\nEXISTS\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3"
                      "\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n"
                      "$1\r\n0\r\n$1\r\na\r\n");
    wire_expect(packet, "+OK\r\n:0\r\n");
    struct wire *never = wire_open(*state);
    wire_ask(never, "(err) NOAUTH Authentication required.", "PING");
    expect(c, "+OK", "CONFIG SET requirepass %s", "");
    wire_ask(never, "+PONG", "PING");
    wire_close(never);
    wire_close(packet);
    wire_close(after);
    wire_close(before);
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pause_keeps_order, start, stop),
        cmocka_unit_test_setup_teardown(test_pause_of_all_ends, start, stop),
        cmocka_unit_test_setup_teardown(test_client_vanishes_while_paused, start, stop),
        cmocka_unit_test_setup_teardown(test_reply_modes, start, stop),
        cmocka_unit_test_setup_teardown(test_kill, start, stop),
        cmocka_unit_test_setup_teardown(test_ids, start, stop),
        cmocka_unit_test_setup_teardown(test_soft_output_limit, start, stop),
        cmocka_unit_test_setup_teardown(test_hard_output_limit, start, stop),
        cmocka_unit_test_setup_teardown(test_query_limit, start, stop),
        cmocka_unit_test_setup_teardown(test_output_before_auth, start, stop),
        cmocka_unit_test_setup_teardown(test_timeout_set_later, start, stop),
        cmocka_unit_test_setup_teardown(test_timeout_taken_back, start, stop),
        cmocka_unit_test_setup_teardown(test_eviction_of_clients, start, stop),
        cmocka_unit_test_setup_teardown(test_password_set_later, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
