# SPDX-License-Identifier: BSD-3-Clause
"""Requests a second and CPU of each, from few connections to very many, all of which ask without a pause."""
import copy

from . import report
from .cpu import load, requests_for
from .idle import DESCRIPTORS, allowed
from .server import Server

CONNECTIONS = (20, 100, 500, 1_000, 5_000, 10_000, 15_000)


def measure(contestant, connections, sizes):
    with Server(*contestant, options=("--maxclients", str(connections + DESCRIPTORS // 2))) as server:
        with server.client() as client:
            client.fill(sizes.keys)
        sizes = copy.copy(sizes)
        sizes.clients = connections
        # Each connection is to be used several times.
        requests = max(requests_for(server, "get", 1, sizes), 10 * connections)
        return load(server, "get", 1, requests, sizes)._asdict()


def run(contestants, sizes):
    most = allowed(max(CONNECTIONS))
    wanted = [count for count in CONNECTIONS if count <= most]
    got = {count: report.by_turns(contestants, sizes.rounds, lambda contestant: measure(contestant, count, sizes))
           for count in wanted}
    names = [name for name, _ in contestants]
    report.heading("GETs a second over so many connections, all active", names)
    for count in wanted:
        report.row(f"  {count:,}", got[count]["rate"])
    best = [max(got[count]["rate"][i] for count in wanted) for i in range(len(contestants))]
    last = got[wanted[-1]]["rate"]
    report.line(f"  {wanted[-1]:,} connections / best", *(report.number(a / b, 2) for a, b in zip(last, best)))
    report.heading("CPU per GET (ns)", names)
    for count in wanted:
        report.row(f"  {count:,}", got[count]["cpu"])
