# SPDX-License-Identifier: BSD-3-Clause
"""What the measurements say to a server: requests, and keys in large numbers."""
import socket

OK = b"+OK\r\n"
KEY = b"key:%012d"  # 16 bytes, as redis-benchmark names its keys
STRING = b"x" * 32
BATCH = 1000  # requests sent before their replies are read


def encode(*args):
    args = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args)


class Template:
    """Requests that differ in numbers only, each written as %0<digits>d so that its length is known beforehand.
    `numbers` makes of the request's number those in it; usually they're all the same."""

    def __init__(self, *args, numbers=None):
        lengths = [len(arg % ((0,) * arg.count(b"%"))) for arg in args]
        self.text = b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % pair for pair in zip(lengths, args))
        places = self.text.count(b"%")
        self.numbers = numbers or (lambda number: (number,) * places)

    def requests(self, these):
        """Those of these numbers as one string."""
        text, numbers = self.text, self.numbers
        return b"".join([text % numbers(number) for number in these])


SETS = Template(b"SET", KEY, STRING)


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
            raise ConnectionError(f"the server answers {line[1:-2].decode()}")
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

    def fill(self, count, template=SETS):
        """Requests 0 to `count`, each of which is answered by a line."""
        for first in range(0, count, BATCH):
            batch = range(first, min(first + BATCH, count))
            self.socket.sendall(template.requests(batch))
            for _ in batch:
                self._reply()
