# SPDX-License-Identifier: BSD-3-Clause
"""Servers that are loaded by TLS, with certificates made for the occasion."""
import contextlib
import os
import subprocess
import tempfile

from .server import Server, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@contextlib.contextmanager
def certificates():
    """A folder of them."""
    with tempfile.TemporaryDirectory(prefix="drey-bench-") as folder:
        subprocess.run([os.path.join(ROOT, "tests", "make-certificates"), folder], check=True, timeout=60)
        yield folder


def start(name, program, folder):
    """It has a plain port, too, by which it's filled; clients need no certificate."""
    def file(of):
        return os.path.join(folder, of)

    port = free_port()
    server = Server(name, program, ("--tls-port", str(port), "--tls-cert-file", file("server.crt"), "--tls-key-file",
                                    file("server.key"), "--tls-auth-clients", "no"))
    server.load_options = ("-p", str(port), "--tls", "--cacert", file("ca.crt"))
    return server
