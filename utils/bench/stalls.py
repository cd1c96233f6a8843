# SPDX-License-Identifier: BSD-3-Clause
"""How long GETs wait beside something large, and the server's own longest turn of its loop meanwhile.

Besides what is of interest there are two things to compare it with: nothing at all, and a load of the same size and rate
as the one under which the table grows, which overwrites keys that are there.

Both servers have their latency monitor on, which has Drey read the CPU time of its turns: two system calls in each.
"""
import contextlib
import itertools
import os
import re
import struct
import subprocess
import sys
import time

from . import report
from .client import SETS, Template
from .probe import LargeReplies, LargeValue, Load, Messages, Nothing, Once, Probe, Shrinking, Storm
from .saving import await_saved
from .server import Server

EXPIRY_SECONDS = 1.5  # watched from the moment on at which keys expire
GROWTH = 3            # times as many keys as before
LOAD_SECONDS_MAX = 300
LARGE_BYTES = 10_000_000
READERS = 100         # of LONG_BYTES each
LONG_BYTES = 250_000
SUBSCRIBERS = 5_000
MESSAGES_PER_SECOND = 20
MESSAGE_BYTES = 100
CONNECTIONS_PER_SECOND = 10_000
LATENCY_WANTED = "/dev/cpu_dma_latency"  # microseconds, see the kernel's pm_qos_interface.txt


def cores():
    """For the server and for the probe; None where there aren't two."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


@contextlib.contextmanager
def on_core(core):
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def kernel_waiting_actively():
    """For as long as the file is open that this returns."""
    try:
        wanted = open(LATENCY_WANTED, "wb", buffering=0)
        wanted.write(struct.pack("i", 0))
        return wanted
    except OSError as error:
        print(f"{error}: an idle process keeps the server's core awake instead", file=sys.stderr)
        return None


@contextlib.contextmanager
def kept_awake(core):
    """A core on which nothing runs sleeps, and on a virtual machine it can take milliseconds to get it back from the
    host. So the kernel is asked to let it wait actively. Where that's not to be had something runs that everything else
    goes before; but for a few milliseconds in each second the scheduler gives it the core all the same."""
    wanted = kernel_waiting_actively() if core is not None else None
    if core is None or wanted:
        with wanted or contextlib.nullcontext():
            yield
        return

    def stand_back():
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    spin = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    with subprocess.Popen([sys.executable, "-S", "-c", spin], preexec_fn=stand_back) as process:
        try:
            yield
        finally:
            process.kill()


class Round:
    """A fresh server, and one thing after the other done to it."""

    def __init__(self, server, client, sizes, batches):
        self.server, self.client, self.sizes = server, client, sizes
        self.batches = batches
        self.probe = Probe(server, sizes.keys)
        self.figures = {}
        client.call("CONFIG", "SET", "latency-monitor-threshold", 1000)  # so that CPU time of turns is read

    def longest_turns(self):
        """By the clock, and by the time that the server's thread had a core. None: it doesn't say."""
        clock = self.client.info("debug").get("eventloop_duration_max")
        on_cpu = re.search("max=([0-9]+)", self.client.info("loop").get("loop_turn_on_cpu_usec", ""))
        return clock and int(clock), on_cpu and int(on_cpu[1])

    def watch(self, label, seconds, beside):
        self.client.call("CONFIG", "RESETSTAT")
        with contextlib.closing(beside):
            self.probe.watch(seconds, beside)
        longest, on_cpu = self.longest_turns()
        self.figures.update({
            (label, "p50"): self.probe.us(.5),
            (label, "p99"): self.probe.us(.99),
            (label, "p999"): self.probe.us(.999),
            (label, "max"): self.probe.us(1),
            (label, "turn"): longest,
            (label, "turn on CPU"): on_cpu,
            (label, "robbed"): 100 * self.probe.robbed,
        })
        return beside

    def load(self, label, batches):
        rate = self.sizes.load_rate
        batch_ns = self.sizes.load_depth * 1_000_000_000 // rate if rate else 0
        self.watch(label, LOAD_SECONDS_MAX, Load(self.server.port, batches, self.sizes.load_depth, batch_ns))

    def expire(self, label, fill_seconds):
        keys = self.sizes.keys
        deadline = time.time() + 4 * fill_seconds + 1
        self.client.fill(keys, Template(b"SET", b"tmp:%012d", b"x", b"PXAT", b"%d" % (deadline * 1000)))
        left = deadline - time.time()
        if left < 0:
            raise TimeoutError("filling took so long that keys expired meanwhile")
        time.sleep(left)
        gone = self.watch(label, EXPIRY_SECONDS, Shrinking(self.server.port, keys))
        self.figures["gone"] = gone.reached_seconds

    def run(self):
        sizes, port = self.sizes, self.server.port
        start = time.monotonic()
        self.client.fill(sizes.keys)
        fill_seconds = time.monotonic() - start
        self.watch("nothing", sizes.watch_seconds, Nothing())
        self.expire("expire", fill_seconds)
        # As many batches as it takes to grow, over the keys that are there.
        present = len(self.batches) // GROWTH
        grown = len(self.batches) - present
        self.load("overwrite", itertools.islice(itertools.cycle(self.batches[:present]), grown))
        self.load("grow", self.batches[present:])
        self.watch("save", sizes.watch_seconds, Once(port, "BGSAVE"))
        await_saved(self.server, self.client)
        self.watch("keys", sizes.watch_seconds, Once(port, "KEYS", "nothing:*"))
        self.watch("large", sizes.watch_seconds, LargeValue(port, LARGE_BYTES))
        self.watch("readers", sizes.watch_seconds, LargeReplies(port, READERS, LONG_BYTES))
        self.watch("messages", sizes.watch_seconds,
                   Messages(port, SUBSCRIBERS, MESSAGES_PER_SECOND, MESSAGE_BYTES))
        storm = self.watch("storm", sizes.watch_seconds, Storm(port, CONNECTIONS_PER_SECOND))
        self.figures["storm rate"] = storm.rate
        self.figures["storm answered"] = 100 * storm.answered / (storm.made - len(storm.open))
        self.client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        half = int(self.client.info("memory")["used_memory"]) // 2
        self.watch("lower", sizes.watch_seconds, Once(port, "CONFIG", "SET", "maxmemory", half))
        self.watch("flush", sizes.watch_seconds, Once(port, "FLUSHALL"))
        self.probe.close()
        return self.figures


def encoded_batches(sizes):
    """SETs of all keys there will be, ready to send."""
    depth = sizes.load_depth
    return [SETS.requests(range(first, first + depth)) for first in range(0, GROWTH * sizes.keys, depth)]


def run(contestants, sizes):
    server_core, probe_core = cores()
    batches = encoded_batches(sizes)

    def measure(contestant):
        with Server(*contestant, core=server_core) as server, server.client() as client:
            return Round(server, client, sizes, batches).run()

    with on_core(probe_core), kept_awake(server_core):
        got = report.by_turns(contestants, sizes.rounds, measure)
    show(got, [name for name, _ in contestants], sizes)


def show(got, names, sizes):
    keys, grown = f"{sizes.keys:,}", f"{GROWTH * sizes.keys:,}"
    rows = {
        "nothing": "nothing",
        "overwrite": f"{keys} keys overwritten twice",
        "grow": f"{keys} keys growing to {grown}",
        "expire": f"{keys} keys that expire at once",
        "save": f"BGSAVE of {grown} keys",
        "keys": f"KEYS over {grown} keys",
        "large": f"SET and GET of {LARGE_BYTES // 1_000_000} MB without a pause",
        "readers": f"{READERS} connections that read {LONG_BYTES // 1000} KB at once",
        "messages": f"{MESSAGES_PER_SECOND} messages a second to {SUBSCRIBERS:,} subscribers",
        "storm": f"{CONNECTIONS_PER_SECOND:,} new connections a second",
        "lower": f"maxmemory lowered to half of {grown} keys",
        "flush": "FLUSHALL of what is left",
    }
    figures = {
        "p50": "GET beside … (µs): median",
        "p99": "GET beside … (µs): 99th percentile",
        "p999": "GET beside … (µs): 99.9th percentile",
        "max": "GET beside … (µs): longest",
        "turn": "Longest turn of the server's loop (µs)",
        "turn on CPU": "Longest turn, CPU time only (µs)",
        "robbed": "The server waited for its core (% of time)",
    }
    for figure, title in figures.items():
        report.heading(title, names)
        for label, text in rows.items():
            report.row("  " + text, got[label, figure])
            if figure == "p999":
                report.picture(title, text, got[label, figure])
    report.heading("New connections", names)
    report.row("  a second", got["storm rate"])
    report.row("  answered within 20 ms (%)", got["storm answered"], 1)
    report.heading(f"Until they're gone (ms; -: over {1000 * EXPIRY_SECONDS:,.0f})", names)
    report.row(f"  {keys} expired keys", got["gone"], scale=1000)
