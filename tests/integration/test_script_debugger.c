/* SPDX-License-Identifier: BSD-3-Clause */
/* The debugger of scripts as it's talked to by redis-cli: messages, and what a session leaves of
 * the server's time and data. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int start(void **state) {
    *state = server_start("%s", "--enable-debug-command yes --busy-reply-threshold 100000");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

/* A command of up to four words. */
static void tell(struct wire *w, const char *a, const char *b, const char *c, const char *d) {
    const char *words[] = {a, b, c, d};
    char text[2048];
    int count = 0, len;
    while (count < 4 && words[count]) count++;
    len = snprintf(text, sizeof text, "*%d\r\n", count);
    for (int i = 0; i < count; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "$%zu\r\n%s\r\n", strlen(words[i]),
                        words[i]);
    wire_text(w, text);
}

#define ASK(w, want, ...)                                                                          \
    do {                                                                                           \
        TELL(w, __VA_ARGS__, NULL, NULL, NULL, NULL);                                              \
        wire_reply(w, want);                                                                       \
    } while (0)
#define TELL(w, a, b, c, d, ...) tell(w, a, b, c, d)

static struct wire *session(const struct server *s, const char *mode, const char *script) {
    struct wire *w = wire_open(s);
    ASK(w, "+OK", "SCRIPT", "DEBUG", mode);
    TELL(w, "EVAL", script, "0", NULL);
    return w;
}

/* How it ended: what goes on behind "<endsession>" is EVAL's reply. */
static void expect_end(struct wire *w, const char *reply) {
    wire_reply(w, "[+<endsession>]");
    wire_reply(w, reply);
    wire_expect_closed(w);
    wire_close(w);
}

static const char sum[] = "local function add(a, b)\n"
                          "  local c = a + b\n"
                          "  return c\n"
                          "end\n"
                          "local s = 0\n"
                          "for i = 1, 2 do\n"
                          "  s = add(s, i)\n"
                          "end\n"
                          "return s\n";

static void test_steps(void **state) {
    struct wire *w = session(*state, "yes", sum);
    wire_reply(w, "[+* Stopped at 4, stop reason = step over, +-> 4   end]");
    ASK(w, "[+* Stopped at 5, stop reason = step over, +-> 5   local s = 0]", "step");
    ASK(w, "[+* Stopped at 6, stop reason = step over, +-> 6   for i = 1, 2 do]", "N");
    ASK(w, "[+   5   local s = 0, +-> 6   for i = 1, 2 do, +   7     s = add(s, i)]", "l", "0",
        "1");
    ASK(w, "[+   1   local function add(a, b), +   2     local c = a + b]", "list", "1", "1");
    ASK(w, "[]", "list", "20");
    ASK(w, "[+   2     local c = a + b, +  #3     return c, +   4   end]", "break", "3");
    ASK(w, "[+1 breakpoints set:, +  #3     return c]", "b");
    ASK(w, "[+* Stopped at 3, stop reason = break point, +->#3     return c]", "c");
    ASK(w, "[+In add:, +->#3     return c, +From top level:, +   7     s = add(s, i)]", "trace");
    ASK(w, "[+<value> a = 0, +<value> b = 1, +<value> c = 1]", "p");
    ASK(w, "[+<value> 0]", "p", "s");
    ASK(w, "[+No such variable.]", "p", "nothing");
    ASK(w, "[+Breakpoint removed.]", "b", "-3");
    ASK(w, "[+No breakpoint in the specified line.]", "b", "-3");
    ASK(w, "[+Wrong line number.]", "b", "99");
    ASK(w, "[+Invalid argument:'x']", "b", "x");
    ASK(w, "[+<error> Unknown Redis Lua debugger command or wrong number of arguments.]", "redis");
    tell(w, "c", NULL, NULL, NULL);
    expect_end(w, "(int) 3");
}

static void test_values(void **state) {
    struct wire *w = session(*state, "yes",
                             "local t = {1, {x = 'a\\n'}, true}\nlocal l = string.rep('y', 300)\n"
                             "local n = {} n.n = n\nredis.debug(t, nil, 0.5)\n"
                             "redis.breakpoint()\nreturn redis.call('GET', 'none')");
    wire_reply_like(w, "*Stopped at 1*");
    ASK(w, "[+No local variables in the current context.]", "p");
    TELL(w, "c", NULL, NULL, NULL);
    wire_reply(w, "[+<debug> line 4: {1; {[\"x\"]=\"a\\n\"}; true}, nil, 0.5, "
                  "+* Stopped at 6, stop reason = redis.breakpoint() called, "
                  "+-> 6   return redis.call('GET', 'none')]");
    TELL(w, "p", "n", NULL, NULL);
    wire_reply_like(w, "*<value> {[[]\"n\"]={*max recursion level reached*");
    TELL(w, "p", "l", NULL, NULL);
    wire_reply_like(w, "[[]+<value> \"yyy*yyy ..., +<hint> *maxlen 0*");
    ASK(w, "[+<value> replies are truncated at 60 bytes.]", "m", "10");
    TELL(w, "p", "l", NULL, NULL);
    wire_reply_like(w, "[[]+<value> \"yyy*yyy ...]");
    ASK(w, "[+<value> replies are unlimited.]", "maxlen", "0");
    ASK(w, "[+<value> {}]", "p", "KEYS");
    ASK(w, "[+<retval> 3]", "e", "1", "+", "2");
    ASK(w, "[+<retval> nil]", "e", "return");
    ASK(w, "[+<error> ldb_eval:1: boom]", "e", "error('boom')");
    ASK(w, "[+<error> boom]", "e", "error({err='boom'})");
    TELL(w, "e", "x =", NULL, NULL);
    wire_reply_like(w, "[[]+<error> ldb_eval:1: unexpected symbol*");
    ASK(w, "[+<redis> set a b, +<reply> \"+OK\"]", "r", "set", "a", "b");
    ASK(w, "[+<redis> mget a none, +<reply> [\"b\",NULL]]", "r", "mget", "a", "none");
    ASK(w,
        "[+<redis> incr a, +<error> -ERR value is not an integer or out of range, "
        "+<reply> \"-ERR value is not an integer or out of range\"]",
        "redis", "incr", "a");
    ASK(w, "[+<redis> subscribe a, +<error> This Redis command is not allowed from script]", "r",
        "subscribe", "a");
    TELL(w, "s", NULL, NULL, NULL);
    wire_reply(w, "[+<redis> GET none, +<reply> NULL, +<endsession>]");
    wire_reply(w, "(nil)");
    wire_close(w);
}

/* What a session of its own changes is gone with it; the others are served meanwhile. */
static void test_own_process(void **state) {
    redisContext *c = client_open(*state), *waiting = client_open(*state);
    expect(c, "+OK", "FLUSHALL");
    int written = 0;
    redisAppendCommand(waiting, "BLPOP list 0");
    while (!written) assert_int_equal(redisBufferWrite(waiting, &written), REDIS_OK);
    await_like(c, "*blocked_clients:1*", "INFO clients");
    struct wire *a = session(*state, "yes", "redis.call('RPUSH', 'list', 'a')\nreturn 1");
    struct wire *b = session(*state, "yes", "redis.call('SET', 'key', 'b')\nreturn 2");
    wire_reply_like(a, "*Stopped at 1*");
    wire_reply_like(b, "*Stopped at 1*");
    expect(c, "+OK", "SET other x");
    TELL(a, "s", NULL, NULL, NULL);
    wire_reply_like(a, "*<reply> 1, *Stopped at 2*");
    ASK(a, "[+<redis> get other, +<reply> NULL]", "r", "get", "other");
    TELL(b, "c", NULL, NULL, NULL);
    expect_end(b, "(int) 2");
    expect(c, "(nil)", "GET key");
    expect(c, "(int) 1", "RPUSH list real");
    redisReply *r;
    assert_int_equal(redisGetReply(waiting, (void **)&r), REDIS_OK);
    assert_string_equal(r->element[1]->str, "real");
    freeReplyObject(r);
    wire_close(a); /* which ends that session, too */
    expect_like(c, "*total_forks:[1-9]*", "INFO stats");
    redisFree(waiting);
    redisFree(c);
}

/* A script that takes longer than this takes too long; at other times, as long as it takes on any
 * machine. */
static void set_threshold(redisContext *c, int ms) {
    expect(c, "+OK", "CONFIG SET busy-reply-threshold %d", ms);
}

static void test_sync(void **state) {
    redisContext *c = client_open(*state);
    set_threshold(c, 100);
    struct wire *w = session(*state, "sync", "redis.call('SET', 'key', 'v')\nreturn 1");
    wire_reply_like(w, "*Stopped at 1*");
    await_like(c, "(err) BUSY*", "GET key");
    TELL(w, "s", NULL, NULL, NULL);
    wire_reply_like(w, "*<reply> \"+OK\", *Stopped at 2*");
    ASK(w, "[+<endsession>]", "abort");
    wire_reply_like(w, "(err) ERR script aborted for user request script: *, on @user_script:2.");
    wire_expect_closed(w);
    wire_close(w);
    expect(c, "\"v\"", "GET key");
    w = session(*state, "sync", "return 1");
    wire_reply_like(w, "*Stopped at 1*");
    await_like(c, "+OK", "SCRIPT KILL");
    wire_reply(w, "[+<endsession>]");
    wire_reply_like(w, "(err) ERR Script killed by user*");
    wire_close(w);
    w = session(*state, "sync", "return 1");
    wire_reply_like(w, "*Stopped at 1*");
    wire_close(w); /* the script ends as nobody is there */
    expect_like(c, "*", "PING");
    await_like(c, "\"v\"", "GET key");
    set_threshold(c, 100000);
    redisFree(c);
}

static void test_endless(void **state) {
    redisContext *c = client_open(*state);
    set_threshold(c, 100);
    struct wire *w = session(*state, "yes", "local i = 0\nwhile true do i = i + 1 end");
    wire_reply_like(w, "*Stopped at 1*");
    TELL(w, "c", NULL, NULL, NULL);
    wire_reply_like(w, "[[]+* Stopped at 2, stop reason = timeout reached, infinite loop?*");
    ASK(w, "[+<error> takes too long]", "e", "while true do end");
    ASK(w, "[+<endsession>]", "a");
    wire_reply_like(w, "(err) ERR script aborted*");
    wire_close(w);
    w = session(*state, "sync", "while true do pcall(error) end");
    wire_reply_like(w, "*Stopped at 1*");
    TELL(w, "c", NULL, NULL, NULL);
    wire_reply_like(w, "*infinite loop?*");
    TELL(w, "c", NULL, NULL, NULL);
    wire_close(w);
    await_like(c, "+PONG", "PING");
    set_threshold(c, 100000);
    redisFree(c);
}

/* Errors before the script begins, and of who doesn't keep to the protocol. */
static void test_bad(void **state) {
    struct wire *w = session(*state, "yes", "return +");
    wire_reply(w, "[+<endsession>]");
    wire_reply_like(w, "(err) ERR Error compiling script*");
    wire_close(w);
    const char *bad[] = {"hello\r\n", "*0\r\n", "*1\r\n:1\r\n", "*2000\r\n", "*1\r\n$-5\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        w = session(*state, i % 2 ? "yes" : "sync", "return 1");
        wire_reply_like(w, "*Stopped at 1*");
        wire_text(w, bad[i]);
        wire_reply(w, "[+<endsession>]");
        wire_reply_like(w, "(err) ERR protocol error*");
        wire_close(w);
    }
    w = wire_open(*state);
    ASK(w, "(err) ERR Use SCRIPT DEBUG YES/SYNC/NO", "SCRIPT", "DEBUG", "maybe");
    ASK(w, "+OK", "SCRIPT", "DEBUG", "SYNC");
    ASK(w, "(err) ERR Please use EVAL instead of EVALSHA for debugging", "EVALSHA",
        "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0");
    ASK(w, "+OK", "MULTI");
    ASK(w, "+QUEUED", "EVAL", "return 1", "0");
    ASK(w, "+QUEUED", "SCRIPT", "DEBUG", "NO");
    ASK(w, "[(int) 1, (err) ERR SCRIPT DEBUG must be called outside a pipeline]", "EXEC");
    ASK(w, "+OK", "SCRIPT", "DEBUG", "no");
    ASK(w, "(int) 0", "EVAL", "return redis.breakpoint() and 1 or 0", "0");
    wire_close(w);
}

/* A server that ends takes sessions with it. */
static void test_shutdown(void **state) {
    struct server *s = server_start(" ");
    struct wire *w = session(s, "yes", "return 1");
    wire_reply_like(w, "*Stopped at 1*");
    server_stop(s);
    wire_expect_closed(w);
    wire_close(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),    cmocka_unit_test(test_values),
        cmocka_unit_test(test_sync),     cmocka_unit_test(test_own_process),
        cmocka_unit_test(test_endless),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_shutdown),
    };
    return cmocka_run_group_tests_name("script debugger", tests, start, stop);
}
