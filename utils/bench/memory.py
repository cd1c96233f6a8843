# SPDX-License-Identifier: BSD-3-Clause
"""Bytes a key takes: what the server counts (used_memory) and what the kernel does (RSS), from empty to full."""
from . import report
from .server import Server

KINDS = {
    "a key of 16 bytes with a string of 32": {"value": b"x" * 32},
    "the same with a TTL": {"value": b"x" * 32, "options": (b"EX", b"100000")},
    # Of 8 digits: Redis shares small ones.
    "a key of 16 bytes with an integer": {"value": lambda number: b"%d" % (10_000_000 + number)},
}


def measure(contestant, kind, keys):
    """In a server of its own, so that nothing is reused."""
    with Server(*contestant) as server, server.client() as client:
        client.call("PING")
        used, rss = int(client.info("memory")["used_memory"]), server.rss()
        client.fill(keys, **KINDS[kind])
        return {"used": (int(client.info("memory")["used_memory"]) - used) / keys, "rss": (server.rss() - rss) / keys}


def run(contestants, sizes):
    report.heading(f"Memory (bytes), {sizes.keys:,} keys", [name for name, _ in contestants])
    for kind in KINDS:
        # The same each time, so once is enough.
        got = report.by_turns(contestants, 1, lambda contestant: measure(contestant, kind, sizes.keys))
        report.row(kind, got["used"], 1)
        report.row("    RSS", got["rss"], 1)
