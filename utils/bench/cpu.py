# SPDX-License-Identifier: BSD-3-Clause
"""CPU time per request: user and system time of all threads of the server while redis-benchmark loads it."""
import collections
import contextlib
import csv
import io
import os
import subprocess
import sys

from . import report, tls
from .client import KEY, OK, STRING, Template, encode
from .floor import Floor
from .server import Server

# To one large key each: what fills it, and what redis-benchmark sends then.
COLLECTIONS = {
    "hset": (Template(b"HSET", b"myhash", KEY, STRING), ("HSET", "myhash", "key:__rand_int__", "x" * 32)),
    "sadd": (Template(b"SADD", b"myset", KEY), ("SADD", "myset", "key:__rand_int__")),
    "zadd": (Template(b"ZADD", b"myzset", b"%012d", KEY), ("ZADD", "myzset", "__rand_int__", "key:__rand_int__")),
    "lpush": (Template(b"LPUSH", b"mylist", b"%032d"), ("LPUSH", "mylist", "x" * 32)),
}
COLLECTIONS_PIPELINE = 16
FLOOR_SIZE_MAX = 64 * 1024
CALIBRATION = 20000  # requests, times the pipeline's depth up to 16

Loaded = collections.namedtuple("Loaded", "rate cpu p50 p99")  # a second; ns per request; microseconds


def load(server, what, pipeline, requests, sizes):
    """One run of redis-benchmark on a test of its own, named, or on a command, given as a tuple."""
    before = server.cpu_ns()
    output = subprocess.run(
        ["redis-benchmark", *server.load_options, "-n", str(requests), "-P", str(pipeline), "-c", str(sizes.clients),
         "-r", str(sizes.keys), "-d", str(sizes.size), "--csv", *(what if isinstance(what, tuple) else ("-t", what))],
        check=True, capture_output=True, text=True, timeout=300).stdout
    spent = server.cpu_ns() - before
    rows = list(csv.DictReader(io.StringIO(output)))
    if not rows:
        sys.exit(f"redis-benchmark {what} against {server.name} reported nothing (it has to be of 6.2 or later):\n{output}")
    last = rows[-1]  # lrange and mset run commands of preparation too: it's the one asked for
    return Loaded(float(last["rps"]), spent / (requests * len(rows)), 1000 * float(last["p50_latency_ms"]),
                  1000 * float(last["p99_latency_ms"]))


def requests_for(server, what, pipeline, sizes):
    """As many as it answers in the time a round is to take."""
    return int(load(server, what, pipeline, CALIBRATION * min(pipeline, 16), sizes).rate * sizes.seconds)


def floor_of(test, sizes):
    """A request of the test and its reply, where all are of one size, and not too long for a command line; None where
    that isn't so, or the program isn't there."""
    value = b"x" * sizes.size
    known = {"get": (encode("GET", KEY % 0), b"$%d\r\n%s\r\n" % (sizes.size, value)),
             "set": (encode("SET", KEY % 0, value), OK)}
    usable = os.path.exists(sizes.floor) and sizes.size <= FLOOR_SIZE_MAX and not sizes.tls
    return known.get(test) if usable else None


def compare(label, servers, what, pipeline, sizes, floor=None):
    requests = requests_for(servers[0], what, pipeline, sizes)
    together = [*servers, floor] if floor else servers
    got = report.by_turns(together, sizes.rounds,
                          lambda server: load(server, what, pipeline, requests, sizes)._asdict())
    figures = {name: medians[:len(servers)] for name, medians in got.items()}
    least = got["cpu"][len(servers)] if floor else None
    name = f"{label}, " + ("no pipeline" if pipeline == 1 else f"{pipeline} in a pipeline")
    by = " by TLS" if sizes.tls else ""
    report.row(name, figures["cpu"], floor=least)
    report.row("    requests a second", figures["rate"])
    report.row("    latency (µs): median", figures["p50"])
    report.row("    latency (µs): 99th percentile", figures["p99"])
    report.picture(f"CPU per request{by} (ns)", name, figures["cpu"], least)
    report.picture(f"Requests a second{by}", name, figures["rate"])
    report.picture(f"Latency{by} under that load (µs), 99th percentile", name, figures["p99"])


def fill(servers, count, template):
    for server in servers:
        with server.client() as client:
            client.fill(count, template)


def run(contestants, sizes):
    by = " by TLS" if sizes.tls else ""
    tests = list(filter(None, sizes.tests.split(",")))
    report.heading(f"CPU per request{by} (ns); rate and latency", [name for name, _ in contestants],
                   *(["floor"] if any(floor_of(test, sizes) for test in tests) else []))
    with contextlib.ExitStack() as stack:
        if sizes.tls:
            folder = stack.enter_context(tls.certificates())
            servers = [stack.enter_context(tls.start(name, program, folder)) for name, program in contestants]
        else:
            servers = [stack.enter_context(Server(name, program)) for name, program in contestants]
        fill(servers, sizes.keys, Template(b"SET", KEY, b"x" * sizes.size))
        for test in tests:
            with contextlib.ExitStack() as below:
                same = floor_of(test, sizes)
                floor = below.enter_context(Floor(sizes.floor, *same)) if same else None
                for pipeline in map(int, sizes.pipelines.split(",")):
                    compare(test.upper(), servers, test, pipeline, sizes, floor)
        for name in filter(None, sizes.collections.split(",")):
            template, command = COLLECTIONS[name]
            fill(servers, sizes.keys, template)
            compare(f"{command[0]} to one large key", servers, command, COLLECTIONS_PIPELINE, sizes)
