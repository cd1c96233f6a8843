/* SPDX-License-Identifier: BSD-3-Clause */
/* The libraries for scripts, without scripts: known results, values that come back as they were, at
 * random, and what must end in an error: depth, sizes, lack of memory. That results are Redis's is
 * what redis-compat/lua-libraries shows. Seeds are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/buf.h"
#include "base/random.h"
#include "script/lua_libs.h"

static lua_State *L;
static struct random rng;

/* Lua's memory: what there is of it, and a limit. */
static size_t memory, memory_limit;

static void *allocate(void *ctx, void *ptr, size_t before, size_t size) {
    if (size == 0) {
        free(ptr);
        memory -= before;
        return NULL;
    }
    if (size > before && memory + size - before > memory_limit) return NULL;
    void *moved = realloc(ptr, size);
    assert_non_null(moved);
    memory += size - before;
    return moved;
}

static int set_up(void **state) {
    memory = 0;
    memory_limit = SIZE_MAX;
    L = lua_newstate(allocate, NULL);
    luaL_openlibs(L);
    lua_libs_open(L);
    random_seed_fixed(&rng, 20261121);
    return 0;
}

static int tear_down(void **state) {
    lua_close(L);
    assert_int_equal(memory, 0);
    return 0;
}

/* What the expression is, as text; valid until the next. */
static const char *eval(const char *expression) {
    lua_settop(L, 0);
    lua_pushfstring(L, "return %s", expression);
    if (luaL_loadstring(L, lua_tostring(L, 1)) == 0) lua_pcall(L, 0, 1, 0);
    lua_getglobal(L, "tostring");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    return lua_tostring(L, -1);
}

static void assert_is(const char *expression, const char *expected) {
    assert_string_equal(eval(expression), expected);
}

static void assert_fails(const char *expression, const char *part) {
    const char *error = eval(expression);
    if (!strstr(error, part)) fail_msg("%s: %s", expression, error);
}

/* --- Known results -------------------------------------------------------------------------------
 */

static void test_json(void **state) {
    assert_is("cjson.encode({})", "{}");
    assert_is("cjson.encode({1, 2.5, 'a\"/\\n', true, cjson.null})",
              "[1,2.5,\"a\\\"\\/\\n\",true,null]");
    assert_is("cjson.encode({a = {b = 1}})", "{\"a\":{\"b\":1}}");
    assert_is("cjson.encode(0.1) .. cjson.encode(1e15) .. cjson.encode(-0.0)", "0.11e+15-0");
    assert_is("cjson.decode('[1, {\"a\": \"\\\\u00e9\"}]')[2].a", "\xc3\xa9");
    assert_is("cjson.decode('\"\\\\ud83d\\\\ude00\"')", "\xf0\x9f\x98\x80");
    assert_is("cjson.decode(' null ') == cjson.null", "true");
    assert_fails("cjson.encode(0/0)", "must not be NaN or Inf");
    assert_fails("cjson.encode({[100] = 1})", "excessively sparse array");
    assert_fails("cjson.decode('[1,')", "Expected value but found T_END at character 4");
    assert_fails("cjson.decode('\"\\\\ud800\"')", "invalid unicode escape code at character 2");
}

static void test_json_marked_arrays(void **state) {
    assert_is("cjson.encode(cjson.decode('[]'))", "{}");
    assert_is("cjson.decode_array_with_array_mt(true)", "true");
    assert_is("cjson.encode(cjson.decode('{\"a\":[]}'))", "{\"a\":[]}");
    assert_is("getmetatable(cjson.decode('[]'))", "false");
    assert_is("cjson.decode_array_with_array_mt(false)", "false");
    assert_is("cjson.encode(cjson.decode('[]'))", "{}");
}

static void test_msgpack(void **state) {
    assert_is("(cmsgpack.pack(1, -33, 'a', {1}, {}, nil):gsub('.', function(c) "
              "return ('%02x'):format(c:byte()) end))",
              "01d0dfa161910190c0");
    assert_is("cmsgpack.unpack('\\147\\1\\2\\3')[3]", "3");
    assert_is("(cmsgpack.unpack_one('\\1\\2'))", "1");
    assert_is("(cmsgpack.unpack_limit('\\1\\2', 2))", "-1");
    assert_fails("cmsgpack.unpack('\\221\\255\\255\\255\\255\\1')", "Missing bytes in input.");
    assert_fails("cmsgpack.unpack('\\193')", "Bad data format in input.");
}

static void test_struct(void **state) {
    assert_is("(struct.pack('>I2<i4!bd', 258, -2, 1, 0):gsub('.', function(c) "
              "return ('%02x'):format(c:byte()) end))",
              "0102feffffff01000000000000000000");
    assert_is("table.concat({struct.unpack('Bc0s', '\\3abcdef\\0')}, ',')", "abc,def,9");
    assert_is("struct.size('!bi')", "8");
    assert_fails("struct.pack('i33', 1)", "integral size 33 is larger than limit of 32");
    assert_fails("struct.unpack('c0', 'a')", "needs a previous size");
    assert_fails("struct.unpack('lc0', ('\\255'):rep(9))", "data string too short");
    assert_fails("struct.size('c99999999999')", "integral size overflow");
}

static void test_bit(void **state) {
    assert_is("bit.tobit(2^32 + 5)", "5");
    assert_is("bit.band(0xff, -1, 0x0f) + bit.bor(1, 2, 4) + bit.bxor(3, 5)", "28");
    assert_is("bit.rshift(-1, 28) .. bit.arshift(-16, 2) .. bit.lshift(1, 33)", "15-42");
    assert_is("bit.rol(1, 31) == bit.ror(1, 1)", "true");
    assert_is("bit.tohex(-2, 4) .. bit.tohex(255, -2)", "fffeFF");
    assert_is("bit.tohex(255, -2^31)", "000000FF");
    assert_is("bit.tohex(bit.bswap(1))", "01000000");
}

/* --- Depth and memory ----------------------------------------------------------------------------
 */

static void test_depth_is_bounded(void **state) {
    assert_fails("cjson.decode(('['):rep(1001))", "too many nested data structures (1001)");
    assert_fails("(function() local t = {} for i = 1, 1000 do t = {t} end "
                 "return cjson.encode(t) end)()",
                 "excessive nesting (1001)");
    eval("cjson.encode_max_depth(2^31 - 1) + cjson.decode_max_depth(2^31 - 1)");
    assert_fails("cjson.decode(('{\"a\":'):rep(100000))", "too many nested data structures");
    assert_fails("(function() local t = {} t[1] = t return cjson.encode(t) end)()",
                 "excessive nesting");
    assert_fails("cmsgpack.unpack(('\\145'):rep(100000))", "stack overflow");
    assert_fails("cmsgpack.unpack(('\\129\\1'):rep(100000))", "stack overflow");
    assert_is("(function() local t = {} t[1] = t return #cmsgpack.pack(t) end)()", "17");
}

/* A result of many times what there is room for: an error, and all is as before. */
static void test_lack_of_memory_is_an_error(void **state) {
    eval("(function() s = ('x'):rep(1000000) t = {} for i = 1, 100 do t[i] = s end end)()");
    lua_gc(L, LUA_GCCOLLECT, 0);
    memory_limit = memory + 30 * 1000 * 1000;
    assert_fails("cjson.encode(t)", "not enough memory");
    assert_fails("cmsgpack.pack(t)", "not enough memory");
    assert_fails("struct.pack(('s'):rep(100), unpack(t))", "not enough memory");
    assert_is("cjson.encode({1})", "[1]");
    lua_gc(L, LUA_GCCOLLECT, 0);
    memory_limit = SIZE_MAX;
    assert_is("#cjson.encode(t)", "100000301");
}

/* --- There and back, at random -------------------------------------------------------------------
 */

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

static void append_text(struct buf *b) {
    buf_append_char(b, '"');
    for (size_t i = below(20); i > 0; i--) buf_appendf(b, "\\%03d", (int)below(256));
    buf_append_char(b, '"');
}

/* A Lua expression whose value JSON and MessagePack can hold. */
static void append_value(struct buf *b, int depth) {
    size_t count = depth < 4 ? below(5) + 1 : 1;
    switch (below(depth < 4 ? 6 : 4)) {
    case 0: buf_appendf(b, "%lld", (long long)below(1u << 31) - (1 << 30)); break;
    case 1: buf_appendf(b, "%.17g", (double)below(1u << 31) / 64); break;
    case 2: buf_append_str(b, below(2) ? "true" : "false"); break;
    case 3: append_text(b); break;
    case 4:
        buf_append_char(b, '{');
        for (size_t i = 0; i < count; i++) {
            append_value(b, depth + 1);
            buf_append_char(b, ',');
        }
        buf_append_char(b, '}');
        break;
    default:
        buf_append_char(b, '{');
        for (size_t i = 0; i < count; i++) {
            buf_appendf(b, "k%d=", (int)below(10));
            append_value(b, depth + 1);
            buf_append_char(b, ',');
        }
        buf_append_char(b, '}');
        break;
    }
}

static const char same[] =
    "function same(a, b)\n"
    "  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end\n"
    "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end\n"
    "  for k in pairs(b) do if a[k] == nil then return false end end\n"
    "  return true\n"
    "end";

static void test_values_come_back(void **state) {
    assert_int_equal(luaL_dostring(L, same), 0);
    for (int round = 0; round < 2000; round++) {
        struct buf value = BUF_INIT, test = BUF_INIT;
        append_value(&value, 0);
        buf_appendf(&test,
                    "(function(v) return same(v, cmsgpack.unpack(cmsgpack.pack(v))) end)(%s)",
                    value.data);
        assert_is(test.data, "true");
        buf_clear(&test);
        /* 14 digits hold 31 bits of which 6 are behind the point. */
        buf_appendf(&test, "(function(v) return same(v, cjson.decode(cjson.encode(v))) end)(%s)",
                    value.data);
        assert_is(test.data, "true");
        buf_release(&value);
        buf_release(&test);
    }
}

static void test_structs_come_back(void **state) {
    for (int round = 0; round < 2000; round++) {
        long long value = (long long)below(1u << 31) - (1 << 30);
        int size = (int)below(5) + 4;
        struct buf test = BUF_INIT;
        buf_appendf(&test,
                    "(select(2, struct.unpack('%c!bi%ds', struct.pack('%c!bi%ds', 7, %lld, 'x'))))",
                    "<>"[round & 1], size, "<>"[round & 1], size, value);
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", value);
        assert_is(test.data, expected);
        buf_release(&test);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json_marked_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_msgpack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_struct, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lack_of_memory_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_structs_come_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
