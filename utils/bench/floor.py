# SPDX-License-Identifier: BSD-3-Clause
"""About what the kernel's part of a request costs: a server that neither parses nor stores, under the same load."""
import socket
import subprocess
import sys
import time

from .server import PATIENCE_SECONDS, cpu_ns_of, free_port


class Floor:
    """Answers each request, all of which have the length of this one, with this reply; when the constructor returns."""
    name = "floor"

    def __init__(self, program, request, reply):
        self.port = free_port()
        self.load_options = ("-p", str(self.port))
        self.process = subprocess.Popen([program, str(self.port), str(len(request)), reply])
        try:
            self._wait(program)
        except BaseException:
            self.stop()
            raise

    def _wait(self, program):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)
        sys.exit(f"{program} doesn't answer on port {self.port}")

    def cpu_ns(self):
        return cpu_ns_of(self.process.pid)

    def stop(self):
        self.process.kill()  # it has nothing to lose
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
