# SPDX-License-Identifier: BSD-3-Clause
"""How long a GET waits while something else goes on, as seen from a core of the probe's own.

The probe is one thread that never sleeps: it sends a GET every INTERVAL_NS if the one before is answered, and lets
whatever it was given to do beside (a load, one large command) take a step in between. So nothing of the client's side
is scheduled, and the server finds its core to itself, but for what other programs do on the machine.

Requests are thought to come at each interval, also while the probe waits for an answer: a stall counts for all that
would have come during it, each with what it would have waited. Otherwise one that lasts 100 ms would be a single slow
request among thousands.

What other programs on the machine do is taken out as far as the kernel knows of it. It notes when a reply arrived, so
it doesn't matter when the probe gets to read it; and it counts how long a thread was ready to run and had to wait for
a CPU: for the server that time is subtracted, and a GET during whose sending it happened to the probe isn't counted
(nor is one of which nothing remains, since the server's waiting began before it was sent).
"""
import collections
import contextlib
import gc
import os
import random
import socket
import struct
import time

from .client import KEY, OK, STRING, encode

INTERVAL_NS = 100_000
CONNECTIONS = 4
VALUE_REPLY = len(b"$%d\r\n%s\r\n" % (len(STRING), STRING))
NO_REPLY = b"$-1\r\n"
SO_TIMESTAMPNS = 35  # not among socket's names; of 64-bit Linux
TIMESPEC = struct.Struct("qq")

now_ns = time.time_ns  # the clock of the kernel's timestamps


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


def receive(connection):
    """What is there; empty if nothing is."""
    try:
        data = connection.recv(1 << 20)
    except BlockingIOError:
        return b""
    if not data:
        raise ConnectionError("the server has closed the connection")
    if data.startswith(b"-"):
        raise ConnectionError(f"the server answers {data!r}")
    return data


class Exchange:
    """One request string at a time on a connection of its own, sent and answered in steps that never wait."""

    def __init__(self, port):
        self.connection = connect(port)
        self.unsent = memoryview(b"")
        self.missing = 0  # bytes of reply; less than 0: until a line ends
        self.reply = b""  # that line

    def start(self, request, reply_bytes=-1):
        self.unsent = memoryview(request)
        self.missing = reply_bytes
        self.reply = b""
        self.step()

    def step(self):
        """Whether it's through."""
        if self.unsent:
            with contextlib.suppress(BlockingIOError):
                self.unsent = self.unsent[self.connection.send(self.unsent):]
        data = receive(self.connection)
        if self.missing > 0:
            self.missing -= len(data)
        elif self.missing < 0:
            self.reply += data
            self.missing = 0 if data.endswith(b"\r\n") else -1
        return self.missing == 0

    def close(self):
        self.connection.close()


class Nothing:
    """Goes on beside the GETs; others have the same methods."""

    finished = False  # ends the watch before its time

    def turn(self, now):
        """A step, at this time of now_ns()."""

    def close(self):
        pass


class Load(Nothing):
    """Batches of SETs at an even rate, or as fast as they're answered if `batch_ns` is 0."""

    def __init__(self, port, batches, keys_per_batch, batch_ns):
        self.exchange = Exchange(port)
        self.batches = iter(batches)
        self.reply_bytes = keys_per_batch * len(OK)
        self.batch_ns = batch_ns
        self.due = now_ns()
        self.idle = True

    def turn(self, now):
        if not self.idle:
            self.idle = self.exchange.step()
        if not self.idle or now < self.due:
            return
        batch = next(self.batches, None)
        if batch is None:
            self.finished = True
            return
        self.due += self.batch_ns
        self.idle = False
        self.exchange.start(batch, self.reply_bytes)

    def close(self):
        self.exchange.close()


class Once(Nothing):
    """One command, some time after the start."""

    def __init__(self, port, *command, after_seconds=0.2):
        self.exchange = Exchange(port)
        self.request = encode(*command)
        self.due = now_ns() + int(after_seconds * 1e9)
        self.started = self.answered = False

    def turn(self, now):
        if self.started:
            self.answered = self.answered or self.exchange.step()
        elif now >= self.due:
            self.started = True
            self.exchange.start(self.request)

    def close(self):
        self.exchange.close()


class LargeValue(Nothing):
    """One value of so many bytes, written and read by turns without a pause."""

    def __init__(self, port, size):
        self.exchange = Exchange(port)
        read = encode("GET", "large")
        self.steps = [(encode("SET", "large", b"x" * size), len(OK)), (read, len(b"$%d\r\n\r\n" % size) + size)]
        self.exchange.start(*self.steps[0])

    def turn(self, now):
        if self.exchange.step():
            self.steps.reverse()
            self.exchange.start(*self.steps[0])

    def close(self):
        self.exchange.close()


class LargeReplies(Nothing):
    """So many connections ask for a value of so many bytes, all at once, and again when all have it."""

    def __init__(self, port, connections, size):
        self.exchanges = [Exchange(port) for _ in range(connections)]
        self.reply_bytes = len(b"$%d\r\n\r\n" % size) + size
        writer = self.exchanges[0]
        writer.start(encode("SET", "long", b"x" * size), len(OK))
        while not writer.step():
            pass
        self.waiting = collections.deque()

    def turn(self, now):
        if not self.waiting:
            for exchange in self.exchanges:
                exchange.start(encode("GET", "long"), self.reply_bytes)
            self.waiting.extend(self.exchanges)
        elif self.waiting[0].step():
            self.waiting.popleft()
        else:
            self.waiting.rotate(-1)

    def close(self):
        for exchange in self.exchanges:
            exchange.close()


class Messages(Nothing):
    """One after the other, at an even rate, to a channel with so many subscribers, who leave them in their sockets."""

    def __init__(self, port, subscribers, per_second, size):
        self.subscribers = [Exchange(port) for _ in range(subscribers)]
        for exchange in self.subscribers:
            exchange.start(encode("SUBSCRIBE", "news"), len(encode("subscribe", "news")) + len(b":1\r\n"))
        for exchange in self.subscribers:
            while not exchange.step():
                pass
        self.publisher = Exchange(port)
        self.request = encode("PUBLISH", "news", b"m" * size)
        self.every_ns = 1_000_000_000 // per_second
        self.due = now_ns()
        self.idle = True

    def turn(self, now):
        if not self.idle:
            self.idle = self.publisher.step()
        elif now >= self.due:
            self.due = now + self.every_ns
            self.idle = False
            self.publisher.start(self.request)

    def close(self):
        for exchange in [*self.subscribers, self.publisher]:
            exchange.close()


class Storm(Nothing):
    """Connections made at an even rate. Each asks for a PONG, and is reset some time after."""

    LIFE_NS = 20_000_000
    RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # leaves no port behind that waits

    def __init__(self, port, per_second):
        self.address = ("127.0.0.1", port)
        self.every_ns = 1_000_000_000 // per_second
        self.start = self.due = now_ns()
        self.open = collections.deque()
        self.made = self.answered = 0

    def _connect(self, now):
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, self.RESET_ON_CLOSE)
        connection.connect_ex(self.address)
        with contextlib.suppress(OSError):  # it's in the backlog, or that is full
            connection.send(b"PING\r\n")
        self.open.append((now + self.LIFE_NS, connection))
        self.made += 1

    def turn(self, now):
        if now >= self.due:
            self.due += self.every_ns
            self._connect(now)
        if self.open and now >= self.open[0][0]:
            connection = self.open.popleft()[1]
            with contextlib.suppress(OSError):
                self.answered += connection.recv(16) == b"+PONG\r\n"
            connection.close()

    def close(self):
        self.rate = self.made / ((now_ns() - self.start) / 1e9)
        for _, connection in self.open:
            connection.close()


class Shrinking(Nothing):
    """Notes when no more than `floor` keys are left, counted from its start."""

    EVERY_NS = 10_000_000

    def __init__(self, port, floor):
        self.exchange = Exchange(port)
        self.floor = floor
        self.start = self.due = now_ns()
        self.asked = False
        self.reached_seconds = None

    def turn(self, now):
        if self.reached_seconds is not None:
            return
        if self.asked:
            self.asked = not self.exchange.step()
            if not self.asked and int(self.exchange.reply[1:]) <= self.floor:
                self.reached_seconds = (now - self.start) / 1e9
        elif now >= self.due:
            self.due = now + self.EVERY_NS
            self.asked = True
            self.exchange.start(encode("DBSIZE"))

    def close(self):
        self.exchange.close()


class CpuWait:
    """How long a thread has been ready to run without running."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDONLY)

    def ns(self):
        return int(os.pread(self.file, 100, 0).split()[1])

    def close(self):
        os.close(self.file)


class Probe:
    """Afterwards `waits` has nanoseconds, sorted, and `robbed` the share of the time that the server waited for a CPU."""

    def __init__(self, server, keys):
        self.connections = [connect(server.port) for _ in range(CONNECTIONS)]
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        picks = random.Random(1)
        self.requests = [encode("GET", KEY % picks.randrange(keys)) for _ in range(50_000)]
        self.server = CpuWait(f"/proc/{server.pid}/task/{server.pid}/schedstat")
        self.own = CpuWait("/proc/thread-self/schedstat")
        self.waits = []
        self.robbed = 0.0

    def close(self):
        for connection in self.connections:
            connection.close()
        self.server.close()
        self.own.close()

    def us(self, fraction):
        """The wait that this fraction of the requests didn't exceed."""
        return self.waits[min(int(len(self.waits) * fraction), len(self.waits) - 1)] / 1000

    def watch(self, seconds, beside):
        """Until the time is over or what goes on beside it is finished."""
        self.waits = []
        gc.collect()
        gc.disable()
        try:
            start, waited = now_ns(), self.server.ns()
            self._watch(start + int(seconds * 1e9), beside)
            self.robbed = (self.server.ns() - waited) / (now_ns() - start)
        finally:
            gc.enable()
        self.waits.sort()

    def _watch(self, end, beside):
        due, sent = now_ns(), 0
        while True:
            now = now_ns()
            if now >= due:
                if now >= end or beside.finished:
                    return
                self._one_get(sent, beside)
                sent += 1
                due = max(due + INTERVAL_NS, now_ns())
            beside.turn(now)

    def _one_get(self, number, beside):
        connection, request = self.connections[number % CONNECTIONS], self.requests[number % len(self.requests)]
        waited, own = self.server.ns(), self.own.ns()
        start = now_ns()
        connection.send(request)
        sent_at_once = self.own.ns() == own
        arrived = self._reply(connection, beside)
        wait = arrived - start - (self.server.ns() - waited)
        if sent_at_once and wait > 0:
            self._note(wait)

    def _reply(self, connection, beside):
        """When it came."""
        reply = b""
        while len(reply) < VALUE_REPLY and reply != NO_REPLY:
            beside.turn(now_ns())
            try:
                data, ancillary, _, _ = connection.recvmsg(100, 100)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError("the server has closed the connection")
            reply += data
        seconds, ns = TIMESPEC.unpack_from(ancillary[0][2])
        return seconds * 1_000_000_000 + ns

    def _note(self, wait):
        """One that was seen, and those that would have come while it was waited for."""
        self.waits.append(wait)
        while wait > INTERVAL_NS:
            wait -= INTERVAL_NS
            self.waits.append(wait)
