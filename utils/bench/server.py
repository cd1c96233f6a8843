# SPDX-License-Identifier: BSD-3-Clause
"""A server under measurement: started here on a free port in a directory of its own, ended by its process id."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from .client import Client

PATIENCE_SECONDS = 60


class Server:
    """Answers when the constructor returns. With `core`, all its threads run on that core only."""

    def __init__(self, name, program, options=(), core=None):
        self.name = name
        self.port = free_port()
        self.load_options = ("-p", str(self.port))  # of redis-benchmark
        self.directory = tempfile.mkdtemp(prefix="drey-bench-")
        self.log = os.path.join(self.directory, "log")
        pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", self.directory, "--logfile", self.log, *options],
            stdout=subprocess.DEVNULL, preexec_fn=pin)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        """Until it answers, its data loaded; the log goes to stderr if it never does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with self.client() as client:
                    if client.call("PING") == b"PONG":
                        return
            except OSError:
                time.sleep(0.01)
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8", errors="replace") as file:
                sys.stderr.write(file.read())
        sys.exit(f"{self.name} doesn't answer on port {self.port}")

    def client(self):
        return Client(self.port)

    @property
    def pid(self):
        return self.process.pid

    def cpu_ns(self):
        return cpu_ns_of(self.pid)

    def rss(self):
        """Bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def cpu_ns_of(pid):
    """Of all its threads, with the scheduler's resolution."""
    tasks = f"/proc/{pid}/task"
    total = 0
    for thread in os.listdir(tasks):
        with open(f"{tasks}/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
