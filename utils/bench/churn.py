# SPDX-License-Identifier: BSD-3-Clause
"""A full cache whose values change their sizes: how far RSS goes above maxmemory. In each phase twice the limit is
written, as new keys with values of about one size; a few of all keys stay, as they're read again and again, and hold
on to pages of which the rest is free."""
import random

from . import report
from .client import BATCH, Client
from .server import Server

PHASES = (50, 200, 1000, 4000, 50, 1000, 200, 4000)
TURNOVER = 2  # of the limit, in bytes of values, by phase
VARIANTS = 8  # lengths of values around a phase's: three quarters to five quarters of it
KEPT_PHASES = 3
READS = 4  # of each key kept, in the time in which the limit is written once
OVERHEAD = 40  # of a key, about
DEFRAG_OPTIONS = ("--active-defrag-ignore-bytes", "10mb", "--active-defrag-threshold-lower", "3",
                  "--active-defrag-threshold-upper", "20")
GET = b"*2\r\n$3\r\nGET\r\n$16\r\nkey:%012d\r\n"


class Churn(Client):
    """Writes, one phase after the other."""

    def __init__(self, server, limit, kept_share):
        super().__init__(server.port)
        self.server = server
        self.limit = limit
        self.every = round(1 / kept_share) if kept_share else 0
        self.kept = []  # of the phases that count, each a list
        self.next = 0
        self.highest = 0

    def _pass(self, count):
        """Reads so many replies, of SET or GET."""
        for _ in range(count):
            line = self.replies.readline()
            if line.startswith(b"$") and line != b"$-1\r\n":
                self.replies.read(int(line[1:]) + 2)
            elif not line.startswith((b"+OK", b"$-1")):
                raise ConnectionError(f"the server answers {line!r}")

    def _read_kept(self):
        numbers = [number for phase in self.kept for number in phase]
        for first in range(0, len(numbers), BATCH):
            part = numbers[first:first + BATCH]
            self.socket.sendall(b"".join([GET % number for number in part]))
            self._pass(len(part))

    def phase(self, size):
        """Returns RSS at its end."""
        texts = [b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%%012d\r\n$%d\r\n%s\r\n" % (length, b"v" * length)
                 for length in (size * (3 + 2 * i / (VARIANTS - 1)) / 4 for i in range(VARIANTS))
                 for length in (round(length),)]
        writes = TURNOVER * self.limit // (size + OVERHEAD)
        between = max(writes // (TURNOVER * READS), BATCH)
        self.kept = self.kept[1 - KEPT_PHASES:] + [[]]
        due = self.next + between
        for first in range(self.next, self.next + writes, BATCH):
            these = range(first, first + BATCH)
            self.socket.sendall(b"".join([random.choice(texts) % number for number in these]))
            self._pass(BATCH)
            if self.every:
                self.kept[-1].extend(these[::self.every])
            if first >= due:
                self._read_kept()
                self.highest = max(self.highest, self.server.rss())
                due += between
        self.next += writes + BATCH
        return self.server.rss()


def measure(contestant, limit, kept_share, options=()):
    """RSS over the limit: after each phase, and the highest from the second one on."""
    options = ["--maxmemory", str(limit), "--maxmemory-policy", "allkeys-lru", *options]
    with Server(*contestant, options=options) as server, Churn(server, limit, kept_share) as churn:
        figures = {}
        for i, size in enumerate(PHASES):
            if i == 1:
                churn.highest = 0
            figures[f"  phase {i + 1}: about {size:,} bytes"] = churn.phase(size) / limit
        figures["  highest"] = churn.highest / limit
        return figures


def run(contestants, sizes):
    limit = sizes.churn_megabytes << 20
    for share in (0.0, 0.05):
        for moves in ("no", "yes"):
            report.heading(f"RSS / maxmemory, {share:.0%} of keys stay, activedefrag {moves}",
                           [name for name, _ in contestants])
            got = report.by_turns(contestants, 1, lambda contestant: measure(
                contestant, limit, share, ["--activedefrag", moves, *DEFRAG_OPTIONS]))
            for label, figures in got.items():
                report.row(label, figures, 3)
