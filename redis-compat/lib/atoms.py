# SPDX-License-Identifier: BSD-3-Clause
"""What the grammar's <names> stand for: each a function of the random source giving words.

Keys are few, so that commands meet; databases too. Deadlines are far or past, never near, so that
both servers agree on what's alive. Sizes stay below the proto-max-bulk-len that the servers run
with (1 MB), or lie far above it.
"""

import hashlib

INT64_EDGES = [2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, 2**63, -(2**63) - 1, 2**62, -(2**62)]
EDGES = INT64_EDGES + [2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 255, 256, -1, 0, 1, 2**64]
ODD = [b"", b"abc", b"1.5", b" 1", b"1 ", b"01", b"+1", b"-0", b"0x10", b"1e2", b"nan", b"inf",
       b"-inf", b"1e400", b"\x00", b"-1", b"0", b"NX", b"GET", b"EXAT", b"BIT", b"#1", b"u8"]
FAR_SECONDS = [4102444800, 4102444900, 4102531200, 253402300799, 9223372036854775]


def _number(value):
    return b"%d" % value


def key(rng):
    return b"k%d" % rng.randrange(9) if rng.random() < 0.9 else rng.choice([b"", b"\x00\xff"])


def hll_key(rng):
    """Keys that only commands for HyperLogLogs and whole keys touch, so that none is damaged."""
    return b"h%d" % rng.randrange(4)


def word(rng):
    return rng.choice([b"name", b"a b", b"", b"\xff", b"x" * 130, b"line\r\nend", b"ping|x"])


def value(rng):
    choice = rng.randrange(11)
    if choice < 3:
        return integer(rng)
    if choice == 3:
        return float_(rng)
    if choice == 4:
        return rng.choice(ODD)
    if choice == 5:
        return rng.choice([b"x", b"y", b"\xff", b"\x00"]) * rng.choice([43, 44, 45, 64, 100])
    if choice == 6:
        return b"z" * rng.choice([0, 1, 7, 8, 300, 1023, 4096, 40000])
    if choice == 7:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 24)))
    return b"".join(rng.choice([b"ab", b"c", b"dd", b"foo"]) for _ in range(rng.randrange(1, 9)))


def integer(rng):
    return _number(rng.choice(EDGES) if rng.random() < 0.3 else rng.randrange(-200, 200))


def float_(rng):
    return rng.choice([b"0.1", b"-0.5", b"1.25", b"3", b"1e3", b"5.0e-3", b"100.000", b"-1e17",
                       b"0.00000000001", b"1e20", b"-0", b".5", b"12345678.125"])


def odd(rng):
    return _number(rng.choice(EDGES)) if rng.random() < 0.4 else rng.choice(ODD)


def bad_ttl(rng):
    return rng.choice([b"0", b"-1", b"abc", b"1.5", b"", b"01", b"9223372036854775807",
                       b"9223372036854775808", b"-9223372036854775808", b"NX"])


def small(rng):
    return _number(rng.choice([1, 1, 2, 3, 5, 10, 100]))


def index(rng):
    return _number(rng.choice(INT64_EDGES[:4]) if rng.random() < 0.06 else rng.randrange(-70, 70))


def offset(rng):
    if rng.random() < 0.08:
        return _number(rng.choice([1048575, 1048576, 536870911, 536870912, -1] + EDGES[:6]))
    return _number(rng.choice([0, 1, 5, 43, 44, 45, rng.randrange(200)]))


def bit_offset(rng):
    if rng.random() < 0.05:
        return _number(rng.choice([8388607, 8388608, 4294967295, 4294967296, -1] + EDGES[:6]))
    return _number(rng.randrange(400))


def bit(rng):
    return rng.choice([b"0", b"1"] * 10 + [b"2", b"-1"])


def field(rng):
    if rng.random() < 0.04:
        return rng.choice([b"u64", b"i65", b"u0", b"x8", b"", b"i"])
    sign = rng.choice("ui")
    widths = [1, 2, 5, 8, 16, 31, 32, 63] + [64] * (sign == "i")
    return b"%s%d" % (sign.encode(), rng.choice(widths))


def field_offset(rng):
    if rng.random() < 0.04:
        return rng.choice([b"-1", b"#", b"#-1", b"4294967296", b"#9223372036854775807", b"abc"])
    return rng.choice([b"%d", b"%d", b"#%d"]) % rng.randrange(0, 130)


def field_value(rng):
    """None so far below zero that Redis's saturating SET overflows (DIFFERENCES.md)."""
    return _number(max(int(integer(rng)), -(2**62)))


def at(rng):
    if rng.random() < 0.5:
        return _number(4102444800 + rng.randrange(1000))
    return _number(rng.choice(FAR_SECONDS + [1, 0, -1] + EDGES[:6]))


def at_ms(rng):
    if rng.random() < 0.5:
        return _number(4102444800000 + rng.randrange(1000))
    return _number(rng.choice([second * 1000 for second in FAR_SECONDS[:4]] + [1, 0, -5]
                              + EDGES[:6]))


def db(rng):
    return rng.choice([b"0"] * 6 + [b"1", b"1", b"2", b"3"] * 2 + [b"16", b"-1", b"abc"])


def pattern(rng):
    return rng.choice([b"*", b"k*", b"k?", b"k[0-3]", b"k[^0-3]", b"[ks]1", b"*[", b"\\k1",
                       b"none*", b"", b"?", b"**1", b"k[3-0]"])


def element(rng):
    return b"e%d" % rng.randrange(3000)


def elements(rng):
    first, count = rng.randrange(3000), rng.choice([20, 100, 400, 1500])
    return [b"e%d" % number for number in range(first, first + count)]


def integers(rng):
    """Runs of integers, of one width or another."""
    first, count = rng.choice([0, 0, 32760, -40000, 2**31 - 8]), rng.choice([3, 10, 30])
    return [_number(first + number) for number in range(count)]


def member(rng):
    """Few enough to meet again, of every kind that sets tell apart."""
    choice = rng.randrange(20)
    if choice < 9:
        return _number(rng.randrange(-3, 25))
    if choice < 14:
        return b"m%d" % rng.randrange(40)
    if choice < 16:
        return b"e%d" % rng.randrange(60)
    if choice == 16:
        return _number(rng.choice(EDGES))
    if choice == 17:
        return b"l" * rng.choice([63, 64, 65, 254, 255, 256, 5000])
    return rng.choice(ODD)


def score(rng):
    """Few of them, so that many members have the same."""
    choice = rng.randrange(20)
    if choice < 12:
        return _number(rng.randrange(-3, 12))
    if choice < 15:
        return float_(rng)
    if choice == 15:
        return rng.choice(ODD)
    if choice == 16:
        return _number(rng.choice(EDGES))
    return rng.choice([b"inf", b"-inf", b"+inf", b"0", b"-0", b"1e300", b"3.0", b"0.30000000000000004"])


def pairs(rng):
    """Scores and members, a run of each."""
    first, count = rng.randrange(300), rng.choice([5, 20, 100, 300])
    step, start = rng.choice([0, 1, -1, 0.5]), rng.randrange(-20, 20)
    return [word for number in range(count)
            for word in (b"%g" % (start + step * number), b"e%d" % (first + number))]


def score_bound(rng):
    if rng.random() < 0.2:
        return rng.choice([b"-inf", b"+inf", b"inf", b"(inf", b"(-inf"])
    if rng.random() < 0.05:
        return rng.choice([b"", b"(", b"((1", b" 1", b"1 ", b"( 1", b"1e999", b"nan", b"(nan", b"0x10"])
    return rng.choice([b"", b"", b"("]) + score(rng)


def lex_bound(rng):
    if rng.random() < 0.3:
        return rng.choice([b"-", b"+"])
    if rng.random() < 0.05:
        return rng.choice([b"", b"a", b"--", b"++", b"(", b"[", b"+x", b"12"])
    return rng.choice([b"[", b"("]) + rng.choice([member, element, value])(rng)



def stream_id(rng):
    """Few enough to be in a stream, or between what is."""
    if rng.random() < 0.04:
        return rng.choice([b"0", b"0-0", b"18446744073709551615-18446744073709551615", b"-", b"abc",
                           b"", b"5-", b"-5", b"5-x", b"007-+1"])
    ms = rng.randrange(1, 60)
    return rng.choice([b"%d" % ms, b"%d-%d" % (ms, rng.randrange(0, 4)), b"%d-0" % ms, b"%d-1" % ms])


def new_id(rng):
    """Mostly such that go up."""
    if rng.random() < 0.6:
        return b"%d-*" % rng.choice([1, 2, 5, 10, 20, 30, 40, 50, 55, 59])
    return stream_id(rng)


def range_id(rng):
    if rng.random() < 0.2:
        return rng.choice([b"-", b"+"])
    return rng.choice([b"", b"", b"", b"("]) + stream_id(rng)


def stream_field(rng):
    return rng.choice([b"a", b"b", b"1", b"f" * 70, b""])


def group(rng):
    return rng.choice([b"g", b"g", b"h"])


def consumer(rng):
    return rng.choice([b"c", b"d", b"b"])


def place(rng):
    """Longitude and latitude, many of them close together."""
    choice = rng.randrange(20)
    if choice < 14:
        return [b"%.6f" % (13 + 4 * rng.random()), b"%.6f" % (37 + 2 * rng.random())]
    if choice < 18:
        return [b"%.6f" % (360 * rng.random() - 180), b"%.6f" % (170.1 * rng.random() - 85.05)]
    if choice == 18:  # one coordinate at an edge; not both: equally far ones come in any order
        if rng.random() < 0.5:
            return [rng.choice([b"180", b"-180", b"0"]), b"%.6f" % (160 * rng.random() - 80)]
        return [b"%.6f" % (360 * rng.random() - 180),
                rng.choice([b"85.05112878", b"-85.05112878", b"0", b"-0.00001"])]
    return [rng.choice(ODD), rng.choice([b"86", b"abc"])]


def distance(rng):
    return rng.choice([b"0", b"1", b"50", b"100.5", b"300", b"1000", b"20000", b"1e5", b"-1", b"x"])


def unit(rng):
    return rng.choice([b"km"] * 6 + [b"m", b"ft", b"mi", b"KM", b"zz"])


RULES = """on off nopass reset resetpass ~* ~k* ~k1 %R~k* %W~k2 %RW~k[3-5] allkeys resetkeys &* &c*
allchannels resetchannels +@all -@all +@read -@read +@write -@write +@string -@list +@hash -@set
+@sortedset +@keyspace -@dangerous +@fast -@slow +get -get +set -set +mget +del -copy +acl|cat
-acl +config|get -config +select|1 +object +object|encoding -object|encoding +eval (+get~k1)
clearselectors +nosuch -@nosuch ~ % (""".split()


def user(rng):
    return rng.choice([b"u", b"u", b"u", b"v", b"none"])


def rule(rng):
    if rng.random() < 0.1:
        return rng.choice([b"(+get ~k1)", b"(%R~k* +@read)", b"(+@all ~k2 -del)", b"(+set", b"()"])
    return rng.choice(RULES).encode()


SCRIPTS = [
    b"return 1", b"return {1, {2, 'x'}, false, {ok = 'fine'}}", b"return {err = 'E x'}",
    b"return redis.call('GET', KEYS[1])", b"return redis.call('SET', KEYS[1], ARGV[1])",
    b"return {#KEYS, KEYS[1], ARGV[1], 3.99, -0.5, true}", b"return redis.error_reply('ERR no')",
    b"redis.setresp(3) return redis.call('HMGET', KEYS[1], 'a', 'm1')",
    b"redis.call('SET', KEYS[1], ARGV[1]) return redis.call('DEL', KEYS[1])",
    b"for i = 1, 100 do redis.call('RPUSH', KEYS[1], i) end return redis.call('LLEN', KEYS[1])",
    b"return redis.call('TYPE', KEYS[1])", b"return redis.sha1hex(ARGV[1])",
    b"return redis.pcall('INCRBY', KEYS[1], ARGV[1])", b"return tonumber(ARGV[1])",
    b"redis.call('SET', KEYS[1], 'v') redis.call('NOSUCH')", b"return cjson.encode(ARGV)",
    b"return cjson.encode(cjson.decode('[1,2.5,{\"a\":null}]'))", b"return nosuch", b"return {",
    b"#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'v')", b"#!lua\nreturn ARGV[1]",
    b"#!lua flags=nosuch\nreturn 1", b"return string.rep('x', 10) .. #ARGV[1]",
    b"redis.call('SELECT', 1) return redis.call('SET', KEYS[1], 'there')",
]
CALLERS = [b"return redis.call(unpack(ARGV))", b"return redis.pcall(unpack(ARGV))",
           b"redis.setresp(3) return redis.pcall(unpack(ARGV))",
           b"local r = redis.pcall(unpack(ARGV)) return type(r) == 'table' and r.err or type(r)"]
LIBRARIES = [
    b"#!lua name=lib\nredis.register_function('f', function(k, a) return a end)",
    b"#!lua name=lib\nredis.register_function{function_name='f', flags={'no-writes'}, "
    b"callback=function(k, a) return redis.call('GET', k[1]) end}",
    b"#!lua name=other\nredis.register_function('g', function(k, a) "
    b"return redis.call('SET', k[1], a[1]) end)",
    b"#!lua name=other\nredis.register_function('f', function(k, a) return 1 end)",
    b"#!lua name=bad\nerror('x')", b"#!lua\nreturn 1", b"#!lua name=empty\n", b"return 1",
]


def script(rng):
    return rng.choice(SCRIPTS)


def caller(rng):
    return rng.choice(CALLERS)


def library(rng):
    return rng.choice(LIBRARIES)


def digest(rng):
    return hashlib.sha1(rng.choice(SCRIPTS)).hexdigest().encode()


ATOMS = {"key": key, "hll_key": hll_key, "word": word, "value": value, "integer": integer,
         "float": float_, "odd": odd, "bad_ttl": bad_ttl, "small": small, "index": index,
         "offset": offset, "bit_offset": bit_offset, "bit": bit, "field": field,
         "field_offset": field_offset, "field_value": field_value, "at": at, "at_ms": at_ms,
         "db": db, "pattern": pattern, "element": element, "elements": elements,
         "integers": integers, "member": member, "score": score, "pairs": pairs,
         "score_bound": score_bound, "lex_bound": lex_bound,
         "place": place, "distance": distance, "unit": unit, "stream_id": stream_id, "new_id": new_id,
         "range_id": range_id, "user": user, "rule": rule, "script": script, "caller": caller,
         "library": library, "digest": digest, "stream_field": stream_field, "group": group, "consumer": consumer}
