# SPDX-License-Identifier: BSD-3-Clause
"""Requests a second and CPU of each, from few connections to very many, all of which ask without a pause."""
import contextlib
import copy

from . import report
from .cpu import floor_of, load, requests_for
from .floor import Floor
from .idle import DESCRIPTORS, allowed
from .server import Server

CONNECTIONS = (20, 100, 500, 1_000, 5_000, 10_000, 15_000)
TEST = "get"


@contextlib.contextmanager
def started(contestant, connections, sizes):
    """A server with its keys, or the floor."""
    if contestant is Floor:
        with Floor(sizes.floor, *floor_of(TEST, sizes)) as floor:
            yield floor
        return
    with Server(*contestant, options=("--maxclients", str(connections + DESCRIPTORS // 2))) as server:
        with server.client() as client:
            client.fill(sizes.keys)
        yield server


def measure(contestant, connections, sizes):
    with started(contestant, connections, sizes) as server:
        sizes = copy.copy(sizes)
        sizes.clients = connections
        # Each connection is to be used several times.
        requests = max(requests_for(server, TEST, 1, sizes), 10 * connections)
        return load(server, TEST, 1, requests, sizes)._asdict()


def run(contestants, sizes):
    most = allowed(max(CONNECTIONS))
    wanted = [count for count in CONNECTIONS if count <= most]
    together = [*contestants, Floor] if floor_of(TEST, sizes) else contestants
    got = {count: report.by_turns(together, sizes.rounds, lambda contestant: measure(contestant, count, sizes))
           for count in wanted}
    names, floor = [name for name, _ in contestants], ["floor"] if together is not contestants else []

    def row(label, figures, decimals=0):
        report.row(label, figures[:len(names)], decimals, floor=figures[len(names)] if floor else None)

    report.heading("GETs a second over so many connections, all active", names, *floor)
    for count in wanted:
        row(f"  {count:,}", got[count]["rate"])
    best = [max(got[count]["rate"][i] for count in wanted) for i in range(len(together))]
    last = got[wanted[-1]]["rate"]
    row(f"  {wanted[-1]:,} connections / best", [a / b for a, b in zip(last, best)], 2)
    report.heading("CPU per GET (ns)", names, *floor)
    for count in wanted:
        row(f"  {count:,}", got[count]["cpu"])
