# SPDX-License-Identifier: BSD-3-Clause
"""CPU time per message that is delivered: one channel with many subscribers, and one with a single subscriber beside
many other channels and patterns.

What was published lies in the subscribers' sockets until a round of messages is out; then it's read, and counted to the
byte. So the receiving side disturbs little, and costs the servers the same."""
import contextlib
import resource

from . import report
from .client import encode
from .server import Server

CHANNEL = b"news"
IN_SOCKETS = 96  # messages published before any is read: the sockets have to hold them
OTHERS = 100_000  # channels
PATTERNS = 10_000
PIPELINES = (1, 16)


class Subscribers:
    def __init__(self, server, count, size):
        self.clients = [server.client() for _ in range(count)]
        self.payload = b"m" * size
        self.message = encode("message", CHANNEL, self.payload)
        self.buffer = bytearray(1 << 20)
        for client in self.clients:
            client.socket.sendall(encode("SUBSCRIBE", CHANNEL))
        for client in self.clients:
            self.receive(client, len(encode("subscribe", CHANNEL)) + len(b":1\r\n"))

    def receive(self, client, size):
        while size > 0:
            got = client.socket.recv_into(self.buffer, size)
            if not got:
                raise ConnectionError("the server has closed a subscriber's connection")
            size -= got
        return self.buffer

    def receive_all(self, count):
        for client in self.clients:
            last = self.receive(client, count * len(self.message))
        assert last.startswith(self.message[-4:]) or self.message in last

    def close(self):
        for client in self.clients:
            client.close()


def publish(publisher, subscribers, messages, pipeline):
    """So many messages, a pipeline at a time."""
    request = encode("PUBLISH", CHANNEL, subscribers.payload) * pipeline
    reply = b":%d\r\n" % len(subscribers.clients) * pipeline
    for first in range(0, messages, pipeline):
        publisher.socket.sendall(request)
        if publisher.replies.read(len(reply)) != reply:
            raise ConnectionError("PUBLISH replied something else")
        if (first + pipeline) % IN_SOCKETS == 0:
            subscribers.receive_all(IN_SOCKETS)


def measure(server, publisher, subscribers, deliveries, pipeline):
    messages = max(deliveries // len(subscribers.clients) // IN_SOCKETS, 1) * IN_SOCKETS
    publish(publisher, subscribers, IN_SOCKETS, pipeline)
    before = server.cpu_ns()
    publish(publisher, subscribers, messages, pipeline)
    return (server.cpu_ns() - before) / (messages * len(subscribers.clients))


def crowd(client):
    """Channels and patterns that have nothing to do with the one that's published to."""
    for word, name, count in (("SUBSCRIBE", b"other:%06d", OTHERS), ("PSUBSCRIBE", b"other:%06d:*", PATTERNS)):
        for first in range(0, count, 1000):
            names = [name % number for number in range(first, first + 1000)]
            client.socket.sendall(encode(word, *names))
            for _ in range(1000 * 6):  # lines of a confirmation
                client.replies.readline()


def compare(label, servers, parts, sizes, deliveries):
    for pipeline in PIPELINES:
        got = report.by_turns(
            servers, sizes.rounds,
            lambda server: {"cpu": measure(server, *parts[server], deliveries, pipeline)})
        how = "no pipeline" if pipeline == 1 else f"{pipeline} in a pipeline"
        report.row(f"{label}, {how}", got["cpu"])


def run(contestants, sizes):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report.heading("CPU per delivered message (ns)", [name for name, _ in contestants])
    deliveries = int(sizes.seconds * 400_000)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(name, program)) for name, program in contestants]
        parts = {}
        for server in servers:
            subscribers = Subscribers(server, sizes.subscribers, sizes.message_size)
            stack.callback(subscribers.close)
            parts[server] = stack.enter_context(server.client()), subscribers
        compare(f"{sizes.subscribers:,} subscribers", servers, parts, sizes, deliveries)
        for server in servers:
            parts[server][1].close()
            one = Subscribers(server, 1, sizes.message_size)
            stack.callback(one.close)
            parts[server] = parts[server][0], one
        few = deliveries // 20
        compare("1 subscriber", servers, parts, sizes, few)
        for server in servers:
            crowd(stack.enter_context(server.client()))
        compare(f"1 beside {OTHERS:,} channels, {PATTERNS:,} patterns", servers, parts, sizes, few)
