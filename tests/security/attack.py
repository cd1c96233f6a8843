# SPDX-License-Identifier: BSD-3-Clause
"""What the security tests share: a server that many attacks go against, replies as plain values,
payloads for RESTORE.

An attack is a command and what it must be answered with. Whatever it's answered with, the same
process must serve the next one: a server that ends, for whatever reason, fails the test, and under
a sanitizer so does what it reports.
"""
import os
import re
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration",
                                "clients"))

import harness
from harness import main

MB = 1024 * 1024
LEAST, MOST = "-9223372036854775808", "9223372036854775807"
PATIENCE = harness.PATIENCE

NOT_INTEGER = "-ERR value is not an integer or out of range"
OUT_OF_RANGE = "-ERR value is out of range"
SYNTAX = "-ERR syntax error"
NO_PERMISSION = "-NOPERM"


def plain(reply):
    """Errors as text that begins with a '-', other text as text, lists as lists."""
    value = reply.value
    if reply.kind == "-":
        return "-" + value.decode("latin-1")
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [tuple(map(plain, item)) if isinstance(item, tuple) and not hasattr(item, "kind")
                else plain(item) for item in value]
    return value


def crc64(data):
    """As at the end of what DUMP tells."""
    crc = 0
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def _crc_of_byte(crc):
    for _ in range(8):
        crc = crc >> 1 ^ 0x95AC9329AC4BC9B5 if crc & 1 else crc >> 1
    return crc


CRC_TABLE = [_crc_of_byte(byte) for byte in range(256)]


def sealed(kind, body, version=11):
    """A value of that kind as RESTORE takes it: with version and checksum."""
    data = bytes([kind]) + body + struct.pack("<H", version)
    return data + struct.pack("<Q", crc64(data))


def length(n):
    """A length as RDB files have it."""
    if n < 64:
        return bytes([n])
    if n < 1 << 14:
        return struct.pack(">H", 0x4000 | n)
    return b"\x80" + struct.pack(">I", n) if n < 1 << 32 else b"\x81" + struct.pack(">Q", n)


def text(data):
    """A string as RDB files have it."""
    return length(len(data)) + data


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.pid = self.server.process.pid

    def tearDown(self):
        self.assertEqual(self.ask("PING"), "PONG")
        self.assertIsNone(self.server.process.poll())

    def ask(self, *args):
        return plain(self.server.run(*[str(arg) if isinstance(arg, int) else arg for arg in args]))

    def connect(self, *commands):
        """Another connection, which has run these commands."""
        connection = self.server.connect(PATIENCE)
        self.addCleanup(connection.close)
        for words in commands:
            reply = plain(connection.command(*words))
            self.assertFalse(isinstance(reply, str) and reply.startswith("-"), (words, reply))
        return connection

    def like(self, wanted, got, what=""):
        """Equal; or an error that begins so; or, wanted is ..., anything."""
        if wanted is ...:
            return
        if isinstance(wanted, str) and wanted.startswith("-"):
            self.assertIsInstance(got, str, what)
            self.assertEqual(got[:len(wanted)], wanted, what)
        else:
            self.assertEqual(got, wanted, what)

    def table(self, *rows):
        """Rows of what is wanted and the words of a command."""
        for wanted, *words in rows:
            self.like(wanted, self.ask(*words), [str(word)[:80] for word in words])

    def scripts(self, *rows):
        """Rows of what is wanted, a script and its arguments."""
        for wanted, script, *args in rows:
            self.like(wanted, self.ask("EVAL", script, "0", *args), script[:200])

    def set_config(self, name, value):
        """For the time of the test."""
        before = self.ask("CONFIG", "GET", name)[1]
        self.assertEqual(self.ask("CONFIG", "SET", name, value), "OK")
        self.addCleanup(self.ask, "CONFIG", "SET", name, before)

    def info(self, name):
        return int(re.search(r"(?m)^%s:(\d+)" % name, self.ask("INFO", "everything")).group(1))

    def memory(self):
        return self.info("used_memory")

    def await_true(self, what, condition):
        until = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), until, "still not: " + what)

    def closes(self, connection):
        """What the server still sends until it closes the connection."""
        return connection.read_to_end()

    def restricted(self, *rules):
        """A connection of a user with these rules."""
        self.ask("ACL", "SETUSER", "mallory", "reset", "on", "nopass", *rules)
        self.addCleanup(self.ask, "ACL", "DELUSER", "mallory")
        return self.connect(("AUTH", "mallory", "x"))
