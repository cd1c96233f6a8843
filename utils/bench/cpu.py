# SPDX-License-Identifier: BSD-3-Clause
"""CPU time per request: user and system time of all threads of the server while redis-benchmark loads it."""
import contextlib
import subprocess
import sys

from . import report, tls
from .client import KEY, STRING, Template
from .server import Server

# To one large key each: what fills it, and what redis-benchmark sends then.
COLLECTIONS = {
    "hset": (Template(b"HSET", b"myhash", KEY, STRING), ("HSET", "myhash", "key:__rand_int__", "x" * 32)),
    "sadd": (Template(b"SADD", b"myset", KEY), ("SADD", "myset", "key:__rand_int__")),
    "zadd": (Template(b"ZADD", b"myzset", b"%012d", KEY), ("ZADD", "myzset", "__rand_int__", "key:__rand_int__")),
    "lpush": (Template(b"LPUSH", b"mylist", b"%032d"), ("LPUSH", "mylist", "x" * 32)),
}
COLLECTIONS_PIPELINE = 16
CALIBRATION = 20000  # requests, times the pipeline's depth up to 16


def load(server, what, pipeline, requests, sizes):
    """One run of redis-benchmark on a test of its own, named, or on a command, given as a tuple: requests a second,
    nanoseconds of CPU per request."""
    before = server.cpu_ns()
    output = subprocess.run(
        ["redis-benchmark", *server.load_options, "-n", str(requests), "-P", str(pipeline), "-c", str(sizes.clients),
         "-r", str(sizes.keys), "-d", str(sizes.size), "--csv", *(what if isinstance(what, tuple) else ("-t", what))],
        check=True, capture_output=True, text=True, timeout=300).stdout
    spent = server.cpu_ns() - before
    rows = [line.split(",") for line in output.splitlines() if line.startswith('"') and not line.startswith('"test"')]
    if not rows:
        sys.exit(f"redis-benchmark {what} against {server.name} reported nothing:\n{output}")
    # lrange and mset run commands of preparation too: the last row is the one asked for.
    return float(rows[-1][1].strip('"')), spent / (requests * len(rows))


def requests_for(server, what, pipeline, sizes):
    """As many as it answers in the time a round is to take."""
    rate, _ = load(server, what, pipeline, CALIBRATION * min(pipeline, 16), sizes)
    return int(rate * sizes.seconds)


def compare(label, servers, what, pipeline, sizes):
    requests = requests_for(servers[0], what, pipeline, sizes)

    def measure(server):
        rate, cpu = load(server, what, pipeline, requests, sizes)
        return {"rate": rate, "cpu": cpu}

    got = report.by_turns(servers, sizes.rounds, measure)
    report.row(f"{label}, " + ("no pipeline" if pipeline == 1 else f"{pipeline} in a pipeline"), got["cpu"])
    report.row("    requests a second", got["rate"])


def fill(servers, count, template):
    for server in servers:
        with server.client() as client:
            client.fill(count, template)


def run(contestants, sizes):
    by = " by TLS" if sizes.tls else ""
    report.heading(f"CPU per request{by} (ns); requests a second", [name for name, _ in contestants])
    with contextlib.ExitStack() as stack:
        if sizes.tls:
            folder = stack.enter_context(tls.certificates())
            servers = [stack.enter_context(tls.start(name, program, folder)) for name, program in contestants]
        else:
            servers = [stack.enter_context(Server(name, program)) for name, program in contestants]
        fill(servers, sizes.keys, Template(b"SET", KEY, b"x" * sizes.size))
        for test in filter(None, sizes.tests.split(",")):
            for pipeline in map(int, sizes.pipelines.split(",")):
                compare(test.upper(), servers, test, pipeline, sizes)
        for name in filter(None, sizes.collections.split(",")):
            template, command = COLLECTIONS[name]
            fill(servers, sizes.keys, template)
            compare(f"{command[0]} to one large key", servers, command, COLLECTIONS_PIPELINE, sizes)
