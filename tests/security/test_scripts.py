#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Scripts: what they can reach, leave behind, and make of the interpreter and its libraries."""
from attack import Case, MB, MOST, main, plain

TOO_MANY = "-ERR user_script:1: too many results to unpack"


class Sandbox(Case):
    def test_cve_2022_0543_nothing_leads_out(self):
        """A Debian package once left `package` in reach, and with it any C library."""
        for name in ("package", "require", "module", "io", "dofile", "loadfile", "debug", "newproxy", "getfenv",
                     "setfenv", "loadlib", "print", "os.execute", "os.remove", "os.getenv", "os.exit",
                     "os.tmpname",
                     "string.dump and loadstring(string.dump(function() end))", "rawget(_G, 'package')"):
            wanted = "-ERR" if "." not in name and "(" not in name else None
            self.scripts((wanted, "return type(%s) ~= 'nil' and '%s' or nil" % (name, name[:9])))

    def test_cve_2022_24735_what_one_leaves_to_others(self):
        """Whatever a script changes, a later one, of another user, must not run it."""
        traps = """
            local function trap() redis.call('SET', 'trapped', 'yes') return 'trapped' end
            local function try(f) pcall(f) end
            try(function() redis.call = trap end)
            try(function() redis.sha1hex = trap end)
            try(function() rawset(redis, 'sha1hex', trap) end)
            try(function() rawset(_G, 'tostring', trap) end)
            try(function() _G.tostring = trap end)
            try(function() tostring = trap end)
            try(function() string.format = trap end)
            try(function() table.insert(table, 1, trap) end)
            try(function() setmetatable(_G, {__index = trap}) end)
            try(function() setmetatable(redis, {__index = trap}) end)
            try(function() getmetatable(_G).__index = trap end)
            try(function() getmetatable(redis).__index = trap end)
            try(function() getmetatable(redis).__metatable = nil end)
            try(function() rawset(getmetatable(redis) or {}, '__index', trap) end)
            try(function() cjson.encode = trap end)
            try(function() table.sort(math, trap) end)
            try(function() next = trap end)
            try(function() KEYS.trap = trap end)
            try(function() math.random = trap end)
            try(function() setmetatable(string, {__call = trap}) end)
            try(function() for k in pairs(_G) do _G[k] = trap end end)
            try(function() table.remove(redis) end)
            try(function() load(function() return nil end, 'x') end)
        """
        self.ask("EVAL", traps, 0)
        self.ask("EVAL", "for i = 1, 10 do setmetatable({}, {__gc = function() redis.call('SET', 'trapped', 1) end}) end "
                         "collectgarbage()", 0)
        self.scripts(("5", "return tostring(5)"), ("x5", "return string.format('x%d', 5)"),
                     ('{"a":1}', "return cjson.encode({a=1})"),
                     ("-ERR", "return KEYS.trap()"),
                     ("356a192b7913b04c54574d18c28d46e6395428ab", "return redis.sha1hex(1)"),
                     ("-ERR", "return nothing_there"))
        self.table((0, "EXISTS", "trapped"))

    def test_cve_2025_46818_metatables_of_basic_types(self):
        for value in ("''", "1", "true", "nil", "print", "(function() end)", "coroutine.create(function() end)",
                      "redis.call"):
            self.scripts((..., "local m = getmetatable(%s) m.__index = function() return 'trap' end" % value),
                         (..., "getmetatable(%s).__add = function() return 'trap' end" % value),
                         (..., "rawset(getmetatable(%s), '__call', function() return 'trap' end)" % value),
                         (..., "setmetatable(%s, {__index = function() return 'trap' end})" % value),
                         (..., "getmetatable(%s).__metatable = nil" % value),
                         (..., "for k, v in pairs(getmetatable(%s)) do v.upper = 1 end" % value))
        self.scripts(("A", "return ('a'):upper()"), ("-ERR", "return ('a')()"), ("-ERR", "return ('a').b.c"),
                     ("-ERR", "return 1 + nil"),
                     ("-ERR", "return ('a') + {}"), (None, "return ('a').trap"), (1, "return #('a')"))

    def test_cve_2022_24736_odd_scripts(self):
        """Errors of every kind, where an interpreter's owner may not look for them."""
        rows = ["error(nil)", "error({})", "error({err=1})", "error({err={}})",
                "error(setmetatable({}, {__tostring=error}))",
                "error(setmetatable({}, {__index=error}))", "return {err={}}", "return {err=1}",
                "return {ok={}}", "return {err=function() end}",
                "return setmetatable({}, {__index=error})", "return {double={}}", "return {map=1}",
                "return {set={[{}]=1}}",
                "redis.call()", "redis.call({})", "redis.call(nil)", "redis.call('GET', {})",
                "redis.call('GET', nil)", "redis.pcall(print)",
                "redis.call(setmetatable({}, {__tostring=error}))", "redis.error_reply()",
                "redis.error_reply(1, 2)", "redis.error_reply({})",
                "return redis.status_reply({})", "redis.log()", "redis.log(1)", "redis.log({}, {})",
                "redis.log(100, 'x')", "redis.setresp(4)",
                "redis.setresp({})", "redis.set_repl(99)", "redis.sha1hex()", "redis.sha1hex({})",
                "redis.breakpoint(1)", "redis.debug({})",
                "redis.acl_check_cmd()", "redis.acl_check_cmd({})", "redis.acl_check_cmd('nosuch')",
                "redis.register_function('x', print)",
                "return loadstring(nil)", "return load(1)", "load(function() error(nil) end)()",
                "xpcall(error, error)", "xpcall(nil, nil)",
                "return pcall(pcall, pcall)", "coroutine.wrap(function() error({}) end)()",
                "coroutine.resume(coroutine.running())",
                "coroutine.yield(1)",
                "local c c = coroutine.create(function() coroutine.resume(c) end) coroutine.resume(c)",
                "return tostring(setmetatable({}, {__tostring=function() return nil end}))",
                "return string.rep('x', -1)",
                "local t = {} t.x = t return cjson.encode(t)", "local t = {} t[1] = t return cmsgpack.pack(t)",
                "return unpack(setmetatable({}, {__index=error}), 1, 10)", "return table.concat({{}})",
                "return table.concat({}, {}, 1, 2)",
                "table.sort({3, 1, 2}, function() return true end)", "table.sort({1, {}, 'x'})",
                "table.sort({1,2,3,4}, error)",
                "return ('x'):gsub('.', error)", "return ('x'):gsub('.', '%9')", "return ('x'):find('%f')",
                "return ('x'):find('[a-')",
                "return ('x'):format('%')", "return ('%d'):format('x')", "return ('%99999d'):format(1)",
                "return ('%s'):format({})",
                "return string.format('%.99f', 1e308)", "return tonumber('z', 36)", "return tonumber('1', 99)",
                "return select(-5, 1)",
                "return select(1e308, 1)", "return math.random(0)", "return math.random(-1, -5)",
                "math.randomseed({})", "return string.char(256)",
                "return string.char(-1)", "return ('x'):byte(-1e308, 1e308)", "return ('x'):sub(-2^63, 2^63)",
                "for i = 1, 0/0 do end",
                "for i = 0/0, 1 do end", "return {1, nil, 3}", "return {[1e308]=1}", "return 0/0",
                "return 1e308", "return -2^63", "return 2^63"]
        for script in rows:
            self.scripts((..., script))
            self.ask("EVAL", "return pcall(function() %s end)" % script, 0)
        self.scripts((1, "return 1"))

    def test_cve_2025_67733_replies_stay_in_one_line(self):
        """An error or a status whose text has line ends mustn't read as several replies."""
        client = self.connect()
        for text in (r"x\r\n+injected", r"\r\n$5\r\nhello", r"a\0b\r\nc", r"\n\n", r"x\0\r\n:1"):
            for script in ("return redis.error_reply('%s')", "return redis.status_reply('%s')",
                           "return {err='%s'}", "return {ok='%s'}",
                           "error('%s')", "error({err='%s'})", "return redis.call('%s')",
                           "redis.call('EVAL', 'x', 0, '%s')"):
                reply = plain(client.command("EVAL", script % text, "0"))
                self.assertIsInstance(reply, str)
                self.assertNotRegex(reply, "[\r\n]")
        self.assertEqual(plain(client.command("ECHO", "in step")), "in step")
        client.close()


class Interpreter(Case):
    def test_cve_2025_49844_collecting_while_compiling(self):
        """Lua 5.1's parser doesn't hold on to a chunk's name: a collection amid parsing frees it."""
        self.scripts((100, """
            local n = 0
            for i = 1, 100 do
                local parts, at = {}, 0
                local chunk = load(function()
                    at = at + 1
                    collectgarbage() collectgarbage('step', 1000)
                    local junk = {} for j = 1, 50 do junk[j] = ('x'):rep(100 + j) end
                    return at < 20 and ("local v%d = '%s' "):format(at, ('y'):rep(at * 10)) or at == 20 and 'return v3' or nil
                end, ('name%d'):rep(i))
                if chunk and chunk() == ('y'):rep(30) then n = n + 1 end
                loadstring(('local a%d = 1 '):rep(3000), ('other'):rep(i))
            end
            return n"""))
        self.scripts((..., "collectgarbage('setpause', 0) collectgarbage('setstepmul', 1e9) return collectgarbage('count') > 0"),
                     (..., "return loadstring(('x = '):rep(100000) .. '1')"),
                     (..., "return loadstring('return ' .. ('('):rep(100000) .. ('}'):rep(1000))"))

    def test_cve_2024_46981_collecting(self):
        """Nothing of a script runs when something is collected, and what is in use stays."""
        self.scripts((0, """
            local ran = 0
            for i = 1, 200 do
                local t = setmetatable({}, {__gc = function() ran = ran + 1 end, __mode = 'kv'})
                t[{}] = {} t[1] = ('x'):rep(1000)
                local c = coroutine.create(function() coroutine.yield(setmetatable({}, {__gc = error})) end)
                coroutine.resume(c) c = nil
                if i % 20 == 0 then collectgarbage() end
            end
            return ran"""))
        self.scripts(("-ERR", "return newproxy(true)"), ("-ERR", "getmetatable(newproxy(true)).__gc = error"))

    def test_cve_2025_46817_ranges_of_unpack(self):
        for first, last in (("0", "2147483647"), ("-2147483648", "2147483647"), ("-2147483648", "0"),
                            ("1", "8000000"), ("-1e10", "1e10"),
                            ("2147483647", "-2147483648 - 1"), ("0", "1e308"), ("-2^31", "2^31 - 2"),
                            ("1", "2^32 + 1"), ("2^53", "2^63")):
            self.scripts((..., "return select('#', unpack({1}, %s, %s))" % (first, last)),
                         (..., "return {unpack({1}, %s, %s)}" % (first, last)),
                         (..., "return table.concat({1}, '', %s, %s)" % (first, last)))
        self.scripts((3, "return select('#', unpack({1, 2, 3}))"), ("-ERR", "return unpack({}, 1, 1e7)"),
                     ("-ERR", "return unpack({}, 0, 2147483647)"))

    def test_cve_2025_46819_brackets_without_end(self):
        for level in (0, 1, 100, 65536, 300000):
            for text in ("[%s[", "[%s", "return [%s[x]%s", "--[%s[", "--[%s", "[%s[x]%s[", "a = [%s]",
                         "[%s[\n\n\n"):
                self.scripts((..., text.replace("%s", "=" * level)),
                             (..., "return loadstring('%s')" % text.replace("%s", "=" * level).replace("\n", "\\n")))
        self.scripts(("x", "return [%s[x]%s]" % ("=" * 1000, "=" * 1000)))

    def test_cve_2021_32626_the_stack_of_lua(self):
        for script in (b"local t = {} for i = 1, 100000 do t = {t} end return t",
                       b"local t = {} t[1] = t return t"):
            client = self.connect()
            client.send(b"EVAL '" + script + b"' 0\r\nQUIT\r\n")
            self.assertRegex(self.closes(client), rb"\A(\*1\r\n)+-ERR reached lua stack limit\r\n\+OK\r\n\Z")
            client.close()
        self.scripts((..., "local t = {} for i = 1, 1000000 do t[i] = 'x' end return redis.call('SADD', 's', unpack(t))"),
                     (7000, "local t = {} for i = 1, 7000 do t[i] = i end return redis.call('SADD', 'many', unpack(t))"),
                     (7000, "return #redis.call('SMEMBERS', 'many')"),
                     ("-ERR", "local function f() return f() + 1 end return f()"),
                     ("-ERR", "local function f() return (pcall(f)) end return f() and nothing"),
                     (..., "local s = 'x' for i = 1, 190 do s = '(' .. s .. ')' end return loadstring('return ' .. s) ~= nil"),
                     ("-ERR", "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x"),
                     ("-ERR", "local t = setmetatable({}, {}) getmetatable(t).__eq = function(a, b) return a == b end "
                              "return t == setmetatable({}, getmetatable(t)) and error('x') or error('y')"),
                     ("-ERR", "local function c(n) return coroutine.wrap(function() return c(n + 1) end)() end return c(1)"),
                     (..., "return ('x'):rep(200000):find(('x?'):rep(200000))"),
                     (..., "return ('a'):rep(1000):match('(.-)-' .. ('b?'):rep(300))"),
                     ("-ERR", "return ('(').rep('(', 100):find(('()'):rep(100))"),
                     ("-ERR", "return string.gsub('x', 'x', function() return {} end)"))
        self.scripts((..., "return {%s}" % ",".join(["{" * 150 + "1" + "}" * 150] * 10)))

    def test_memory(self):
        """One script can't take all there is."""
        self.set_config("lua-memory-limit", "32mb")
        before = self.memory()
        for script in ("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(10000) .. i end",
                       "local s = 'x' while true do s = s .. s end",
                       "return ('x'):rep(1e9)", "local t = {} while true do t = {t} end",
                       "return ('x'):rep(1e6):gsub('x', ('y'):rep(10000))",
                       "return cjson.encode(('\\1'):rep(1e7))", "return table.concat({}, 'x', 1, 1e9)",
                       "local t = {} for i = 1, 1e5 do t[i] = ('x'):rep(1e4) end return cmsgpack.pack(t)"):
            self.scripts(("-ERR", script))
        self.scripts((1, "return 1"))
        self.ask("SCRIPT", "FLUSH")
        self.assertLess(self.memory(), before + 40 * MB)

    def test_cve_2021_32672_requests_while_debugging(self):
        for sent in (b"*-1\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$4294967297\r\nx", b"*4294967297\r\n$1\r\nx\r\n",
                     b"*1\r\n$5\r\nbreak",
                     b"*\r\n", b"*1\r\n$\r\n", b"*9999999\r\n", b"x" * 100000,
                     b"*2\r\n$1\r\nb\r\n$20\r\n9999999999999999999\r\n" * 3,
                     b"*1\r\n$100\r\n" + b"x" * 50, b"\0" * 2000,
                     b"*3\r\n$5\r\nredis\r\n$3\r\nget\r\n$1\r\nk\r\n*1\r\n$1\r\nc\r\n"):
            client = self.connect(("SCRIPT", "DEBUG", "YES"))
            client.send(b"EVAL 'local x = 1 x = x + 1 return x' 0\r\n" + sent)
            self.ask("PING")
            client.close()
            self.await_true("the session ends", lambda: self.info("connected_clients") == 1)


class Libraries(Case):
    def test_cve_2024_31449_digits_of_bit_tohex(self):
        for digits in ("-2147483648", "2147483647", "-2147483649", "2^31", "-2^53", "1e308", "0/0", "-9", "9",
                       "-1e9", "4294967288"):
            self.scripts((..., "return bit.tohex(-1, %s)" % digits),
                         (1, "return #bit.tohex(65535, %s) <= 8 and 1 or 0" % digits))
        for name in ("lshift", "rshift", "arshift", "rol", "ror"):
            for by in ("32", "-1", "1e308", "2^31", "-2^31", "64"):
                self.scripts((..., "return bit.%s(1, %s)" % (name, by)))

    def test_cve_2022_24834_texts_that_grow(self):
        """cjson writes six bytes for a control character; sizes were kept in 32 bits."""
        self.set_config("lua-memory-limit", "64mb")
        self.scripts((6 * MB + 2, "return #cjson.encode(('\\1'):rep(%d))" % MB),
                     ("-ERR", "return cjson.encode(('\\1'):rep(%d))" % (16 * MB)),
                     ("-ERR", "local s = ('x'):rep(%d) return cmsgpack.pack(s, s, s, s, s, s, s)" % (10 * MB)),
                     ("-ERR", "local t = {} for i = 1, 10 do t[i] = ('\\1'):rep(%d) end return cjson.encode(t)" % (2 * MB)))

    def test_cjson_and_cmsgpack_depth(self):
        self.scripts(("-ERR", "return cjson.decode(('['):rep(100000) .. (']'):rep(100000))"),
                     ("-ERR", "return cjson.decode(('{\"a\":'):rep(100000))"),
                     (..., "cjson.decode_max_depth(2^31 - 1) return cjson.decode(('['):rep(1000000))"),
                     ("-ERR", "return cmsgpack.unpack(('\\145'):rep(100000))"),
                     ("-ERR", "return cmsgpack.unpack(('\\129\\1'):rep(100000))"),
                     ("-ERR", "local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)"),
                     (..., "local t = {} for i = 1, 100000 do t = {t} end return #cmsgpack.pack(t)"))

    def test_lengths_that_lie(self):
        for data in (r"\219\255\255\255\255", r"\198\255\255\255\255x", r"\221\255\255\255\255",
                     r"\223\255\255\255\255", r"\217\255", r"\196\255x",
                     r"\199\255\1", r"\201\255\255\255\255\1", r"\193", r"\212", r"\207\1", r"\203\1\2"):
            self.scripts(("-ERR", "return cmsgpack.unpack('%s')" % data),
                         (..., "return cmsgpack.unpack_limit('%s', 2147483647, 0)" % data),
                         (..., "return cmsgpack.unpack_one('%s', -1)" % data),
                         (..., "return cmsgpack.unpack_one('%s', 2147483647)" % data))
        for form in ("c2147483647", "c4294967297", "I99", "i0", "!99d", ">I8c0", "c0", "s", "Z", "(((((",
                     "c99999999999", "!1" * 1000, "b" * 100000):
            self.scripts((..., "return struct.unpack('%s', 'abc')" % form),
                         (..., "return struct.size('%s')" % form),
                         (..., "return struct.pack('%s', 'abc')" % form),
                         (..., "return struct.unpack('%s', 'abc', %s)" % (form, "-5")),
                         (..., "return struct.unpack('%s', 'abc', 2147483647)" % form),
                         (..., "return struct.unpack('%s', 'abc', 2^63)" % form))
        for text in ("'[' .. ('1,'):rep(1e6)", "'1' .. ('0'):rep(1e6)", "'\"\\\\u'", "'\"\\\\ud800\"'", "'\\0'",
                     "'[1e999999]'", "'nan'", "'0x'", "'-'", "('['):rep(999)",
                     "'\"' .. ('x'):rep(1e6)"):
            self.scripts((..., "return cjson.decode(%s)" % text))


class Functions(Case):
    def test_payloads_of_restore(self):
        good = self.server.run("FUNCTION", "DUMP").value
        for data in (b"", b"\1" * 10, good[:-1], b"\xf5" + good,
                     good[:-10] + b"\xf5\x81" + b"\xff" * 8 + good[-10:]):
            self.table(("-ERR", "FUNCTION", "RESTORE", data))

    def test_libraries_that_do_not_end_their_loading(self):
        for code in ("while true do end", "local t = {} for i = 1, 1e9 do t[i] = i end",
                     "redis.call('SET', 'k', 'v')", "error({})", "x = 1",
                     "redis.register_function('f', function() end) error('x')",
                     "redis.register_function{function_name={}, callback=1}",
                     "for i = 1, 1e5 do redis.register_function('f' .. i, 1) end"):
            self.table(("-ERR", "FUNCTION", "LOAD", "#!lua name=bad\n" + code), ([], "FUNCTION", "LIST"))
        self.table((0, "EXISTS", "k"))


if __name__ == "__main__":
    main()
