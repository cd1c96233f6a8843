# SPDX-License-Identifier: BSD-3-Clause
"""What connections cost on which nothing happens: RSS of each, and CPU per request of others beside them."""
import contextlib
import resource
import socket
import struct
import time

from . import report
from .cpu import load, requests_for
from .memory import PANEL as MEMORY
from .server import Server

SETTLE_SECONDS = 0.5
DESCRIPTORS = 200  # of the server and of this process besides
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # leaves no port behind that waits


def allowed(wanted):
    """How many connections both ends may have: of `wanted`, what the limit of descriptors leaves."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + DESCRIPTORS, hard))
    return wanted


@contextlib.contextmanager
def idle_connections(server, count):
    """Each has had one request answered."""
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection(("127.0.0.1", server.port), 10))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            sockets[-1].sendall(b"PING\r\n")
            if not sockets[-1].recv(16).startswith(b"+PONG"):
                raise ConnectionError(f"{server.name} refused connection {len(sockets)}")
        yield
    finally:
        for each in sockets:
            each.close()


def measure(contestant, connections, sizes):
    """In a fresh server: memory that one round has left free would hold the next one's connections."""
    options = ("--maxclients", str(connections + DESCRIPTORS // 2))
    with Server(*contestant, options) as server:
        with server.client() as client:
            client.fill(sizes.keys)
        requests = requests_for(server, "get", 1, sizes)
        alone = load(server, "get", 1, requests, sizes).cpu
        rss = server.rss()
        with idle_connections(server, connections):
            time.sleep(SETTLE_SECONDS)
            each = (server.rss() - rss) / connections
            beside = load(server, "get", 1, requests, sizes).cpu
    return {"rss": each, "alone": alone, "beside": beside, "factor": beside / alone}


def run(contestants, sizes):
    connections = allowed(sizes.connections)
    report.heading(f"{connections:,} idle connections", [name for name, _ in contestants])
    got = report.by_turns(contestants, sizes.rounds, lambda contestant: measure(contestant, connections, sizes))
    report.row("RSS of an idle connection (bytes)", got["rss"])
    report.picture(MEMORY, "an idle connection (RSS)", got["rss"])
    report.row("CPU per GET without them (ns)", got["alone"])
    report.row("CPU per GET beside them (ns)", got["beside"])
    report.row("    beside / without", got["factor"], 2)
