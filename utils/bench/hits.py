# SPDX-License-Identifier: BSD-3-Clause
"""A cache with a memory limit: what share of GETs hits, by eviction policy. Each GET that misses is followed by the SET
that an application would send. Both servers get the same memory: what the peer needs for a tenth of the keys."""
import itertools
import random
from array import array

from . import report
from .client import BATCH, KEY, STRING, Client, Template
from .server import Server

ALPHA = 0.99  # exponent of Zipf's law
PORTIONS = 50
PIPELINE = 100
POLICIES = ("allkeys-lru", "allkeys-lfu")
OWN_POLICY = "allkeys-lrfu"
GETS = Template(b"GET", KEY)
SETS = Template(b"SET", KEY, STRING)
HIT = len(b"$%d\r\n%s\r\n" % (len(STRING), STRING))
MISS = len(b"$-1\r\n")


def zipf(keys, count, seed):
    """Numbers of keys, popular by Zipf's law, in no order of popularity."""
    chance = random.Random(seed)
    places = list(range(keys))
    chance.shuffle(places)
    weights = list(itertools.accumulate((rank + 1) ** -ALPHA for rank in range(keys)))
    numbers = array("L")
    for first in range(0, count, BATCH):
        numbers.extend(chance.choices(places, cum_weights=weights, k=min(BATCH, count - first)))
    return numbers


def with_scan(keys, count):
    """Every fifth request is for a key that's never asked for again."""
    numbers = zipf(keys, count, 1)
    for i in range(0, count, 5):
        numbers[i] = keys + i
    return numbers


TRACES = {
    "Zipf 0.99": lambda keys, count: zipf(keys, count, 1),
    "the same, a fifth of it a scan": with_scan,
    "other keys popular from the middle on": lambda keys, count: zipf(keys, count // 2, 1) + zipf(keys, count // 2, 2),
}


class CacheClient(Client):
    """An application in front of its cache."""

    def ask(self, numbers):
        """GETs in one pipeline, then SETs of what wasn't there; returns how many hit."""
        self.socket.sendall(GETS.requests(numbers))
        data = b""
        while True:
            data += self.socket.recv(65536)
            missed = data.count(b"$-1")
            found = data.count(b"$") - missed
            if found + missed == len(numbers) and len(data) == found * HIT + missed * MISS:
                break
        absent = {number for number, part in zip(numbers, data.split(b"$")[1:]) if part.startswith(b"-1")}
        self.socket.sendall(SETS.requests(absent))
        for _ in absent:
            self._reply()
        return found


def peer_bytes(contestant, keys):
    """What a tenth of the keys takes, an empty server's memory with it."""
    with Server(*contestant) as server, server.client() as client:
        client.fill(keys // 10)
        return int(client.info("memory")["used_memory"])


def replay(contestant, policy, limit, numbers):
    """Hit ratios in %, of each portion of the trace."""
    options = ["--maxmemory", str(limit), "--maxmemory-policy", policy]
    size = len(numbers) // PORTIONS
    with Server(*contestant, options=options) as server, CacheClient(server.port) as client:
        ratios = []
        for start in range(0, size * PORTIONS, size):
            hits = sum(client.ask(numbers[first:min(first + PIPELINE, start + size)])
                       for first in range(start, start + size, PIPELINE))
            ratios.append(100 * hits / size)
        return ratios


def recovery(ratios):
    """Portions of the trace, in %, from the shift in its middle to 95 % of what is reached before it."""
    half = PORTIONS // 2
    steady = sum(ratios[half - 5:half]) / 5
    for i, ratio in enumerate(ratios[half:]):
        if ratio >= 0.95 * steady:
            return 100 * i / PORTIONS
    return None


def run(contestants, sizes):
    requests = sizes.requests or 10 * sizes.keys
    limit = peer_bytes(contestants[-1], sizes.keys)
    columns = [(contestants[0], OWN_POLICY)] + [(c, policy) for c in contestants for policy in POLICIES]
    print()
    report.line(f"Hit ratio (%) of {requests:,} GETs, {limit / 2**20:.0f} MB",
                *(f"{contestant[0]} {policy.removeprefix('allkeys-')}" for contestant, policy in columns))
    for title, make in TRACES.items():
        numbers = make(sizes.keys, requests)
        ratios = [replay(contestant, policy, limit, numbers) for contestant, policy in columns]
        half = PORTIONS // 2
        report.line(f"  {title}", *(report.number(sum(r[half:]) / (PORTIONS - half), 2) for r in ratios))
        if "middle" in title:
            report.line("  back to 95 % after (% of the trace)", *(report.number(recovery(r)) for r in ratios))
