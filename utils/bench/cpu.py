# SPDX-License-Identifier: BSD-3-Clause
"""CPU time per request: user and system time of all threads of the server while redis-benchmark loads it."""
import contextlib
import subprocess
import sys

from . import report
from .server import Server

CALIBRATION = 20000  # requests, times the pipeline's depth up to 16


def load(server, test, pipeline, requests, sizes):
    """One run of redis-benchmark: requests a second, nanoseconds of CPU per request."""
    before = server.cpu_ns()
    output = subprocess.run(
        ["redis-benchmark", "-p", str(server.port), "-t", test, "-n", str(requests), "-P", str(pipeline),
         "-c", str(sizes.clients), "-r", str(sizes.keys), "-d", str(sizes.size), "--csv"],
        check=True, capture_output=True, text=True, timeout=300).stdout
    spent = server.cpu_ns() - before
    rows = [line.split(",") for line in output.splitlines() if line.startswith('"') and not line.startswith('"test"')]
    if not rows:
        sys.exit(f"redis-benchmark -t {test} against {server.name} reported nothing:\n{output}")
    # lrange and mset run commands of preparation too: the last row is the one asked for.
    return float(rows[-1][1].strip('"')), spent / (requests * len(rows))


def requests_for(server, test, pipeline, sizes):
    """As many as it answers in the time a round is to take."""
    rate, _ = load(server, test, pipeline, CALIBRATION * min(pipeline, 16), sizes)
    return int(rate * sizes.seconds)


def compare(servers, test, pipeline, sizes):
    requests = requests_for(servers[0], test, pipeline, sizes)

    def measure(server):
        rate, cpu = load(server, test, pipeline, requests, sizes)
        return {"rate": rate, "cpu": cpu}

    return report.by_turns(servers, sizes.rounds, measure)


def run(contestants, sizes):
    names = [name for name, _ in contestants]
    report.heading("CPU per request (ns); requests a second", names)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(name, program)) for name, program in contestants]
        for server in servers:
            with server.client() as client:
                client.fill(sizes.keys, value=b"x" * sizes.size)
        for test in sizes.tests.split(","):
            for pipeline in map(int, sizes.pipelines.split(",")):
                got = compare(servers, test, pipeline, sizes)
                label = f"{test.upper()}, " + ("no pipeline" if pipeline == 1 else f"{pipeline} in a pipeline")
                report.row(label, got["cpu"])
                report.row("    requests a second", got["rate"])
