# SPDX-License-Identifier: BSD-3-Clause
"""Bytes a key takes: what the server counts (used_memory) and what the kernel does (RSS), from empty to full."""
from . import report
from .client import KEY, SETS, STRING, Template
from .server import Server

PANEL = "Memory (bytes)"
FIELDS = 20
PRIME = 1_000_003  # scores in no order

KINDS = {
    "a key of 16 bytes with a string of 32": SETS,
    "the same with a TTL": Template(b"SET", KEY, STRING, b"EX", b"100000"),
    # Of 8 digits: Redis shares integers below 10,000.
    "a key of 16 bytes with an integer": Template(b"SET", KEY, b"1%07d"),
    f"a field of a hash of {FIELDS}": Template(
        b"HSET", b"user:%010d", b"field:%02d", b"value:%08d",
        numbers=lambda number: (number // FIELDS, number % FIELDS, number)),
    "a field of one large hash": Template(b"HSET", b"large", KEY, STRING),
    "a member of one large set": Template(b"SADD", b"large", KEY),
    "a member of one large sorted set": Template(
        b"ZADD", b"large", b"%07d", KEY, numbers=lambda number: (number * 7919 % PRIME, number)),
    "an element of 32 bytes of one long list": Template(b"RPUSH", b"large", b"%032d"),
}


def measure(contestant, template, keys):
    """In a server of its own, so that nothing is reused."""
    with Server(*contestant) as server, server.client() as client:
        client.call("PING")
        used, rss = int(client.info("memory")["used_memory"]), server.rss()
        client.fill(keys, template)
        return {"used": (int(client.info("memory")["used_memory"]) - used) / keys, "rss": (server.rss() - rss) / keys}


def run(contestants, sizes):
    report.heading(f"Memory (bytes), {sizes.keys:,} of each", [name for name, _ in contestants])
    for kind, template in KINDS.items():
        # The same each time, so once is enough.
        got = report.by_turns(contestants, 1, lambda contestant: measure(contestant, template, sizes.keys))
        report.row(kind, got["used"], 1)
        report.picture(PANEL, kind, got["used"])
        report.row("    RSS", got["rss"], 1)
