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

PATIENCE_SECONDS = 120
FIRST_PORT, LAST_PORT = 12000, 30000
PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """The server didn't come up; the text says what it printed."""


def hold_port():
    """A port that nobody listens on, as a socket that is bound to it and never listens: as long as that
    is open, whoever looks for a port finds it taken, and the kernel gives it to no outgoing connection.
    A server may have it, as both sockets have SO_REUSEADDR; ours gets it late, so that it binds only to
    what is nobody's. Below the ports of outgoing connections, from a place of this process."""
    ports = LAST_PORT - FIRST_PORT
    for number in range(ports):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", FIRST_PORT + (os.getpid() * 89 + number) % ports))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return holder
        except OSError:
            holder.close()
    raise StartFailed("no free port")


def _end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process in a directory of its own, with persistence off.

    `options` are further config parameters, as on a server's command line. `control` is a
    connection of the harness, beside those of the cases. Who has files for the directory starts it
    later.
    """

    def __init__(self, name, path, options=(), start=True):
        self.name, self.path, self.options = name, path, list(options)
        self.bus_holder = None
        if "--cluster-enabled" in self.options:
            self.bus_holder = hold_port()
            self.options += ["--cluster-port", str(self.bus_holder.getsockname()[1])]
        self.directory = tempfile.mkdtemp(prefix="compat-")
        self.process = self.control = None
        self.holder = hold_port()
        self.port = self.holder.getsockname()[1]
        self.starts = 0
        if start:
            self.start()

    def start(self):
        self.starts += 1
        command = [self.path, "--port", str(self.port), "--bind", "127.0.0.1",
                   "--dir", self.directory, "--save", "", "--appendonly", "no",
                   "--enable-debug-command", "yes", "--lazyfree-lazy-expire", "no",
                   "--lazyfree-lazy-eviction", "no"] + self.options
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=_end_with_parent)
        self._await_start()

    def _await_start(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
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

    def await_info(self, name, value):
        """Waits until INFO says so; False if it doesn't come to that. What is sent on one connection,
        or its end, may reach a server later than what is sent afterwards on another one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        line = "\r\n%s:%s\r\n" % (name, value)
        while line.encode() not in self.run("INFO", "everything").value:
            if time.monotonic() > deadline:
                return False
        return True

    def await_reply(self, wanted, words):
        """Waits until the reply to a command contains a text; False if it doesn't come to that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while wanted not in repr(self.run(*words).value).encode():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

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
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        """Ends the process, gives back the port and removes the directory."""
        self.stop()
        self.holder.close()
        if self.bus_holder is not None:
            self.bus_holder.close()
        shutil.rmtree(self.directory, ignore_errors=True)
