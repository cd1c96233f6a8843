/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that come in pieces or are big: nothing is lost or mixed up wherever they are cut, what
 * a client hasn't sent costs nothing, what it leaves behind is cleared away, and nobody is kept
 * waiting by another. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int start(void **state) {
    *state = server_start("--enable-debug-command yes");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

/* Bytes that tell where they belong. */
static char *pattern(size_t len, unsigned seed) {
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 31 + i / 251 + seed);
    return bytes;
}

static void expect_get(redisContext *c, const char *key, const char *bytes, size_t len) {
    redisReply *r = redisCommand(c, "GET %s", key);
    assert_non_null(r);
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    assert_int_equal(r->len, len);
    assert_memory_equal(r->str, bytes, len);
    freeReplyObject(r);
}

/* --- Big arguments --- */

/* Sizes around every threshold, cut into pieces of different sizes. */
static void test_sizes_and_pieces(void **state) {
    static const size_t sizes[] = {16383, 16384,  32767,  32768,   32769,   65520,
                                   65536, 131071, 131072, 1048575, 1048577, 5000011};
    static const size_t pieces[] = {1000, 4096, 65536, 100003, 9000000};
    redisContext *c = client_open(*state);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            if (sizes[i] / pieces[j] > 200) continue;
            struct wire *w = wire_open(*state);
            char head[64], *value = pattern(sizes[i], (unsigned)(i + j));
            snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%zu\r\n", sizes[i]);
            wire_text(w, head);
            for (size_t at = 0; at < sizes[i]; at += pieces[j]) {
                size_t rest = sizes[i] - at;
                wire_send(w, value + at, rest < pieces[j] ? rest : pieces[j]);
                if (sizes[i] / pieces[j] < 20) settle(c);
            }
            wire_text(w, "\r\nSTRLEN big\r\nAPPEND big xyz\r\n");
            wire_reply(w, "+OK");
            snprintf(head, sizeof head, "(int) %zu", sizes[i]);
            wire_reply(w, head);
            snprintf(head, sizeof head, "(int) %zu", sizes[i] + 3);
            wire_reply(w, head);
            value = realloc(value, sizes[i] + 3);
            memcpy(value + sizes[i], "xyz", 3);
            expect_get(c, "big", value, sizes[i] + 3);
            free(value);
            wire_close(w);
        }
    }
    redisFree(c);
}

/* Several big arguments in one request, small ones between them, more requests behind. */
static void test_several_big_arguments(void **state) {
    enum { SIZE = 300 * 1000 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *one = pattern(SIZE, 1), *two = pattern(SIZE, 2);
    for (int cut = 0; cut < 8; cut++) {
        wire_text(w, "*7\r\n$4\r\nMSET\r\n$3\r\nkey\r\n$300000\r\n");
        wire_send(w, one, SIZE);
        wire_text(w, cut & 1 ? "\r" : "\r\n");
        if (cut & 1) {
            settle(c);
            wire_text(w, "\n");
        }
        if (cut & 2) settle(c);
        wire_text(w, "$5\r\nsmall\r\n$1\r\n7\r\n$5\r\nother\r\n$300000\r\n");
        if (cut & 4) settle(c);
        wire_send(w, two, SIZE);
        wire_text(w, "\r\nGET small\r\n*2\r\n$6\r\nSTRLEN\r\n$3\r\nkey\r\n");
        wire_reply(w, "+OK");
        wire_reply(w, "\"7\"");
        wire_reply(w, "(int) 300000");
        expect_get(c, "key", one, SIZE);
        expect_get(c, "other", two, SIZE);
        expect(c, "(int) 3", "DEL key other small");
    }
    free(one);
    free(two);
    wire_close(w);
    redisFree(c);
}

/* Who has sent a big argument is read from in other pieces: what follows may end at any of them. */
static void test_anything_behind_a_big_argument(void **state) {
    static const size_t lengths[] = {1, 16383, 16384, 16385, 32768, 65535, 65536, 65537, 262144};
    enum { SIZE = 200 * 1000, PING = sizeof "PING\r\n" - 1 };
    struct wire *w = wire_open(*state);
    char *value = pattern(SIZE, 5), *pings = malloc(300 * 1000);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        wire_text(w, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$200000\r\n");
        wire_send(w, value, SIZE);
        wire_text(w, "\r\n");
        wire_reply(w, "+OK");
        size_t count = (lengths[i] + PING - 1) / PING;
        for (size_t j = 0; j < count; j++) memcpy(pings + j * PING, "PING\r\n", PING);
        wire_send(w, pings, lengths[i]);
        wire_send(w, pings + lengths[i] % PING, (PING - lengths[i] % PING) % PING);
        for (size_t j = 0; j < count; j++) wire_reply(w, "+PONG");
    }
    redisContext *c = client_open(*state);
    expect_get(c, "big", value, SIZE);
    redisFree(c);
    free(value);
    free(pings);
    wire_close(w);
}

/* A request with a big argument that has to wait is run later as it was sent. */
static void test_big_argument_paused(void **state) {
    enum { SIZE = 3 * 1000 * 1000 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *value = pattern(SIZE, 3);
    for (int again = 0; again < 2; again++) {
        expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
        wire_text(w, "*3\r\n$3\r\nSET\r\n$6\r\npaused\r\n$3000000\r\n");
        wire_send(w, value, SIZE);
        wire_text(w, "\r\nGET none\r\n");
        await_like(c, "*blocked_clients:1\\\\r\\\\n*", "INFO clients");
        expect(c, "(nil)", "GET paused");
        expect(c, "+OK", "CLIENT UNPAUSE");
        wire_reply(w, "+OK");
        wire_reply(w, "(nil)");
        expect_get(c, "paused", value, SIZE);
        expect(c, "(int) 1", "DEL paused");
    }
    /* Gone while it waits. */
    expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
    wire_text(w, "*3\r\n$3\r\nSET\r\n$6\r\npaused\r\n$3000000\r\n");
    wire_send(w, value, SIZE);
    wire_text(w, "\r\n");
    await_like(c, "*blocked_clients:1\\\\r\\\\n*", "INFO clients");
    wire_close(w);
    await_alone(c);
    expect(c, "+OK", "CLIENT UNPAUSE");
    expect(c, "(int) 0", "EXISTS paused");
    free(value);
    redisFree(c);
}

/* The big argument isn't the last one, and what follows the request comes together with its end. */
static void test_big_argument_paused_inside(void **state) {
    enum { SIZE = 300 * 1000 };
    static const struct {
        const char *text, *reply; /* NULL: none */
    } behind[] = {{"\r\n", NULL},
                  {"GET none\r\n", "(nil)"},
                  {"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n", "(nil)"},
                  {"*2\r\n$3\r\nGET\r\n$4\r\nno", NULL}};
    redisContext *c = client_open(*state);
    char *value = pattern(SIZE, 6);
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        struct wire *w = wire_open(*state);
        expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
        wire_text(w, "*5\r\n$3\r\nSET\r\n$6\r\npaused\r\n$300000\r\n");
        wire_send(w, value, SIZE);
        settle(c);
        char end[100];
        snprintf(end, sizeof end, "\r\n$2\r\nEX\r\n$3\r\n100\r\n%s", behind[i].text);
        wire_text(w, end);
        await_like(c, "*blocked_clients:1\\\\r\\\\n*", "INFO clients");
        expect(c, "+OK", "CLIENT UNPAUSE");
        wire_reply(w, "+OK");
        if (behind[i].reply) wire_reply(w, behind[i].reply);
        expect_get(c, "paused", value, SIZE);
        expect(c, "(int) 1", "DEL paused");
        wire_close(w);
    }
    free(value);
    redisFree(c);
}

/* A reply of a value that was received in place, while the value is replaced. */
static void test_big_value_shared(void **state) {
    enum { SIZE = 2 * 1000 * 1000, TIMES = 20 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *old = pattern(SIZE, 4), *new = pattern(SIZE, 5);
    expect(c, "+OK", "SET shared %b", old, (size_t)SIZE);
    expect(c, "+OK", "CONFIG RESETSTAT");
    for (int i = 0; i < TIMES; i++) wire_text(w, "GET shared\r\n");
    await_like(c, "*cmdstat_get:calls=20,*", "INFO commandstats");
    expect(c, "+OK", "SET shared %b", new, (size_t)SIZE);
    expect(c, "(int) 2000000", "SETRANGE shared 0 zz");
    for (int i = 0; i < TIMES; i++) {
        wire_expect(w, "$2000000\r\n");
        wire_expect_at(__FILE__, __LINE__, w, old, SIZE);
        wire_expect(w, "\r\n");
    }
    memcpy(new, "zz", 2);
    expect_get(c, "shared", new, SIZE);
    free(old);
    free(new);
    wire_close(w);
    redisFree(c);
}

/* --- Memory --- */

static void test_announcing_costs_nothing(void **state) {
    enum { CLIENTS = 50 };
    redisContext *c = client_open(*state);
    struct wire *w[CLIENTS];
    await_alone(c);
    double before = info_number(c, "memory", "mem_clients_normal");
    for (int i = 0; i < CLIENTS; i++) {
        w[i] = wire_open(*state);
        wire_text(w[i], "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n");
    }
    settle(c);
    double each = (info_number(c, "memory", "mem_clients_normal") - before) / CLIENTS;
    if (each > 20 * 1024) fail_msg("%.0f bytes each", each);
    for (int i = 0; i < CLIENTS; i++) wire_text(w[i], "x");
    settle(c);
    each = (info_number(c, "memory", "mem_clients_normal") - before) / CLIENTS;
    if (each > 2 * 1024 * 1024) fail_msg("%.0f bytes each for one byte", each);
    for (int i = 0; i < CLIENTS; i++) wire_close(w[i]);
    await_alone(c);
    assert_int_equal(info_number(c, "memory", "mem_clients_normal"), before);
    redisFree(c);
}

/* A field of CLIENT LIST's line of the client that is called so. */
static long client_number(redisContext *c, const char *name, const char *field) {
    char *list = ask(c, "CLIENT LIST"), text[64];
    snprintf(text, sizeof text, " name=%s ", name);
    char *line = strstr(list, text);
    if (!line) fail_msg("no client%s", text);
    snprintf(text, sizeof text, " %s=", field);
    long value = atol(strstr(line, text) + strlen(text));
    free(list);
    return value;
}

static void await_within(redisContext *c, const char *name, const char *field, long least,
                         long most) {
    double deadline = seconds_now() + PATIENCE_SEC;
    for (long value; (value = client_number(c, name, field)) > most || value < least;)
        if (seconds_now() > deadline) fail_msg("%s is still %ld", field, value);
}

/* What a client needed for a while is given back, whether it goes on or not. */
static void test_idle_clients_own_no_buffers(void **state) {
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    wire_ask(w, "+OK", "CLIENT SETNAME me");
    wire_text(w, "*2\r\n$4\r\nEC");
    settle(c);
    wire_text(w, "HO\r\n$1\r\nx\r\n");
    wire_reply(w, "\"x\"");
    await_within(c, "me", "qbuf-free", 0, 0);
    wire_text(w, "*2\r\n$4\r\nECHO\r\n$3\r\n");
    settle(c);
    assert_int_equal(client_number(c, "me", "qbuf"), 0);
    await_within(c, "me", "qbuf-free", 0, 100);
    wire_text(w, "abc\r\n*2\r\n$4\r\nECHO\r\n$1000000\r\n");
    wire_reply(w, "\"abc\"");
    wire_text(w, "x");
    await_within(c, "me", "qbuf", 1, 1);
    await_within(c, "me", "qbuf-free", 0, 100);
    wire_close(w);
    redisFree(c);
}

/* A big argument comes in pieces; afterwards there's room for the next one's first piece. */
static void test_room_of_who_sends_big(void **state) {
    enum { SIZE = 400 * 1000, FIRST = 4096, ROOM_MIN = 32 * 1024, ROOM_MAX = 80 * 1024 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *value = pattern(SIZE, 1);
    expect(c, "+OK", "DEBUG PAUSE-CRON 1");
    wire_ask(w, "+OK", "CLIENT SETNAME big");
    wire_text(w, "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$400000\r\n");
    wire_send(w, value, FIRST);
    settle(c);
    wire_send(w, value + FIRST, SIZE - FIRST);
    wire_text(w, "\r\n");
    wire_reply(w, "+OK");
    assert_in_range(client_number(c, "big", "qbuf-free"), ROOM_MIN + 1, ROOM_MAX);
    expect(c, "+OK", "DEBUG PAUSE-CRON 0");
    await_within(c, "big", "qbuf-free", 0, 0);
    free(value);
    wire_close(w);
    redisFree(c);
}

/* --- Vanishing --- */

/* Of everything that can be under way: an incomplete request, a big argument, replies that wait,
 * requests that wait for their turn. */
static void test_client_vanishes_anywhere(void **state) {
    enum { BIG = 100 * 1000 };
    redisContext *c = client_open(*state);
    await_alone(c);
    double before = info_number(c, "memory", "mem_clients_normal");
    char *all = calloc(1, 2 * BIG), *at = all;
    at += sprintf(at, "PING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n", BIG);
    memset(at, 'v', BIG);
    at += BIG;
    at += sprintf(at, "\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\nGET a\r\nCLIENT REPLY SKIP\r\nGET a\r\n"
                      "DEBUG SLEEP 0.002\r\nGET a\r\nQUIT\r\nPING\r\n");
    size_t len = (size_t)(at - all);
    for (size_t cut = 1; cut<len; cut += cut> 45 && cut < BIG + 40 ? 9973 : 1) {
        struct wire *w = wire_open(*state);
        wire_send(w, all, cut);
        if (cut % 3 == 0) settle(c);
        cut % 2 ? wire_reset(w) : wire_close(w);
    }
    await_alone(c);
    assert_int_equal(info_number(c, "memory", "mem_clients_normal"), before);
    free(all);
    redisFree(c);
}

/* --- Fairness --- */

/* What is sent last is run first, unless this process is held up between the two; then false. */
static bool is_overtaken(struct wire *slow, struct wire *other) {
    enum { SLOW = 100 };
    char *all = malloc(SLOW * 64), *at = all;
    for (int i = 0; i < SLOW; i++) at += sprintf(at, "DEBUG SLEEP 0.005\r\nECHO %d\r\n", i);
    at += sprintf(at, "INCR counter\r\n");
    wire_ask(slow, "(int) 0", "DEL counter none");
    wire_send(slow, all, (size_t)(at - all));
    wire_text(other, "INCR counter\r\n");
    char *first = wire_take_reply(other);
    bool overtaken = strcmp(first, "(int) 1") == 0;
    for (int i = 0; i < SLOW; i++) {
        char want[16];
        snprintf(want, sizeof want, "\"%d\"", i);
        wire_reply(slow, "+OK");
        wire_reply(slow, want);
    }
    wire_reply(slow, overtaken ? "(int) 2" : "(int) 1");
    wire_ask(slow, "(int) 1", "DEL counter");
    free(first);
    free(all);
    return overtaken;
}

/* A long pipeline doesn't keep another client waiting; its replies stay in order. */
static void test_pipeline_leaves_room_for_others(void **state) {
    struct wire *slow = wire_open(*state), *other = wire_open(*state);
    wire_ask(other, "+PONG", "PING");
    bool overtaken = false;
    for (int tries = 0; tries < 10 && !overtaken; tries++) overtaken = is_overtaken(slow, other);
    assert_true(overtaken);
    wire_close(slow);
    wire_close(other);
}

/* --- Many at once --- */

enum { MANY = 80 };

/* Of each client another value, some of them long, under a key of its own in one of two databases.
 */
static void send_set(struct wire *w, int i) {
    char text[1200], value[1000];
    int len = i % 7 ? 10 + i : (int)sizeof value - 1;
    memset(value, 'a' + i % 26, sizeof value);
    snprintf(text, sizeof text, "SELECT %d\r\n*3\r\n$3\r\nSET\r\n$6\r\nkey:%02d\r\n$%d\r\n%.*s\r\n",
             i % 2, i, len, len, value);
    wire_text(w, text);
}

/* Keys of their own, one that all change, one that is empty, none at all; what is no request's
 * usual form, and requests cut anywhere, of which the rest comes later. */
static void send_mixed(struct wire *w, int i, int part) {
    static const char *const texts[] = {
        "*2\r\n$6\r\nSTRLEN\r\n$6\r\nkey:%02d\r\n",
        "*2\r\n$4\r\nINCR\r\n$3\r\nall\r\n",
        "*1\r\n$4\r\nPING\r\n",
        "STRLEN key:%02d\r\n",
        "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
    };
    char text[100];
    size_t len = (size_t)snprintf(text, sizeof text, texts[i % 5], i);
    size_t cut = i % 3 ? len : (size_t)i % len;
    if (part == 0)
        wire_send(w, text, cut);
    else
        wire_send(w, text + cut, len - cut);
}

static void expect_mixed(struct wire *w, int i) {
    char length[20];
    snprintf(length, sizeof length, "(int) %d", i % 7 ? 10 + i : 999);
    static const char *const replies[] = {NULL, "(int) *", "+PONG", NULL, "\"no name\""};
    wire_reply_like(w, replies[i % 5] ? replies[i % 5] : length);
}

static void test_many_at_once(void **state) {
    struct wire *many[MANY];
    wires_open(*state, many, MANY);
    server_hold(*state);
    for (int i = 0; i < MANY; i++) send_set(many[i], i);
    server_go_on(*state);
    for (int i = 0; i < MANY; i++) {
        wire_reply(many[i], "+OK");
        wire_reply(many[i], "+OK");
    }
    wire_ask(many[0], "+OK", "SET \"\" \"no name\"");
    wire_ask(many[1], "+OK", "SET \"\" \"no name\"");
    for (int part = 0; part < 2; part++) {
        server_hold(*state);
        for (int i = 0; i < MANY; i++) send_mixed(many[i], i, part);
        server_go_on(*state);
    }
    for (int i = 0; i < MANY; i++) expect_mixed(many[i], i);
    wire_ask(many[0], "\"8\"", "GETDEL all"); /* of 16, half in the other database */
    wire_ask(many[1], "\"8\"", "GETDEL all");
    wires_close(many, MANY);
}

/* The replies of those who were first don't wait for all the others. */
static void test_many_slow_ones_at_once(void **state) {
    struct wire *many[MANY];
    redisContext *c = client_open(*state);
    wires_open(*state, many, MANY);
    double before = info_number(c, "stats", "eventloop_cycles");
    server_hold(*state);
    for (int i = 0; i < MANY; i++) wire_text(many[i], "DEBUG SLEEP 0.002\r\nINCR slow\r\n");
    server_go_on(*state);
    for (int i = 0; i < MANY; i++) {
        wire_reply(many[i], "+OK");
        wire_reply_like(many[i], "(int) *");
    }
    expect(c, "\"80\"", "GETDEL slow");
    double turns = info_number(c, "stats", "eventloop_cycles") - before;
    assert_true(turns >= MANY / 6); /* a turn looks at the clock at each fourth client */
    wires_close(many, MANY);
    redisFree(c);
}

/* What one of them does to another, whose request has come already. */
static void test_one_of_many_ends_or_pauses_others(void **state) {
    redisContext *c = client_open(*state);
    struct wire *killer = wire_open(*state), *victim = wire_open(*state);
    char text[100], id[30];
    wire_text(victim, "CLIENT ID\r\n");
    char *reply = wire_take_reply(victim);
    assert_int_equal(sscanf(reply, "(int) %29s", id), 1);
    wire_ask(killer, "+PONG", "PING");
    snprintf(text, sizeof text, "CLIENT KILL ID %s\r\n", id);
    server_hold(*state);
    wire_text(killer, text);
    wire_text(victim, "INCR killed\r\n");
    server_go_on(*state);
    wire_reply(killer, "(int) 1");
    wire_expect_closed(victim);
    expect(c, "(nil)", "GET killed");

    struct wire *paused = wire_open(*state);
    wire_ask(paused, "+PONG", "PING");
    wire_ask(killer, "+PONG", "PING");
    server_hold(*state);
    wire_text(killer, "CLIENT PAUSE 100000 WRITE\r\n");
    wire_text(paused, "INCR paused\r\n");
    server_go_on(*state);
    wire_reply(killer, "+OK");
    await_like(c, "*blocked_clients:1\\\\r\\\\n*", "INFO clients");
    expect(c, "(nil)", "GET paused");
    expect(c, "+OK", "CLIENT UNPAUSE");
    wire_reply(paused, "(int) 1");
    free(reply);
    wire_close(killer);
    wire_close(victim);
    wire_close(paused);
    redisFree(c);
}

/* A script that never ends, and what ends it, come in one turn; or are to run in the next one, as
 * another client takes all the time of the first. */
static void script_and_its_end(void **state, bool late) {
    redisContext *c = client_open(*state);
    struct wire *first = wire_open(*state), *script = wire_open(*state);
    struct wire *other = wire_open(*state), *end = wire_open(*state);
    expect(c, "+OK", "CONFIG SET busy-reply-threshold 1");
    wire_ask(script, "+PONG", "PING");
    wire_ask(other, "+PONG", "PING");
    wire_ask(end, "+PONG", "PING");
    wire_ask(first, "+PONG", "PING");
    server_hold(*state);
    wire_text(first, late ? "DEBUG SLEEP 0.005\r\n" : "PING\r\n");
    wire_text(script, "EVAL 'while true do end' 0\r\n");
    wire_text(other, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n");
    wire_text(end, "SCRIPT KILL\r\n");
    server_go_on(*state);
    wire_reply_like(other, "(err) BUSY *");
    wire_reply(end, "+OK");
    wire_reply_like(script, "(err) ERR Script killed by user with SCRIPT KILL*");
    wire_reply(first, late ? "+OK" : "+PONG");
    wire_ask(other, "(nil)", "GET none");
    wire_close(first);
    wire_close(script);
    wire_close(other);
    wire_close(end);
    redisFree(c);
}

static void test_script_and_its_end_at_once(void **state) {
    script_and_its_end(state, false);
    script_and_its_end(state, true);
}

/* What comes while a client waits for its turn, and isn't read then, is read when that is over. */
static void test_more_while_waiting(void **state) {
    enum { TURNS = 30 };
    struct wire *w = wire_open(*state);
    wire_ask(w, "+PONG", "PING");
    server_hold(*state);
    for (int i = 0; i < TURNS; i++) wire_text(w, "DEBUG SLEEP 0.002\r\n");
    server_go_on(*state);
    wire_reply(w, "+OK");
    wire_text(w, "ECHO more\r\n");
    for (int i = 1; i < TURNS; i++) wire_reply(w, "+OK");
    wire_reply(w, "\"more\"");
    wire_close(w);
}

/* A read stops at urgent data, which is nothing that Redis would know of. */
static void test_behind_urgent_data(void **state) {
    struct wire *w = wire_open(*state);
    wire_ask(w, "+PONG", "PING");
    server_hold(*state);
    wire_text(w, "PING\r\n");
    assert_int_equal(send(w->fd, "!", 1, MSG_OOB), 1);
    wire_text(w, "ECHO behind\r\n");
    server_go_on(*state);
    wire_reply(w, "+PONG");
    wire_reply(w, "\"behind\"");
    wire_close(w);
}

/* Nothing is acknowledged that comes behind the last save. */
static void test_nothing_runs_behind_shutdown(void **unused) {
    struct server *s = server_start("--appendonly no");
    struct wire *ends = wire_open(s), *other = wire_open(s);
    wire_ask(other, "+PONG", "PING");
    wire_ask(ends, "+PONG", "PING");
    server_hold(s);
    wire_text(ends, "SHUTDOWN NOSAVE\r\nSET behind 1\r\n");
    wire_text(other, "*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$1\r\n1\r\n");
    server_go_on(s);
    wire_expect_closed(ends);
    wire_expect_closed(other);
    assert_int_equal(server_end(s, 0), 0);
    wire_close(ends);
    wire_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_pieces),
        cmocka_unit_test(test_several_big_arguments),
        cmocka_unit_test(test_anything_behind_a_big_argument),
        cmocka_unit_test(test_big_argument_paused),
        cmocka_unit_test(test_big_argument_paused_inside),
        cmocka_unit_test(test_big_value_shared),
        cmocka_unit_test(test_announcing_costs_nothing),
        cmocka_unit_test(test_idle_clients_own_no_buffers),
        cmocka_unit_test(test_room_of_who_sends_big),
        cmocka_unit_test(test_client_vanishes_anywhere),
        cmocka_unit_test(test_pipeline_leaves_room_for_others),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_many_slow_ones_at_once),
        cmocka_unit_test(test_one_of_many_ends_or_pauses_others),
        cmocka_unit_test(test_script_and_its_end_at_once),
        cmocka_unit_test(test_more_while_waiting),
        cmocka_unit_test(test_behind_urgent_data),
        cmocka_unit_test(test_nothing_runs_behind_shutdown),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
