# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots and append-only files: how long BGSAVE takes, how much memory it needs beside writes, how long the file
takes to load, and what writing an append-only file costs."""
import contextlib
import glob
import os
import subprocess
import time

from . import cpu, report
from .server import Server

POLL_SECONDS = 0.01
PATIENCE_SECONDS = 600
LOAD = ["redis-benchmark", "-q", "-t", "set", "-P", "16", "-c", "50", "-d", "32", "-n", "1000000000"]


def children_private(pid):
    """Bytes that child processes don't share with anybody."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path, encoding="ascii") as file:
            children = file.read().split()
        for child in children:
            with contextlib.suppress(OSError), open(f"/proc/{child}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Private_"))
    return total


def await_saved(server, client):
    """Seconds until BGSAVE is done, and the most memory seen meanwhile."""
    start, most = time.monotonic(), 0
    while client.info("persistence")["rdb_bgsave_in_progress"] == "1":
        most = max(most, server.rss() + children_private(server.pid))
        if time.monotonic() - start > PATIENCE_SECONDS:
            raise TimeoutError("BGSAVE doesn't end")
        time.sleep(POLL_SECONDS)
    if client.info("persistence")["rdb_last_bgsave_status"] != "ok":
        raise OSError(f"{server.name}: BGSAVE failed")
    return time.monotonic() - start, most


@contextlib.contextmanager
def writes(server, keys):
    """SETs of keys that are there, as fast as they're answered."""
    with subprocess.Popen([*LOAD, "-p", str(server.port), "-r", str(keys)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(1)  # its connections are there, and what the server keeps for them
            yield
        finally:
            process.kill()


def timed(client, command):
    start = time.monotonic()
    client.call(command)
    return time.monotonic() - start


def load_seconds(contestant, directory):
    start = time.monotonic()
    with Server(*contestant, options=["--dir", directory]):
        return time.monotonic() - start


def snapshot(contestant, sizes):
    with Server(*contestant) as server, server.client() as client:
        client.fill(sizes.keys)
        figures = {"begin": timed(client, "BGSAVE")}
        figures["idle"], _ = await_saved(server, client)
        with writes(server, sizes.keys):
            before = server.rss()
            client.call("BGSAVE")
            figures["busy"], most = await_saved(server, client)
        figures["memory"] = most / before
        figures["load"] = load_seconds(contestant, server.directory)
        figures["bytes"] = os.path.getsize(os.path.join(server.directory, "dump.rdb"))
        return figures


def append(contestant, sizes, policy, pipeline):
    options = ["--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0"]
    with Server(*contestant, options=options) as server:
        requests = cpu.requests_for(server, "set", pipeline, sizes)
        return cpu.load(server, "set", pipeline, requests, sizes)._asdict()


def run(contestants, sizes):
    names = [name for name, _ in contestants]
    got = report.by_turns(contestants, sizes.rounds, lambda contestant: snapshot(contestant, sizes))
    report.heading(f"Snapshots of {sizes.keys:,} keys", names)
    report.row("  BGSAVE answers (ms)", got["begin"], decimals=2, scale=1000)
    report.row("  BGSAVE takes (ms)", got["idle"], scale=1000)
    report.row("  the same beside SETs as fast as they can", got["busy"], scale=1000)
    report.row("  memory then, of that before (%)", got["memory"], decimals=1, scale=100)
    report.row("  from the start until it's loaded (ms)", got["load"], scale=1000)
    report.row("  file (bytes)", got["bytes"])
    report.heading("SET with an append-only file", names)
    for policy, pipeline in (("everysec", 16), ("always", 1)):
        got = report.by_turns(contestants, sizes.rounds,
                              lambda contestant: append(contestant, sizes, policy, pipeline))
        how = "no pipeline" if pipeline == 1 else f"{pipeline} in a pipeline"
        report.row(f"  {policy}, {how}: CPU (ns)", got["cpu"])
        report.row("    requests a second", got["rate"])
