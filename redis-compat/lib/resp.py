# SPDX-License-Identifier: BSD-3-Clause
"""The wire: commands to bytes, bytes to replies, and connections that keep what they read.

A reply is a `Reply`: `kind` is RESP's own type character, `value` its content:

    +  -  $  =  (      bytes (or None for the null bulk string)
    :                  int
    ,                  bytes, as written on the wire, so that formats are compared and not numbers
    #                  bool
    _                  None
    *  ~  >            list of Reply (or None for the null array)
    %  |               list of (Reply, Reply)

`Connection.read` gives the reply together with its exact bytes.
"""

import socket
from collections import namedtuple

Reply = namedtuple("Reply", "kind value")

REPLY_SECONDS = 90.0  # longer means that no reply comes

LINES = b"+-(,"
BULKS = b"$="
LISTS = b"*~>"
MAPS = b"%|"


class Trouble(Exception):
    """No whole reply came. `args[0]` holds the bytes that did."""


class NoReply(Trouble):
    """Nothing, or half a reply, came within the time given."""


class Closed(Trouble):
    """The server closed the connection."""


class Garbage(Trouble):
    """The bytes aren't RESP."""


def encode(args):
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Connection:
    """One client connection. Reads block for `timeout` seconds at most."""

    def __init__(self, port, timeout=REPLY_SECONDS):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.unread = bytearray()
        self.taken = 0  # bytes of `unread` that belong to the reply being read

    def set_timeout(self, seconds):
        if seconds != self.timeout:
            self.timeout = seconds
            self.socket.settimeout(seconds)

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the read that follows tells what the server had to say before it closed

    def command(self, *args):
        """Runs one command; strings are taken as UTF-8."""
        self.send(encode([a.encode() if isinstance(a, str) else a for a in args]))
        return self.read()[0]

    def read(self):
        """The next reply: (Reply, its bytes)."""
        self.taken = 0
        reply = self._reply()
        raw = bytes(self.unread[: self.taken])
        del self.unread[: self.taken]
        return reply, raw

    def read_to_end(self):
        """Everything up to the server's closing of the connection."""
        while True:
            try:
                self._fill()
            except Closed:
                data = bytes(self.unread)
                self.unread.clear()
                return data

    def is_silent(self, seconds):
        """Whether nothing arrives for the time given."""
        self.socket.settimeout(seconds)
        try:
            self.taken = len(self.unread)
            self._fill()
        except NoReply:
            pass
        except Closed:
            return False
        finally:
            self.socket.settimeout(self.timeout)
        return not self.unread

    def _fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except socket.timeout:
            raise NoReply(bytes(self.unread)) from None
        except ConnectionError:
            data = b""
        if not data:
            raise Closed(bytes(self.unread))
        self.unread += data

    def _line(self):
        while True:
            end = self.unread.find(b"\r\n", self.taken)
            if end >= 0:
                line = bytes(self.unread[self.taken : end])
                self.taken = end + 2
                return line
            self._fill()

    def _exactly(self, size):
        while len(self.unread) < self.taken + size + 2:
            self._fill()
        data = bytes(self.unread[self.taken : self.taken + size])
        self.taken += size + 2
        return data

    def _reply(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        try:
            return Reply(kind.decode("latin-1"), self._content(kind, rest))
        except ValueError:
            raise Garbage(bytes(self.unread[: self.taken])) from None

    def _content(self, kind, rest):
        if not kind:
            raise ValueError(kind)
        if kind in LINES:
            return rest
        if kind == b"_":
            return None
        if kind == b"#":
            return {b"t": True, b"f": False}.get(rest)
        size = int(rest)
        if kind == b":":
            return size
        if kind in BULKS:
            return None if size < 0 else self._exactly(size)
        if kind in LISTS:
            return None if size < 0 else [self._reply() for _ in range(size)]
        if kind in MAPS:
            return [(self._reply(), self._reply()) for _ in range(size)]
        raise ValueError(kind)
