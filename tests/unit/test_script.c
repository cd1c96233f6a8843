/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts on an engine without a server: what they can't do, what ends them, what they cost, and
 * the cache of scripts and the conversions against models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "script/lua_sandbox.h"
#include "script/script_engine.h"
#include "script/script_load.h"
#include "script/script_run.h"
#include "unit/engine_fixture.h"

static struct engine engine;
static struct session session;
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1, .scripts = true};
static struct buf text;

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    return 0;
}

static int tear_down(void **unused) {
    buf_release(&text);
    engine_fixture_close(&fixture);
    return 0;
}

/* What the request replies, as text until the next. */
static const char *ask(const struct slice *argv, int argc) {
    engine_run(&session, argv, argc);
    buf_clear(&text);
    engine_take_replies(&session, &text);
    return text.data;
}

static const char *eval(const char *script) {
    struct slice argv[] = {SLICE("EVAL"), slice_str(script), SLICE("0")};
    return ask(argv, 3);
}

static void assert_says(const char *script, const char *part) {
    const char *reply = eval(script);
    if (!strstr(reply, part)) fail_msg("%s\n  says %s\n  not %s", script, reply, part);
}

/* The sandbox. */

static void test_shared_tables_cannot_be_changed(void **unused) {
    static const char *const ways[] = {
        "x = 1",
        "_G.x = 1",
        "KEYS = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "string.upper = nil",
        "rawset(string, 'upper', 1)",
        "table.insert(table, 1)",
        "table.remove(math)",
        "table.sort(math)",
        "setmetatable(redis, {__index = function() return 1 end})",
        "getmetatable('').__index = {}",
        "getmetatable('').__index.upper = nil",
        "rawset(getmetatable(''), '__index', 1)",
        "('').upper = 1",
        "getmetatable(getmetatable('')).__newindex = nil",
        "for k, v in pairs(_G) do if k == 'string' then v.x = 1 end end",
        "local f, t = pairs(string) rawset(t, 'x', 1)",
        "table.foreach(_G, function(k, v) if k == 'string' or k == '_G' then v.x = 1 end end)",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *reply = eval(ways[i]);
        if (reply[0] != '-') fail_msg("%s says %s", ways[i], reply);
        assert_says("return tostring(rawget(_G, 'x')) .. tostring(string.x) .. ('a'):upper()",
                    "nilnilA");
    }
}

static void test_dangerous_functions_are_missing(void **unused) {
    static const char *const names[] = {"dofile",  "loadfile", "print",   "newproxy",
                                        "getfenv", "setfenv",  "require", "module",
                                        "debug",   "io",       "package"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char script[128];
        snprintf(script, sizeof script, "return %s", names[i]);
        assert_says(script, "nonexistent global variable");
    }
    assert_says("local n = 0 for k in pairs(os) do n = n + 1 end return n", ":1");
}

static void test_bytecode_is_not_loaded(void **unused) {
    assert_says("local f, e = loadstring(string.dump(function() end)) return e",
                "unexpected symbol");
    assert_says(
        "local d = string.dump(function() end) local f, e = load(function() local r = d d = "
        "nil return r end) return e",
        "unexpected symbol");
    assert_says("\033Lua", "Error compiling");
}

/* What would crash plain Lua 5.1, or take it long. */
static void test_limits(void **unused) {
    assert_says("return unpack({}, 1, 2147483647)", "too many results");
    assert_says("return unpack({}, -2147483648, 2147483647)", "too many results");
    assert_says("return unpack({}, 0, 1e8)", "too many results");
    assert_says("return string.rep('x', 2147483647)", "too large");
    assert_says("return #string.rep('', 2147483647)", ":0");
    assert_says("return string.find(string.rep('a', 99999), string.rep('a?', 99999))",
                "pattern too complex");
    assert_says("local function f() return coroutine.wrap(f)() end return f()", "overflow");
    assert_says("local function f() return coroutine.resume(coroutine.create(f)) end return "
                "select(2, f())",
                ":");
    assert_says("local function f() return 1 + f() end return f()", "stack overflow");
    assert_says("local t = {} t[1] = t return t", "reached lua stack limit");
    assert_says("local s = 'return ' .. string.rep('{', 500) return loadstring(s)", "$-1");
    assert_says("collectgarbage('stop') local n = 0 for i = 1, 1e6 do n = n + #{i} end return n",
                ":1000000");
    assert_says("return 1", ":1");
}

static void test_memory_is_limited(void **unused) {
    engine.scripts->config.memory_limit = 16 * 1024 * 1024;
    assert_says("local t = {} while true do t[#t + 1] = #t .. string.rep('x', 20) end",
                "not enough memory");
    assert_says("local s = 'x' while true do s = s .. s end", "not enough memory");
    assert_says("local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) "
                "if #t > 1e5 then error('full') end end",
                "-ERR");
    assert_says("return 1", ":1");
    assert_true(scripts_memory(&engine) < 16 * 1024 * 1024);
    engine.scripts->config.memory_limit = 0;
}

/* Being ended. */

static int yields, yields_until_kill;

static bool count_yields(struct engine *e) {
    if (++yields == yields_until_kill) script_running(e)->killed = true;
    return yields < 1000;
}

static void test_kill_ends_any_loop(void **unused) {
    static const char *const loops[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(pcall, pcall, function() while true do end end) end",
        "local function f() while true do pcall(f) end end f()",
        "while true do xpcall(function() while true do end end, function() while true do end end) "
        "end",
        "coroutine.wrap(function() while true do pcall(function() while true do end end) end "
        "end)()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do redis.pcall('PING') redis.pcall() end",
        /* what takes long without running Lua */
        "return string.find(string.rep('a', 1000), string.rep('.-', 9) .. 'b')",
        "while true do pcall(string.gsub, string.rep('a', 999), string.rep('a*', 9) .. 'b', '') "
        "end",
        "return string.match(string.rep('(', 4000000), '%b()')",
        "local t = {} for i = 1, 10000 do t[i] = -i end while true do table.sort(t) end",
        "local t = {} for i = 1, 9999 do t[i] = i end while true do pcall(table.sort, t, rawequal) "
        "end",
        "local function f(n) for i = 1, 500 do if n > 0 then coroutine.wrap(f)(n - 1) end end end "
        "f(100)",
    };
    engine.yield = count_yields;
    engine.scripts->config.busy_reply_threshold = 1;
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        yields = 0;
        yields_until_kill = 3;
        assert_says(loops[i], "-ERR Script killed by user with SCRIPT KILL...");
        assert_in_range(yields, 3, 3);
        assert_int_equal(engine.gates & GATE_BUSY, 0);
    }
    assert_says("return 1", ":1");
}

static bool stop_all(struct engine *e) {
    yields++;
    return false;
}

static void test_the_end_of_the_process_ends_scripts(void **unused) {
    engine.yield = stop_all;
    engine.scripts->config.busy_reply_threshold = 1;
    yields = 0;
    assert_says(
        "redis.call('SET', 'a', 1) while true do pcall(function() while true do end end) end",
        "-ERR Script ended");
    assert_int_equal(yields, 1);
}

/* The cache. */

static void sha_of(const char *script, char to[SHA1_HEX]) {
    sha1_hex(slice_str(script), to);
}

static void test_sha1(void **unused) {
    static const char *const known[][2] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"The quick brown fox jumps over the lazy dog", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char hex[SHA1_HEX];
        sha_of(known[i][0], hex);
        assert_memory_equal(hex, known[i][1], SHA1_HEX);
    }
    char million[1000000], hex[SHA1_HEX];
    memset(million, 'a', sizeof million);
    sha1_hex(slice_of(million, sizeof million), hex);
    assert_memory_equal(hex, "34aa973cd4c4daa4f61eeb2bdbad27316534016f", SHA1_HEX);
}

static bool is_cached(int number) {
    char script[64], sha[SHA1_HEX];
    snprintf(script, sizeof script, "return %d", number);
    sha_of(script, sha);
    struct slice argv[] = {SLICE("SCRIPT"), SLICE("EXISTS"), slice_of(sha, SHA1_HEX)};
    return strcmp(ask(argv, 3), "*1\r\n:1\r\n") == 0;
}

static void run_number(int number) {
    char script[64], expected[64];
    snprintf(script, sizeof script, "return %d", number);
    snprintf(expected, sizeof expected, ":%d\r\n", number);
    assert_string_equal(eval(script), expected);
}

/* Random scripts of a few more than may be kept: kept are those used last, and those loaded. */
static void test_cache_keeps_what_was_used_last(void **unused) {
    enum { SCRIPTS = SCRIPT_CACHE_MAX + 100, LOADED = 20, STEPS = 5000 };
    static int used[SCRIPTS];
    struct random rng;
    random_seed_fixed(&rng, 7);
    for (int i = 0; i < LOADED; i++) {
        char script[64];
        snprintf(script, sizeof script, "return %d", i);
        struct slice argv[] = {SLICE("SCRIPT"), SLICE("LOAD"), slice_str(script)};
        ask(argv, 3);
    }
    for (int step = 1; step <= STEPS; step++) {
        int number = (int)random_below(&rng, SCRIPTS);
        run_number(number);
        used[number] = step;
    }
    for (int i = 0; i < SCRIPTS; i++) {
        int later = 0;
        for (int j = LOADED; j < SCRIPTS; j++) later += used[j] > used[i];
        assert_int_equal(is_cached(i), i < LOADED || (used[i] && later < SCRIPT_CACHE_MAX));
    }
    assert_int_equal(engine.scripts->cache.evictable, SCRIPT_CACHE_MAX);
    size_t before = scripts_memory(&engine);
    struct slice argv[] = {SLICE("SCRIPT"), SLICE("FLUSH")};
    ask(argv, 2);
    lua_gc(engine.scripts->lua, LUA_GCCOLLECT, 0);
    assert_true(scripts_memory(&engine) < before);
    assert_int_equal(engine.scripts->cache.memory, 0);
    assert_false(is_cached(0));
}

/* Numbers are those of lrand48, as in Redis. */
static void test_random(void **unused) {
    assert_says("math.randomseed(17) return tostring(math.random())", "0.97446728356856");
    assert_says("math.randomseed(17) return math.random(1, 1000000)", ":974468");
    assert_says("return math.random(3, 2)", "interval is empty");
}

static void test_script_session_is_its_own(void **unused) {
    assert_says("redis.call('SELECT', 5) redis.call('SET', 'k', 'five') redis.setresp(3) return 1",
                ":1");
    assert_says("return redis.call('GET', 'k')", "$-1");
    assert_says("redis.call('SELECT', 5) return redis.call('GET', 'k')", "five");
    assert_ptr_equal(session.db, &engine.keyspace.dbs[0]);
}

static void test_long_arguments_and_replies(void **unused) {
    assert_says("local t = {} for i = 1, 3000 do t[i] = i end return redis.call('RPUSH', 'l', "
                "unpack(t))",
                ":3000");
    assert_says("return #redis.call('LRANGE', 'l', 0, -1)", ":3000");
    assert_says("redis.call('SET', 's', string.rep('x', 1e6)) return #redis.call('GET', 's')",
                ":1000000");
    assert_says("local t = {} for i = 1, 100 do t[i] = redis.call('GET', 's') end return "
                "#table.concat(t)",
                ":100000000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_shared_tables_cannot_be_changed),
        TEST(test_dangerous_functions_are_missing),
        TEST(test_bytecode_is_not_loaded),
        TEST(test_limits),
        TEST(test_memory_is_limited),
        TEST(test_kill_ends_any_loop),
        TEST(test_the_end_of_the_process_ends_scripts),
        TEST(test_sha1),
        TEST(test_cache_keeps_what_was_used_last),
        TEST(test_random),
        TEST(test_script_session_is_its_own),
        TEST(test_long_arguments_and_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
