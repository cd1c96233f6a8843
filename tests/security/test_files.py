#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files and payloads that lie: RESTORE, snapshots, append-only files, and the programs that check
them."""
import os
import random
import struct
import subprocess

from attack import Case, PATIENCE, crc64, harness, length, main, sealed, text

BAD_DATA = "-ERR Bad data format"
STRING, LIST, SET, HASH, ZSET2 = 0, 1, 2, 4, 5
INTSET, ZSET_PACKED, HASH_PACKED, LIST_2, SET_PACKED, STREAM_3 = 11, 17, 16, 18, 20, 21


def packed(*items):
    """A listpack of short strings."""
    body = b"".join(bytes([0x80 | len(item)]) + item + bytes([len(item) + 1]) for item in items)
    return struct.pack("<IH", 6 + len(body) + 1, len(items)) + body + b"\xff"


class Payloads(Case):
    def test_lengths_beyond_the_end(self):
        for kind in (STRING, LIST, SET, HASH, ZSET2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21):
            for size in (1, 63, 64, 16383, 1 << 20, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63,
                         (1 << 64) - 1):
                self.table((BAD_DATA, "RESTORE", "r", 0, sealed(kind, length(size))))
                if size > 1:
                    self.table((BAD_DATA, "RESTORE", "r", 0, sealed(kind, length(size) + b"\1a")))
        self.table((0, "DBSIZE"))

    def test_compressed_texts(self):
        """Their two lengths, and references in them that lead before the beginning."""
        before = self.memory()
        for packed_len, plain_len, data in ((1, 100, b"x"), (5, (1 << 63) - 1, b"\x04hello"),
                                            (5, 1 << 40, b"\x04hello"), (3, 10, b"\xe0\xff\xff"),
                                            (2, 3, b"\x20\xff"),
                                            (1, 0, b"x"), (0, 5, b""), ((1 << 64) - 1, 5, b"\x04hello"),
                                            (6, 4, b"\x04hello!")):
            self.table((BAD_DATA, "RESTORE", "r", 0,
                        sealed(STRING, b"\xc3" + length(packed_len) + length(plain_len) + data)))
        self.assertLess(self.memory(), before + 1024 * 1024)

    def test_values_that_contradict_themselves(self):
        rows = ((ZSET_PACKED, text(packed(b"a", b"nan"))), (ZSET_PACKED, text(packed(b"a", b"1", b"a", b"2"))),
                (ZSET_PACKED, text(packed(b"a"))),
                (ZSET_PACKED, text(packed(b"a", b"x"))), (HASH_PACKED, text(packed(b"a", b"1", b"a", b"2"))),
                (HASH_PACKED, text(packed(b"a"))), (SET_PACKED, text(packed(b"a", b"a"))),
                (HASH_PACKED, text(packed())), (ZSET2,
                                                length(1) + text(b"m") + struct.pack("<d", float("nan"))),
                (ZSET2, length(2) + (text(b"m") + struct.pack("<d", 1)) * 2),
                (SET, length(2) + text(b"m") * 2), (HASH, length(2) + (text(b"f") + text(b"v")) * 2),
                (SET, length(0)), (LIST, length(0)), (LIST_2, length(1) + b"\3" + text(packed(b"a"))),
                (LIST_2, length(1) + b"\2" + text(packed())), (LIST_2, length(1) + b"\2" + text(b"")),
                (INTSET, text(struct.pack("<IIqq", 8, 2, 5, 5))),
                (INTSET, text(struct.pack("<IIqq", 8, 2, 6, 5))),
                (6, b"\0"), (7, b"\0"), (99, b"\0"), (255, b""))
        for kind, body in rows:
            with self.subTest(kind=kind, body=body[:40]):
                self.table((BAD_DATA, "RESTORE", "r", 0, sealed(kind, body)), (0, "EXISTS", "r"))

    def stream(self):
        self.ask("DEL", "s")
        for i in range(1, 6):
            self.ask("XADD", "s", "%d-1" % i, "f", "v%d" % i)
        self.ask("XGROUP", "CREATE", "s", "g", 0)
        for consumer in ("c", "d"):
            self.ask("XREADGROUP", "GROUP", "g", consumer, "COUNT", 2, "STREAMS", "s", ">")
        return self.server.run("DUMP", "s").value

    def test_cve_2026_63639_one_pending_entry_of_two_consumers(self):
        """The second consumer's ids become those of the first."""
        good = self.stream()
        first, second = struct.pack(">QQ", 1, 1), struct.pack(">QQ", 3, 1)
        body = good[1:-10]
        at = body.rindex(second)
        self.assertLess(body.rindex(first), at)
        self.table((BAD_DATA, "RESTORE", "r", 0, sealed(good[0], body[:at] + first + body[at + 16:])),
                   ("OK", "RESTORE", "r", 0, good), (1, "XACK", "r", "g", "3-1"))

    def test_cve_2026_25243_values_with_any_damage(self):
        """Whatever RESTORE takes can be used, and dumped; the rest is refused."""
        chance = random.Random(7)
        self.ask("RPUSH", "l", *["item%d" % i for i in range(20)], *range(20))
        self.ask("HSET", "h", *["f%d" % i for i in range(20)])
        self.ask("ZADD", "z", *[word for i in range(20) for word in (str(i / 3), "m%d" % i)])
        self.ask("SADD", "t", *["m%d" % i for i in range(20)])
        self.ask("SADD", "i", *range(20))
        self.stream()
        uses = {"l": ("LRANGE", "LPOS", "LINSERT"), "h": ("HGETALL", "HRANDFIELD"),
                "z": ("ZRANGE", "ZRANDMEMBER"), "t": ("SMEMBERS",), "i": ("SMEMBERS",), "s": ("XRANGE",)}
        for key in uses:
            good = self.server.run("DUMP", key).value
            for _ in range(150):
                body = bytearray(good[1:-10])
                for _ in range(chance.randrange(1, 4)):
                    body[chance.randrange(len(body))] = chance.choice((0, 1, 0x7f, 0x80, 0xc3, 0xfe, 0xff, chance.randrange(256)))
                if chance.random() < 0.2:
                    del body[chance.randrange(len(body)):]
                reply = self.ask("RESTORE", "r", 0, sealed(good[0], bytes(body)), "REPLACE")
                if reply != "OK":
                    self.like("-ERR", reply)
                    continue
                for words in (("LRANGE", "r", 0, -1), ("LINSERT", "r", "BEFORE", "item3", "x"),
                              ("HGETALL", "r"), ("HSET", "r", "f1", "x"), ("ZRANGE", "r", 0, -1),
                              ("ZADD", "r", 5, "m1"),
                              ("SMEMBERS", "r"), ("SADD", "r", "x"), ("XRANGE", "r", "-", "+"),
                              ("XINFO", "STREAM", "r", "FULL"), ("XAUTOCLAIM", "r", "g", "c", 0, 0),
                              ("XGROUP", "DELCONSUMER", "r", "g", "d"),
                              ("XADD", "r", "*", "f", "v"), ("DUMP", "r"), ("OBJECT", "ENCODING", "r"),
                              ("MEMORY", "USAGE", "r", "SAMPLES", 0)):
                    self.ask(*words)


class Snapshots(Case):
    """Files that a server is started with."""

    def started_with(self, data):
        """The log of a server that has this snapshot; it refuses to start."""
        server = harness.Server.__new__(harness.Server)
        harness.compat.Server.__init__(server, "server", os.environ["DREY_SERVER"], (), start=False)
        try:
            with open(os.path.join(server.directory, "dump.rdb"), "wb") as out:
                out.write(data)
            done = subprocess.run([server.path, "--port", "0", "--unixsocket",
                                   os.path.join(server.directory, "s"), "--dir", server.directory],
                                  capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 1, done.stdout[-2000:])
            self.assertNotIn(b"BUG REPORT", done.stdout)
        finally:
            server.process = subprocess.Popen(["true"])
            server.process.wait()
            server.remove()

    def test_files_that_lie(self):
        def file(body):
            data = b"REDIS0011" + body + b"\xff"
            return data + struct.pack("<Q", crc64(data))

        key = b"\0\1k\1v"
        for body in (b"\xfe" + length(1 << 40) + key, b"\xfe" + length(99999) + key,
                     b"\xfb" + length((1 << 63) - 1) + length((1 << 63) - 1) + b"\0",
                     b"\xfe\0" + b"\0" + length(1 << 62),
                     b"\xfa" + length(1 << 62), b"\xf5" + length(1 << 60) + b"x", b"\xf7\1\2\3\4", b"\xfc\1\2",
                     b"\xfe\0" + key + b"\x63",
                     b"\xfe\0" + b"\x12\1l" + length(1 << 50),
                     b"\xfe\0" + b"\x0b\1i" + text(struct.pack("<II", 8, 0x20000000) + b"x" * 8)):
            self.started_with(file(body))
        self.started_with(b"REDIS9999" + b"\xff" * 9)
        self.started_with(b"REDIS0011\xfe\0" + key)


class Programs(Case):
    def program(self, name, *arguments, stdin=b""):
        path = os.path.join(os.path.dirname(os.environ["DREY_SERVER"]), name)
        return subprocess.run([path, *arguments], input=stdin, capture_output=True, timeout=PATIENCE,
                              check=False)

    def test_cve_2025_27151_long_paths(self):
        """The path of a manifest was copied into a buffer of fixed size."""
        for name in ("drey-check-aof", "drey-check-rdb"):
            for path in ("x" * 5000, "x/" * 3000, "x" * 100000, "/tmp/" + "y" * 255, "", "%s%n" * 100):
                self.assertEqual(self.program(name, path).returncode, 1, (name, path[:20]))
        folder = os.path.join(self.server.directory, *["d" * 200] * 10)
        os.makedirs(folder)
        manifest = os.path.join(folder, "appendonly.aof.manifest")
        for line in ("file %s seq 1 type i\n" % ("n" * 10000), "file a seq 99999999999999999999 type b\n",
                     "file ../../../../etc/passwd seq 1 type b\n", "file a seq 1 type i\n" * 1000,
                     "file\n", "\0" * 1000, "file 'unbalanced seq 1 type b\n"):
            with open(manifest, "w", encoding="latin-1") as out:
                out.write(line)
            self.assertEqual(self.program("drey-check-aof", manifest).returncode, 1, line[:30])

    def test_append_only_files_that_lie(self):
        path = os.path.join(self.server.directory, "one.aof")
        for data in (b"*1073741824\r\n$3\r\n", b"*1\r\n$9223372036854775807\r\nx", b"*-1\r\n", b"*1\r\n$-1\r\n",
                     b"*\r\n", b"\xff" * 1000,
                     b"*1\r\n$18446744073709551615\r\nx\r\n", b"*4294967297\r\n$1\r\na\r\n"):
            with open(path, "wb") as out:
                out.write(data)
            self.assertEqual(self.program("drey-check-aof", path).returncode, 1, data[:30])


if __name__ == "__main__":
    main()
