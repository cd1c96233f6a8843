# SPDX-License-Identifier: BSD-3-Clause
"""What the measurements say to a server: requests, and keys in large numbers."""
import socket
import sys

OK = b"+OK\r\n"
BATCH = 1000  # requests sent before their replies are read


def encode(*args):
    args = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args)


def key(number):
    """16 bytes, as redis-benchmark names its keys."""
    return b"key:%012d" % number


def encode_sets(numbers, value=b"x" * 32, options=(), name=key):
    """SETs of these keys as one string; `value` is a string or makes one of the number."""
    make = value if callable(value) else lambda number: value
    tail = b"".join(b"$%d\r\n%s\r\n" % (len(option), option) for option in options)
    parts = []
    for number in numbers:
        of_key, of_value = name(number), make(number)
        parts.append(b"*%d\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n%s" % (
            3 + len(options), len(of_key), of_key, len(of_value), of_value, tail))
    return b"".join(parts)


class Client:
    """One connection; blocks. A server's error ends the measurement."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")

    def close(self):
        self.replies.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _reply(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has closed the connection")
        if line.startswith(b"-"):
            sys.exit(f"the server answers {line[1:-2].decode()}")
        if line.startswith(b"$"):
            size = int(line[1:])
            return None if size < 0 else self.replies.read(size + 2)[:-2]
        return line[1:-2]

    def call(self, *args):
        """The reply, which is one line or one string."""
        self.socket.sendall(encode(*args))
        return self._reply()

    def info(self, *sections):
        """INFO's fields."""
        lines = self.call("INFO", *sections).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def send_sets(self, requests, count):
        """`count` SETs, encoded already, and their replies."""
        self.socket.sendall(requests)
        replies = self.replies.read(count * len(OK))
        if replies != OK * count:
            sys.exit(f"the server answers {replies[:100]!r} to SETs")

    def fill(self, count, **sets):
        """Keys 0 to `count`, made as encode_sets() does."""
        for first in range(0, count, BATCH):
            batch = range(first, min(first + BATCH, count))
            self.send_sets(encode_sets(batch, **sets), len(batch))
