# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's part of a request costs: a server that neither parses nor stores, under the same load."""
import signal
import socket
import subprocess
import time

from .server import PATIENCE_SECONDS, cpu_ns_of, free_port


class Floor:
    """Answers each request, all of which have the length of this one, with this reply."""
    name = "floor"

    def __init__(self, program, request, reply):
        self.port = free_port()
        self.load_options = ("-p", str(self.port))
        self.process = subprocess.Popen([program, str(self.port), str(len(request)), reply])

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def cpu_ns(self):
        return cpu_ns_of(self.process.pid)
