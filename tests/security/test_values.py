#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sizes, counts, offsets and patterns in commands on values."""
from attack import (Case, LEAST, MB, MOST, NOT_INTEGER, OUT_OF_RANGE, SYNTAX, length, main, sealed,
                    text)

COUNT_RANGE = "-ERR value is out of range, value must between"
TOO_LONG = "-ERR string exceeds maximum allowed size"
BIT_OFFSET = "-ERR bit offset is not an integer or out of range"
NO_MEMORY = "-ERR Insufficient memory"
BAD_DATA = "-ERR Bad data format"
STARS = "*?" * 50000  # recursing into each would overflow the stack
SLOW = "*a" * 30 + "b"  # trying every way to match it would take for ever


class Strings(Case):
    def test_cve_2021_29477_lcs_table_of_more_than_2_31_cells(self):
        self.table((65535, "SETRANGE", "a", 65534, "x"),
                   (65535, "SETRANGE", "b", 65534, "x"),
                   (NO_MEMORY, "LCS", "a", "b"),
                   (NO_MEMORY, "LCS", "a", "b", "IDX"),
                   (NO_MEMORY, "LCS", "a", "b", "LEN"))

    def test_cve_2021_32625_lcs_with_a_higher_limit(self):
        """65,539 times 65,539 cells are 2^32 and some: a 32-bit size would be that of a small
        table."""
        self.set_config("proto-max-bulk-len", MOST)
        self.table((65538, "SETRANGE", "a", 65537, "x"),
                   (65538, "SETRANGE", "b", 65537, "x"),
                   (65538, "LCS", "a", "b", "LEN"))

    def test_cve_2021_32761_bit_offsets(self):
        self.table(*[(BIT_OFFSET, *words) for offset in (
            "4294967296", "34359738368", MOST, LEAST, "-1", "18446744073709551616") for words in (
                ("SETBIT", "k", offset, 1), ("GETBIT", "k", offset),
                ("BITFIELD", "k", "SET", "u8", offset, 1),
                ("BITFIELD", "k", "GET", "i64", offset),
                ("BITFIELD_RO", "k", "GET", "u1", offset))])
        self.table(*[(BIT_OFFSET, "BITFIELD", "k", "SET", "i64", "#" + number, 1)
                     for number in ("67108864", "288230376151711744", "1152921504606846976", MOST)])
        self.table(([0], "BITFIELD", "k", "GET", "i64", "4294967295"), (0, "EXISTS", "k"))

    def test_cve_2021_41099_strings_near_the_limit(self):
        self.table((TOO_LONG, "SETRANGE", "k", 512 * MB, "x"),
                   (TOO_LONG, "SETRANGE", "k", "4294967295", "x"),
                   (TOO_LONG, "SETRANGE", "k", MOST, "x"),
                   ("-ERR offset is out of range", "SETRANGE", "k", LEAST, "x"),
                   (0, "SETRANGE", "k", MOST, ""), (0, "EXISTS", "k"))
        self.set_config("proto-max-bulk-len", "1mb")
        self.table((MB, "SETRANGE", "k", MB - 1, "x"), (TOO_LONG, "APPEND", "k", "x"),
                   (TOO_LONG, "SETRANGE", "k", MB - 1, "xy"), (MB, "STRLEN", "k"))

    def test_cve_2022_35977_no_memory_for_a_string(self):
        """Also CVE-2021-3470: sizes close to what 64 bits hold."""
        self.set_config("proto-max-bulk-len", MOST)
        for offset in ("9223372036854775800", "4611686018427387904", "140737488355328"):
            self.table((NO_MEMORY, "SETRANGE", "k", offset, "x"))
        self.table((NO_MEMORY, "SETBIT", "k", MOST, 1),
                   (NO_MEMORY, "BITFIELD", "k", "SET", "u8", "9223372036854775799", 1),
                   (0, "EXISTS", "k"))

    def test_cve_2021_3470_sizes_that_overflow_with_the_allocator_s_own(self):
        self.set_config("proto-max-bulk-len", MOST)
        self.table(*[("-ERR", "SETRANGE", "k", str((1 << 63) - 1 - n), "x") for n in range(40)])

    def test_cve_2023_28425_msetnx_of_one_key_twice(self):
        self.table((1, "MSETNX", "k", 1, "k", 2), ("2", "GET", "k"), (0, "MSETNX", "k", 3, "l", 4),
                   (0, "EXISTS", "l"))


class Collections(Case):
    def test_cve_2021_29478_large_intsets(self):
        """Also CVE-2021-32687: lengths whose bytes 32 bits don't hold."""
        self.set_config("set-max-intset-entries", 1 << 30)
        self.ask("SADD", "s", *range(2000))
        self.table((1, "COPY", "s", "t"), (2000, "SCARD", "t"), (4, "SADD", "t", MOST, LEAST, 1 << 40, -1),
                   (2004, "SCARD", "t"))
        for width, count in ((8, 0x20000000), (4, 0x40000000), (2, 0x80000000), (8, 0xffffffff),
                             (8, 2), (3, 1), (0, 1), (8, 0)):
            blob = width.to_bytes(4, "little") + count.to_bytes(4, "little") + b"\1" * 8
            self.table((BAD_DATA, "RESTORE", "r", 0, sealed(11, text(blob))))

    def test_cve_2021_32687_intset_limits(self):
        self.set_config("set-max-intset-entries", "4294967295")
        self.table((3, "SADD", "s", 1, 70000, MOST), ("intset", "OBJECT", "ENCODING", "s"),
                   (1, "SADD", "s", "x"), (4, "SCARD", "s"))

    def test_cve_2021_32628_packed_values_grow_no_further_than_their_format(self):
        """Also CVE-2021-32627: entries that would bring a packed block past 32 bits."""
        for name in ("hash-max-listpack-value", "zset-max-listpack-value", "set-max-listpack-value",
                     "hash-max-listpack-entries", "zset-max-listpack-entries"):
            self.set_config(name, "4294967295")
        big = b"x" * MB
        for i in range(24):
            field = b"%d" % i
            self.ask("HSET", "h", field, big)
            self.ask("ZADD", "z", i, field + big)
            self.ask("RPUSH", "l", field + big)
        self.table((24, "HLEN", "h"), (MB, "HSTRLEN", "h", 23), (24, "ZCARD", "z"), (24, "LLEN", "l"))
        self.assertEqual(len(self.ask("LINDEX", "l", -1)), MB + 2)

    def test_cve_2021_32627_packed_lengths_that_lie(self):
        packs = [
            b"\xff\xff\xff\xff" + b"\1\0" + b"\1\1\xff",  # longer than what is there
            b"\6\0\0\0" + b"\1\0" + b"\xff",  # one element that isn't there
            b"\x0f\0\0\0" + b"\1\0" + b"\xf0\xff\xff\xff\xff" + b"\5" + b"\xff",  # of 4 GB
            b"\x0c\0\0\0" + b"\1\0" + b"\xf0\0\0\0" + b"\5" + b"\xff",
            b"\7\0\0\0" + b"\0\0" + b"\xff",
            b"", b"\0\0\0\0", b"\6\0\0\0\0\0",
        ]
        ziplists = [
            b"\xff\xff\xff\xff" + b"\x0a\0\0\0" + b"\1\0" + b"\0\xf2\xff",
            b"\x0d\0\0\0" + b"\xff\xff\xff\x7f" + b"\1\0" + b"\0\xf2\xff",
            b"\x11\0\0\0" + b"\x0a\0\0\0" + b"\1\0" + b"\0\x80\xff\xff\xff\xff" + b"\xff",
            b"\x0d\0\0\0" + b"\x0a\0\0\0" + b"\2\0" + b"\xfe\xf2\xff",
            b"", b"\x0b\0\0\0" + b"\x0a\0\0\0" + b"\1\0",
        ]
        rows = [(kind, text(blob)) for kind in (16, 17, 20) for blob in packs]
        rows += [(18, b"\1" + length(2) + text(blob)) for blob in packs]
        rows += [(kind, text(blob)) for kind in (10, 12, 13) for blob in ziplists]
        rows += [(14, b"\1" + text(blob)) for blob in ziplists]
        for kind, body in rows:
            self.table((BAD_DATA, "RESTORE", "r", 0, sealed(kind, body)))
        self.table((0, "DBSIZE"))

    def test_cve_2023_22458_counts_of_random_elements(self):
        """Also CVE-2023-25155."""
        self.ask("SADD", "s", "a")
        self.ask("HSET", "h", "f", "v")
        self.ask("ZADD", "z", 1, "m")
        self.table((COUNT_RANGE, "SRANDMEMBER", "s", LEAST), (["a"], "SRANDMEMBER", "s", MOST),
                   (COUNT_RANGE, "HRANDFIELD", "h", LEAST), (["f"], "HRANDFIELD", "h", MOST),
                   (COUNT_RANGE, "ZRANDMEMBER", "z", LEAST), (["m"], "ZRANDMEMBER", "z", MOST))

    def test_cve_2023_25155_counts_that_overflow_when_doubled(self):
        self.ask("HSET", "h", "f", "v")
        self.ask("ZADD", "z", 1, "m")
        for count in (LEAST, "-4611686018427387904", "-4611686018427387905", "4611686018427387904", MOST):
            self.table((OUT_OF_RANGE, "HRANDFIELD", "h", count, "WITHVALUES"),
                       (OUT_OF_RANGE, "ZRANDMEMBER", "z", count, "WITHSCORES"))
        self.table((OUT_OF_RANGE, "SPOP", "s", LEAST), (OUT_OF_RANGE, "LPOP", "l", LEAST),
                   (OUT_OF_RANGE, "ZPOPMIN", "z", LEAST), (["m", "1"], "ZPOPMIN", "z", MOST))

    def test_cve_2023_28856_fields_that_are_no_numbers(self):
        self.set_config("hash-max-listpack-value", 64)
        self.table((1, "HSET", "h", "f", "1"))
        for by in ("nan", "inf", "-inf", "1e5000", "0x", "", " 1", "1 ", "1\0"):
            self.table(("-ERR", "HINCRBYFLOAT", "h", "f", by), ("1", "HGET", "h", "f"))
        self.ask("HINCRBYFLOAT", "h", "f", "9e3999")  # of 4,000 digits, no packed hash any more
        self.table((1, "HLEN", "h"), (4000, "HSTRLEN", "h", "f"), ("-ERR", "HINCRBY", "h", "f", 1),
                   (..., "HINCRBYFLOAT", "h", "f", 1), (1, "HDEL", "h", "f"))

    def test_cve_2022_35977_limits_of_sort(self):
        """The other half of CVE-2022-35977."""
        self.ask("RPUSH", "l", 3, 1, 2)
        for command in ("SORT", "SORT_RO"):
            self.table((["2", "3"], command, "l", "LIMIT", 1, MOST), ([], command, "l", "LIMIT", MOST, MOST),
                       (["1", "2", "3"], command, "l", "LIMIT", LEAST, MOST),
                       (["1", "2", "3"], command, "l", "LIMIT", 0, LEAST),
                       (["2", "3"], command, "l", "LIMIT", 1, LEAST),
                       (NOT_INTEGER, command, "l", "LIMIT", 0, "9223372036854775808"))

    def test_cve_2025_62507_ids_without_end(self):
        """Redis 8.2 kept a command's ids in an array of fixed size."""
        ids = ["%d-1" % i for i in range(1, 5001)]
        self.ask("XADD", "s", "5000-1", "f", "v")
        self.ask("XGROUP", "CREATE", "s", "g", 0)
        self.ask("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
        self.table((["5000-1"], "XCLAIM", "s", "g", "d", 0, *ids, "JUSTID"), (1, "XACK", "s", "g", *ids),
                   (1, "XDEL", "s", *ids), ("-ERR unknown command", "XACKDEL", "s", "g", "IDS", 1, "1-1"))


class Streams(Case):
    def pending(self, entries):
        """A stream with so many pending entries, all of which but the last are deleted."""
        self.ask("DEL", "s")
        self.ask("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
        for i in range(1, entries + 1):
            self.ask("XADD", "s", "%d-1" % i, "f", "v")
        self.ask("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
        self.ask("XDEL", "s", *["%d-1" % i for i in range(1, entries)])

    def test_cve_2022_31144_xautoclaim_of_deleted_entries(self):
        for count, deleted, after in ((1, 1, "2-1"), (3, 3, "4-1"), (100, 29, "0-0")):
            self.pending(30)
            reply = self.ask("XAUTOCLAIM", "s", "g", "d", 0, 0, "COUNT", count)
            self.assertEqual((reply[0], len(reply[2])), (after, deleted))
            self.table((1, "XLEN", "s"))
            self.assertEqual(self.ask("XPENDING", "s", "g")[0], 30 - deleted)

    def test_cve_2022_35951_xautoclaim_counts(self):
        claim = ["XAUTOCLAIM", "s", "g", "d", 0, 0, "COUNT"]
        self.pending(5)
        for count in (MOST, LEAST, "-1", "0", "1152921504606846976", "576460752303423488"):
            self.table(("-ERR COUNT must be > 0", *claim, count))
        self.table((["0-0", [["5-1", ["f", "v"]]], ["1-1", "2-1", "3-1", "4-1"]], *claim, "4294967296"))

    def test_cve_2022_33105_no_memory_is_lost_by_reading_edges(self):
        for i in range(1, 300):
            self.ask("XADD", "s", "%d-1" % i, "f", "v")
        before = self.memory()
        for _ in range(300):
            self.ask("XINFO", "STREAM", "s")
            self.ask("XTRIM", "s", "MAXLEN", 1000)
            self.ask("XSETID", "s", "1000-1")
            self.ask("XDEL", "s", "1-1", "2-1")
        self.assertLess(self.memory(), before + 64 * 1024)


class Patterns(Case):
    def setUp(self):
        super().setUp()
        self.ask("SET", "a" * 3000, "v")

    def test_cve_2022_36021_patterns_that_match_in_many_ways(self):
        self.ask("SADD", "s", "a" * 3000)
        self.table(([], "KEYS", SLOW), (["0", []], "SCAN", 0, "MATCH", SLOW, "COUNT", 1000),
                   (["0", []], "SSCAN", "s", 0, "MATCH", SLOW))
        subscriber = self.connect(("PSUBSCRIBE", SLOW))
        self.table((0, "PUBLISH", "a" * 3000, "m"), (["a" * 3000], "KEYS", "*a" * 30))
        subscriber.close()

    def test_cve_2024_31228_patterns_of_many_stars(self):
        self.table(([], "KEYS", STARS), (["0", []], "SCAN", 0, "MATCH", STARS, "COUNT", 1000),
                   ([], "FUNCTION", "LIST", "LIBRARYNAME", STARS),
                   ([], "COMMAND", "LIST", "FILTERBY", "PATTERN", STARS), ([], "CONFIG", "GET", STARS))
        subscriber = self.connect(("PSUBSCRIBE", STARS))
        self.table((0, "PUBLISH", "a" * 3000, "m"), ([], "PUBSUB", "CHANNELS", STARS))
        mallory = self.restricted("+get", "~" + STARS, "&" + STARS)
        self.assertEqual(mallory.command("GET", "a" * 3000).kind, "-")
        subscriber.close()
        mallory.close()

    def test_sets_in_patterns_that_do_not_end(self):
        for pattern in ("[" * 50000, "[a" * 20000, "[^" * 20000, "[a-" * 20000, "\\" * 50000, "[\\"):
            self.table(([], "KEYS", pattern))

    def test_sort_patterns(self):
        self.ask("RPUSH", "l", "1")
        for pattern in ("*" * 50000, "*->" * 20000, "->", "*->", "->*", "*" + "x" * 50000 + "->f"):
            self.table((["1"], "SORT", "l", "BY", pattern), ([None], "SORT", "l", "GET", pattern))


class HyperLogLogs(Case):
    def sparse(self, runs, cached=b"\0" * 7 + b"\x80"):
        return b"HYLL" + b"\1\0\0\0" + cached + runs

    def test_cve_2025_32023_runs_of_more_registers_than_there_are(self):
        invalid = "-INVALIDOBJ"
        for runs in (b"\x7f\xff" * 2, b"\x7f\xff\x7f\xff\x83", b"\x7f\xff" * 100000, b"\x7f\xff\x83" * 3,
                     b"\xff" * 70000, b"", b"\x7f", b"\x3f" * 300, b"\x7f\xfe", b"\x80" * 16383,
                     b"\x80" * 16385, b"\x7f\xff" * 131072 + b"\xff"):
            self.ask("DEL", "good", "target")
            self.ask("PFADD", "good", "a")
            self.table(("OK", "SET", "bad", self.sparse(runs)), (invalid, "PFCOUNT", "bad"),
                       (invalid, "PFMERGE", "target", "bad"), (invalid, "PFMERGE", "bad", "good"),
                       (invalid, "PFCOUNT", "bad", "good"), (invalid, "PFDEBUG", "GETREG", "bad"),
                       (..., "PFDEBUG", "DECODE", "bad"), (..., "PFDEBUG", "TODENSE", "bad"),
                       ("OK", "SET", "bad", self.sparse(runs)), (..., "PFADD", "bad", *range(200)))

    def test_headers_that_lie(self):
        for value in (b"HYLL\0\0\0\0" + b"\0" * 8, b"HYLL\2\0\0\0" + b"\0" * 12289, b"HYLL", b"HYLL\1",
                      b"HYLL\0\0\0\0" + b"\0" * 12290, b"HYLL\xff\0\0\0" + b"\0" * 20):
            self.table(("OK", "SET", "bad", value), ("-WRONGTYPE", "PFCOUNT", "bad"),
                       ("-WRONGTYPE", "PFADD", "bad", "x"), ("-WRONGTYPE", "PFMERGE", "t", "bad"))


class Counts(Case):
    """What no CVE was about so far: numbers at the edges, everywhere."""

    def test_counts_of_keys(self):
        for count in (MOST, "4294967297", "2147483648"):
            self.table(("-ERR", "EVAL", "return 1", count, "k"), ("-ERR", "ZUNION", count, "k"),
                       ("-ERR", "SINTERCARD", count, "k"), ("-ERR", "LMPOP", count, "k", "LEFT"),
                       ("-ERR", "BZMPOP", 0, count, "k", "MIN"), ("-ERR", "ZINTERSTORE", "d", count, "k"),
                       ("-ERR", "FCALL", "f", count, "k"))

    def test_counts_of_elements(self):
        self.ask("RPUSH", "l", "a")
        self.ask("ZADD", "z", 1, "a")
        self.ask("XADD", "s", "1-1", "f", "v")
        self.ask("GEOADD", "g", 1, 1, "p")
        self.table(([0], "LPOS", "l", "a", "COUNT", MOST, "MAXLEN", MOST),
                   (COUNT_RANGE, "LPOS", "l", "a", "RANK", LEAST),
                   (["a"], "LRANGE", "l", LEAST, MOST), (None, "LINDEX", "l", LEAST),
                   (OUT_OF_RANGE, "LPOP", "l", "-1"),
                   (["a"], "ZRANGE", "z", "-inf", "+inf", "BYSCORE", "LIMIT", 0, MOST),
                   (["a"], "ZRANGE", "z", LEAST, MOST),
                   ([], "ZRANGE", "z", "-inf", "+inf", "BYSCORE", "LIMIT", MOST, MOST),
                   (["p"], "GEOSEARCH", "g", "FROMLONLAT", 0, 0, "BYRADIUS", "1e300", "km", "COUNT", MOST),
                   ([["s", [["1-1", ["f", "v"]]]]], "XREAD", "COUNT", MOST, "STREAMS", "s", 0),
                   (["l", ["a"]], "LMPOP", 1, "l", "LEFT", "COUNT", MOST))

    def test_times(self):
        self.ask("SET", "k", "v")
        for command in (("EXPIRE", "k", MOST), ("EXPIRE", "k", LEAST), ("PEXPIRE", "k", MOST),
                        ("EXPIREAT", "k", MOST),
                        ("SET", "k", "v", "EX", MOST), ("GETEX", "k", "EX", MOST), ("PSETEX", "k", MOST, "v"),
                        ("BLPOP", "no", "1e300"), ("BLPOP", "no", "nan"), ("BZPOPMIN", "no", "inf"),
                        ("XREAD", "BLOCK", LEAST, "STREAMS", "s", "$"), ("CLIENT", "PAUSE", MOST)):
            self.table(("-ERR", *command))
        self.table((-1, "PTTL", "k"))


if __name__ == "__main__":
    main()
