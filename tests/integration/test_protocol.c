/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocol on the wire: requests in any pieces, pipelines, inline commands, both versions of
 * the protocol, and every way to get it wrong. Error texts and behaviour are those of Redis 7. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state) {
    *state = server_start("--enable-debug-command yes");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

/* --- Pieces --- */

/* Every form a request can take, and what the server says to all of them. */
static const char MIXED[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$13\r\nwith\r\n\r\nlines\r\n"
                            "PING\r\n"
                            "*0\r\n"
                            "*-1\r\n"
                            "\r\n"
                            "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
                            "  ECHO \"two words\\n\"  \n"
                            "*2\r\n$4\r\necho\r\n$0\r\n\r\n"
                            "*1\r\n$0\r\n\r\n"
                            "*2\r\n$6\r\nEXISTS\r\n$3\r\nkey\r\n"
                            "*1\r\n$4\r\nPING\r\n";

static const char MIXED_REPLIES[] = "+OK\r\n"
                                    "+PONG\r\n"
                                    "$13\r\nwith\r\n\r\nlines\r\n"
                                    "$10\r\ntwo words\n\r\n"
                                    "$0\r\n\r\n"
                                    "-ERR unknown command '', with args beginning with: \r\n"
                                    ":1\r\n"
                                    "+PONG\r\n";

static void test_request_cut_at_every_byte(void **state) {
    redisContext *other = client_open(*state);
    struct wire *w = wire_open(*state);
    size_t len = sizeof MIXED - 1;
    for (size_t cut = 0; cut <= len; cut++) {
        wire_send(w, MIXED, cut);
        settle(other); /* the first part has been read and parsed as far as it goes */
        wire_send(w, MIXED + cut, len - cut);
        wire_expect(w, MIXED_REPLIES);
    }
    wire_close(w);
    redisFree(other);
}

static void test_request_byte_by_byte(void **state) {
    redisContext *other = client_open(*state);
    struct wire *w = wire_open(*state);
    for (size_t i = 0; i < sizeof MIXED - 1; i++) {
        wire_send(w, MIXED + i, 1);
        settle(other);
    }
    wire_expect(w, MIXED_REPLIES);
    wire_close(w);
    redisFree(other);
}

static void test_replies_before_the_request_is_whole(void **state) {
    struct wire *w = wire_open(*state);
    wire_text(w, "*2\r\n$4\r\nECHO\r\n$1\r\na\r\n*2\r\n$4\r\nECHO\r\n$1\r\n");
    wire_expect(w, "$1\r\na\r\n");
    wire_text(w, "b\r\n");
    wire_expect(w, "$1\r\nb\r\n");
    wire_close(w);
}

/* Any byte may be in a value, and a value of megabytes arrives in many pieces. */
static void test_big_binary_value(void **state) {
    enum { SIZE = 5 * 1024 * 1024 + 7 };
    redisContext *c = client_open(*state);
    char *value = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) value[i] = (char)(i * 31 + i / 251);
    expect(c, "+OK", "SET big %b", value, (size_t)SIZE);
    expect(c, "(int) 5242887", "STRLEN big");
    redisReply *r = redisCommand(c, "GET big");
    assert_non_null(r);
    assert_int_equal(r->len, SIZE);
    assert_memory_equal(r->str, value, SIZE);
    freeReplyObject(r);
    free(value);
    redisFree(c);
}

static void test_many_arguments(void **state) {
    enum { KEYS = 100000 };
    struct wire *w = wire_open(*state);
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    fprintf(to, "*%d\r\n$6\r\nEXISTS\r\n", KEYS + 1);
    for (int i = 0; i < KEYS; i++) fprintf(to, "$3\r\nkey\r\n");
    fclose(to);
    wire_ask(w, "+OK", "SET key 1");
    wire_send(w, text, len);
    wire_reply(w, "(int) 100000");
    free(text);
    wire_close(w);
}

/* --- Pipelines --- */

static void test_pipeline_of_10000_in_order(void **state) {
    enum { DEPTH = 10000 };
    redisContext *c = client_open(*state);
    expect(c, "(int) 0", "DEL counter missing");
    for (int i = 0; i < DEPTH; i++) {
        switch (i % 4) {
        case 0: redisAppendCommand(c, "INCR counter"); break;
        case 1: redisAppendCommand(c, "ECHO %d", i); break;
        case 2: redisAppendCommand(c, "GET missing"); break;
        case 3: redisAppendCommand(c, "SET counter"); break; /* an error in between */
        }
    }
    for (int i = 0; i < DEPTH; i++) {
        redisReply *r;
        assert_int_equal(redisGetReply(c, (void **)&r), REDIS_OK);
        switch (i % 4) {
        case 0: assert_int_equal(r->integer, i / 4 + 1); break;
        case 1: assert_int_equal(atoi(r->str), i); break;
        case 2: assert_int_equal(r->type, REDIS_REPLY_NIL); break;
        case 3:
            assert_string_equal(r->str, "ERR wrong number of arguments for 'set' command");
            break;
        }
        freeReplyObject(r);
    }
    redisFree(c);
}

/* A client that sends everything before it reads anything: replies of 30 MB wait for it. */
static void test_pipeline_read_late(void **state) {
    enum { DEPTH = 300, SIZE = 100 * 1000 };
    struct wire *w = wire_open(*state);
    redisContext *c = client_open(*state);
    char *value = malloc(SIZE + 1);
    memset(value, 'v', SIZE);
    value[SIZE] = '\0';
    expect(c, "+OK", "SET wide %s", value);
    for (int i = 0; i < DEPTH; i++) wire_text(w, "GET wide\r\nPING\r\n");
    settle(c);
    char *want = malloc(SIZE + 3);
    snprintf(want, SIZE + 3, "\"%s\"", value);
    for (int i = 0; i < DEPTH; i++) {
        wire_reply(w, want);
        wire_reply(w, "+PONG");
    }
    free(want);
    free(value);
    wire_close(w);
    redisFree(c);
}

/* --- Inline commands --- */

static void test_inline(void **state) {
    struct wire *w = wire_open(*state);
    wire_ask(w, "+PONG", "PING");
    wire_ask(w, "\"x\"", "  PING   x  ");
    wire_ask(w, "\"\"", "ECHO \"\"");
    wire_ask(w, "\"\"", "ECHO ''");
    wire_ask(w, "\"a b\"", "ECHO \"a b\"");
    wire_ask(w, "\"a\\\"b\"", "ECHO \"a\\\"b\"");
    wire_ask(w, "\"\\n\\r\\t\\x08\\x07\"", "ECHO \"\\n\\r\\t\\b\\a\"");
    wire_ask(w, "\"AB\\xff\\x00\"", "ECHO \"\\x41\\x42\\xff\\x00\"");
    wire_ask(w, "\"q\\\\\"", "ECHO \"\\q\\\\\"");
    wire_ask(w, "\"xzz\"", "ECHO \"\\xzz\"");
    wire_ask(w, "\"a'b\\\\n\"", "ECHO 'a\\'b\\n'");
    wire_ask(w, "\"ab\"", "ECHO a\"b\"");
    wire_text(w, "PING\nPING\n\n\r\n   \r\nECHO end\n");
    wire_expect(w, "+PONG\r\n+PONG\r\n$3\r\nend\r\n");
    wire_close(w);
}

/* --- Errors --- */

static const struct violation {
    const char *request;
    const char *error; /* "" where the connection is closed without a word */
} violations[] = {
    {"*abc\r\n", "invalid multibulk length"},
    {"*\r\n", "invalid multibulk length"},
    {"* 1\r\n", "invalid multibulk length"},
    {"*+1\r\n", "invalid multibulk length"},
    {"*01\r\n", "invalid multibulk length"},
    {"*2147483648\r\n", "invalid multibulk length"},
    {"*99999999999999999999\r\n", "invalid multibulk length"},
    {"*1\r\n:1\r\n", "expected '$', got ':'"},
    {"*1\r\nPING\r\n", "expected '$', got 'P'"},
    {"*2\r\n$4\r\nECHO\r\n*1\r\n", "expected '$', got '*'"},
    {"*1\r\n$abc\r\n", "invalid bulk length"},
    {"*1\r\n$\r\n", "invalid bulk length"},
    {"*1\r\n$-1\r\n", "invalid bulk length"},
    {"*1\r\n$04\r\n", "invalid bulk length"},
    {"*1\r\n$ 4\r\n", "invalid bulk length"},
    {"*1\r\n$536870913\r\n", "invalid bulk length"},
    {"*1\r\n$99999999999999999999\r\n", "invalid bulk length"},
    {"ECHO \"abc\r\n", "unbalanced quotes in request"},
    {"ECHO 'abc\r\n", "unbalanced quotes in request"},
    {"ECHO \"a\"b\r\n", "unbalanced quotes in request"},
    {"ECHO 'a'b\r\n", "unbalanced quotes in request"},
    {"ECHO \"a\\\"\r\n", "unbalanced quotes in request"},
    {"POST / HTTP/1.1\r\n", ""},
    {"Host: example.org\r\n", ""},
};

static void expect_violation(struct wire *w, const char *error) {
    char want[128];
    snprintf(want, sizeof want, "(err) ERR Protocol error: %s", error);
    if (*error) wire_reply(w, want);
    wire_expect_closed(w);
}

/* What came before is answered, what comes after isn't run. */
static void test_protocol_errors(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "+OK", "SET canary alive");
    for (size_t i = 0; i < sizeof violations / sizeof *violations; i++) {
        struct wire *w = wire_open(*state);
        char text[256];
        snprintf(text, sizeof text, "PING\r\n%sDEL canary\r\n", violations[i].request);
        wire_text(w, text);
        if (*violations[i].error) {
            wire_reply(w, "+PONG");
            expect_violation(w, violations[i].error);
        } else {
            wire_drain(
                w); /* an attack by way of a browser: whether PING is still answered is open */
        }
        wire_close(w);
    }
    expect(c, "\"alive\"", "GET canary");
    redisFree(c);
}

static void test_protocol_errors_cut_at_every_byte(void **state) {
    redisContext *other = client_open(*state);
    for (size_t i = 0; i < sizeof violations / sizeof *violations; i++) {
        const char *request = violations[i].request;
        for (size_t cut = 1; cut < strlen(request); cut++) {
            struct wire *w = wire_open(*state);
            wire_send(w, request, cut);
            settle(other);
            wire_try_send(w, request + cut, strlen(request) - cut);
            expect_violation(w, violations[i].error);
            wire_close(w);
        }
    }
    redisFree(other);
}

/* A length or an inline command that doesn't end is given up after 64 KB. */
static void test_lines_without_end(void **state) {
    enum { SIZE = 70000 };
    static const struct violation endless[] = {
        {"*", "too big mbulk count string"},
        {"*1\r\n$", "too big bulk count string"},
        {"", "too big inline request"},
    };
    char *digits = malloc(SIZE);
    memset(digits, '1', SIZE);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct wire *w = wire_open(*state);
        wire_text(w, endless[i].request);
        wire_try_send(w, digits, SIZE); /* the end comes in the middle */
        expect_violation(w, endless[i].error);
        wire_close(w);
    }
    free(digits);
}

static void test_refused_commands(void **state) {
    redisContext *c = client_open(*state);
    expect(c, "(err) ERR unknown command 'FOO', with args beginning with: 'bar' 'b z' ",
           "FOO bar %s", "b z");
    expect(c, "(err) ERR wrong number of arguments for 'get' command", "GET");
    expect(c, "(err) ERR wrong number of arguments for 'get' command", "GeT a b");
    expect(c, "(err) ERR syntax error", "SET a b nonsense");
    expect(c, "+PONG", "PING");
    redisFree(c);
}

static void test_bulk_limit_follows_config(void **state) {
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    expect(c, "+OK", "CONFIG SET proto-max-bulk-len 1mb");
    wire_text(w, "*1\r\n$1048577\r\n");
    wire_reply(w, "(err) ERR Protocol error: invalid bulk length");
    wire_expect_closed(w);
    expect(c, "+OK", "CONFIG SET proto-max-bulk-len 512mb");
    wire_close(w);
    redisFree(c);
}

/* --- RESP2 and RESP3 --- */

static void test_hello(void **state) {
    struct wire *w = wire_open(*state);
    wire_text(w, "HELLO\r\n");
    wire_reply_like(w,
                    "\\[\"server\", \"redis\", \"version\", \"7.*\", \"proto\", (int) 2, \"id\", "
                    "(int) *, \"mode\", \"standalone\", \"role\", \"master\", \"modules\", "
                    "\\[\\]\\]");
    wire_ask(w, "(nil)", "GET missing");
    wire_text(w, "HELLO 3\r\n");
    wire_reply_like(w, "{\"server\": \"redis\", \"version\": \"7.*\", \"proto\": (int) 3, \"id\": "
                       "(int) *, \"mode\": \"standalone\", \"role\": \"master\", \"modules\": "
                       "\\[\\]}");
    wire_text(w, "GET missing\r\n");
    wire_expect(w, "_\r\n");
    wire_text(w, "HELLO 2 SETNAME me\r\n");
    wire_reply_like(w, "\\[*\"proto\", (int) 2,*");
    wire_text(w, "GET missing\r\n");
    wire_expect(w, "$-1\r\n");
    wire_ask(w, "\"me\"", "CLIENT GETNAME");
    wire_close(w);
}

static void test_hello_refused(void **state) {
    struct wire *w = wire_open(*state);
    wire_ask(w, "(err) NOPROTO unsupported protocol version", "HELLO 1");
    wire_ask(w, "(err) NOPROTO unsupported protocol version", "HELLO 4");
    wire_ask(w, "(err) ERR Protocol version is not an integer or out of range", "HELLO x");
    wire_ask(w, "(err) ERR Syntax error in HELLO option 'FOO'", "HELLO 3 FOO");
    wire_ask(w, "(err) ERR Syntax error in HELLO option 'AUTH'", "HELLO 3 AUTH a");
    wire_ask(w, "(err) WRONGPASS invalid username-password pair or user is disabled.",
             "HELLO 3 AUTH a b");
    wire_ask(w, "(err) ERR Client names cannot contain spaces, newlines or special characters.",
             "HELLO 3 SETNAME \"a b\"");
    wire_text(w, "GET missing\r\n"); /* still RESP2 */
    wire_expect(w, "$-1\r\n");
    wire_close(w);
}

static const struct kind {
    const char *name, *resp2, *resp3;
} kinds[] = {
    {"string", "\"Hello World\"", "\"Hello World\""},
    {"integer", "(int) 12345", "(int) 12345"},
    {"double", "\"3.141\"", "(double) 3.141"},
    {"null", "(nil)", "(nil)"},
    {"array", "[(int) 0, (int) 1, (int) 2]", "[(int) 0, (int) 1, (int) 2]"},
    {"set", "[(int) 0, (int) 1, (int) 2]", "~[(int) 0, (int) 1, (int) 2]"},
    {"map", "[(int) 0, (int) 0, (int) 1, (int) 1, (int) 2, (int) 0]",
     "{(int) 0: (bool) false, (int) 1: (bool) true, (int) 2: (bool) false}"},
    {"bignum", "\"1234567999999999999999999999999999999\"",
     "(big) 1234567999999999999999999999999999999"},
    {"verbatim", "\"This is a verbatim\\nstring\"", "(txt) \"This is a verbatim\\nstring\""},
    {"true", "(int) 1", "(bool) true"},
    {"false", "(int) 0", "(bool) false"},
};

static void test_every_kind_of_reply(void **state) {
    struct wire *two = wire_open(*state), *three = wire_open(*state);
    wire_text(three, "HELLO 3\r\n");
    wire_reply_like(three, "{*}");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char command[64];
        snprintf(command, sizeof command, "DEBUG PROTOCOL %s\r\n", kinds[i].name);
        wire_text(two, command);
        wire_reply(two, kinds[i].resp2);
        wire_text(three, command);
        wire_reply(three, kinds[i].resp3);
    }
    wire_close(two);
    wire_close(three);
}

static void test_maps_of_config_get(void **state) {
    struct wire *w = wire_open(*state);
    wire_ask(w, "[\"databases\", \"16\"]", "CONFIG GET databases");
    wire_text(w, "HELLO 3\r\n");
    wire_reply_like(w, "{*}");
    wire_ask(w, "{\"databases\": \"16\"}", "CONFIG GET databases");
    wire_ask(w, "{}", "CONFIG GET nothing-of-this-name");
    wire_close(w);
}

static void test_reset_and_quit(void **state) {
    struct wire *w = wire_open(*state);
    wire_text(w, "HELLO 3\r\nRESET\r\nGET missing\r\n");
    wire_reply_like(w, "{*}");
    wire_expect(w, "+RESET\r\n$-1\r\n");
    wire_text(w, "QUIT\r\nPING\r\n");
    wire_expect(w, "+OK\r\n");
    wire_expect_closed(w);
    wire_close(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_cut_at_every_byte),
        cmocka_unit_test(test_request_byte_by_byte),
        cmocka_unit_test(test_replies_before_the_request_is_whole),
        cmocka_unit_test(test_big_binary_value),
        cmocka_unit_test(test_many_arguments),
        cmocka_unit_test(test_pipeline_of_10000_in_order),
        cmocka_unit_test(test_pipeline_read_late),
        cmocka_unit_test(test_inline),
        cmocka_unit_test(test_protocol_errors),
        cmocka_unit_test(test_protocol_errors_cut_at_every_byte),
        cmocka_unit_test(test_lines_without_end),
        cmocka_unit_test(test_refused_commands),
        cmocka_unit_test(test_bulk_limit_follows_config),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_hello_refused),
        cmocka_unit_test(test_every_kind_of_reply),
        cmocka_unit_test(test_maps_of_config_get),
        cmocka_unit_test(test_reset_and_quit),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
