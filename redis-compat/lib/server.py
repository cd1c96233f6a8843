# SPDX-License-Identifier: BSD-3-Clause
"""Starting, watching and ending the servers under comparison."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .resp import REPLY_SECONDS, Connection, Trouble

START_SECONDS = 10
PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """The server didn't come up; the text says what it printed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process in a directory of its own, with persistence off.

    `options` are further config parameters, as on a server's command line. `control` is a
    connection of the harness, beside those of the cases.
    """

    def __init__(self, name, path, options=()):
        self.name, self.path, self.options = name, path, list(options)
        self.directory = tempfile.mkdtemp(prefix="compat-")
        self.process = self.control = None
        self.port = free_port()
        self.starts = 0
        self.start()

    def start(self):
        self.starts += 1
        command = [self.path, "--port", str(self.port), "--bind", "127.0.0.1",
                   "--dir", self.directory, "--save", "", "--appendonly", "no",
                   "--enable-debug-command", "yes"] + self.options
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=_end_with_parent)
        self._await_start()

    def _await_start(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.control = Connection(self.port)
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise StartFailed("%s (%s) doesn't start:\n%s" % (self.name, self.path, self.log_tail()))

    def log_tail(self, lines=30):
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def has_ended(self):
        """Whether the process is gone; one that is just dying gets a moment for it."""
        try:
            self.process.wait(0.3)
            return True
        except subprocess.TimeoutExpired:
            return False

    def how_it_ended(self):
        code = self.process.returncode
        return "exit status %d" % code if code >= 0 else signal.Signals(-code).name

    def connect(self, timeout=REPLY_SECONDS):
        return Connection(self.port, timeout)

    def run(self, *args):
        """A command of the harness itself; the control connection is renewed if it was lost."""
        try:
            return self.control.command(*args)
        except (Trouble, OSError):
            self.control.close()
            self.control = Connection(self.port)
            return self.control.command(*args)

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        if self.control is not None:
            self.control.close()
            self.control = None
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        """Ends the process and removes its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
