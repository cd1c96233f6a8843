/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns against Lua's own functions: texts, patterns and replacements at random, results and
 * errors must be the same. The seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/random.h"
#include "script/lua_pattern.h"
#include "script/script_engine.h"

enum { ROUNDS = 30000, TEXT_MAX = 10, ITEMS_MAX = 7 };

static lua_State *ours, *lua;
static struct script_engine scripts; /* what script_steps counts in */

static void *allocate(void *ctx, void *ptr, size_t before, size_t size) {
    if (size) return realloc(ptr, size);
    free(ptr);
    return NULL;
}

/* all(text, pattern, init, replacement) is what all functions say, as one text. */
static const char driver[] =
    "local function show(...)\n"
    "  local t = {}\n"
    "  for i = 1, select('#', ...) do t[i] = tostring((select(i, ...))) end\n"
    "  return table.concat(t, '|')\n"
    "end\n"
    "local function try(f, ...) return show(pcall(f, ...)) end\n"
    "local function each(s, p)\n"
    "  local t = {}\n"
    "  for a, b in string.gmatch(s, p) do t[#t + 1] = show(a, b) end\n"
    "  return table.concat(t, ',')\n"
    "end\n"
    "function all(s, p, init, by)\n"
    "  local t = {a = 'X', b = false, aa = 7, [1] = 'one'}\n"
    "  return table.concat({\n"
    "    try(string.find, s, p, init), try(string.find, s, p, init, true),\n"
    "    try(string.match, s, p, init), try(each, s, p), try(string.gsub, s, p, by),\n"
    "    try(string.gsub, s, p, t), try(string.gsub, s, p, show, 2),\n"
    "    try(string.gsub, s, p, function() return {} end)}, '\\n')\n"
    "end\n";

static int set_up(void **state) {
    lua = luaL_newstate();
    ours = lua_newstate(allocate, &scripts);
    luaL_openlibs(lua);
    luaL_openlibs(ours);
    lua_pattern_open(ours);
    assert_int_equal(luaL_dostring(lua, driver), 0);
    assert_int_equal(luaL_dostring(ours, driver), 0);
    return 0;
}

static int tear_down(void **state) {
    lua_close(lua);
    lua_close(ours);
    return 0;
}

static const char *all(lua_State *L, struct slice text, const char *pattern, int init,
                       const char *by) {
    lua_settop(L, 0);
    lua_getglobal(L, "all");
    lua_pushlstring(L, text.ptr, text.len);
    lua_pushstring(L, pattern);
    lua_pushinteger(L, init);
    lua_pushstring(L, by);
    assert_int_equal(lua_pcall(L, 4, 1, 0), 0);
    return lua_tostring(L, -1);
}

static void expect_same(struct slice text, const char *pattern, int init, const char *by) {
    const char *want = all(lua, text, pattern, init, by), *got = all(ours, text, pattern, init, by);
    if (strcmp(want, got))
        fail_msg("'%.*s' '%s' %d '%s'\n--- Lua:\n%s\n--- ours:\n%s", (int)text.len, text.ptr,
                 pattern, init, by, want, got);
}

static void random_words(struct random *rng, const char *const *words, size_t count, int most,
                         char *to) {
    *to = '\0';
    for (uint64_t left = random_below(rng, (uint64_t)most + 1); left; left--)
        strcat(to, words[random_below(rng, count)]);
}

static void test_random(void **state) {
    static const char *const items[] = {
        "a",    "b",  "ab",    ".",     "%a",   "%d",   "%s",  "%W",   "%z",   "[ab]",
        "[^a]", "[]", "[]a]",  "[a-b]", "[%a]", "[%-a", "(",   ")",    "()",   "(a",
        "*",    "+",  "-",     "?",     "*",    "-",    "$",   "^",    "%1",   "%2",
        "%b()", "%b", "%f[a]", "%f",    "%",    "%%",   "[^]", "[a-]", "(.-)", "%f[%z]",
    };
    static const char *const replacements[] = {"%0", "%1", "%2", "%", "x", "%%", "%a"};
    static const char letters[] = "aab1 ()%-\0";
    struct random rng;
    random_seed_fixed(&rng, 20261121);
    for (int round = 0; round < ROUNDS; round++) {
        char text[TEXT_MAX], pattern[ITEMS_MAX * 8], by[64];
        size_t len = random_below(&rng, sizeof text + 1);
        for (size_t i = 0; i < len; i++) text[i] = letters[random_below(&rng, sizeof letters)];
        random_words(&rng, items, sizeof items / sizeof *items, ITEMS_MAX, pattern);
        random_words(&rng, replacements, sizeof replacements / sizeof *replacements, 4, by);
        expect_same(slice_of(text, len), pattern, (int)random_below(&rng, 16) - 6, by);
    }
}

/* What a draw seldom makes. */
static void test_known(void **state) {
    static const struct {
        const char *text, *pattern;
    } known[] = {
        {"key = value", "^(%w+)%s*=%s*(%w+)$"},
        {"a.b.c", "[^.]+"},
        {"((a)(b))c", "%b()"},
        {"THE (quick) fox", "%f[%a]%a+%f[%A]"},
        {"abcabc", "(abc)%1"},
        {"x^y", "x^y"},
        {"2026-11-21", "(%d+)-(%d+)-(%d+)"},
        {"", ""},
        {"abc", "()"},
        {"aaa", "a-$"},
        {"a$b", "a$b"},
        {"\xff\x80", "[\x80-\xff]"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int init = -3; init < 5; init++)
            expect_same(slice_str(known[i].text), known[i].pattern, init, "<%0>");
    char many[2 * (LUA_MAXCAPTURES + 1) + 1] = "";
    for (int i = 0; i <= LUA_MAXCAPTURES; i++) strcat(many, "()");
    expect_same(SLICE("a"), many, 1, "x");
    expect_same(SLICE("a"), many + 2, 1, "x");
}

static void test_depth(void **state) {
    char *pattern = calloc(1, 2 * LUA_PATTERN_DEPTH + 3);
    for (int i = 0; i < LUA_PATTERN_DEPTH + 1; i++) memcpy(pattern + 2 * i, "a-", 2);
    assert_non_null(strstr(all(ours, SLICE("a"), pattern, 1, ""), "pattern too complex"));
    pattern[2 * LUA_PATTERN_DEPTH - 2] = '\0';
    expect_same(SLICE("a"), pattern, 1, "");
    free(pattern);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("lua patterns", tests, NULL, NULL);
}
