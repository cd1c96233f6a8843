# SPDX-License-Identifier: BSD-3-Clause
"""What the tests with other people's clients share: a server of their own, programs run to their
end, programs at a terminal, and the last line that tests/run reads.

The server is the program named by the environment variable DREY_SERVER. It's ended by its process
id, it ends with this process in any case, and an exit status other than 0 (a crash, a sanitizer's
report) fails the tests. Nothing waits longer than PATIENCE seconds.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "redis-compat"))

from lib import server as compat

PATIENCE = 120

# What would make a client behave otherwise at one user's than at another's.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("REDISCLI")}
ENVIRONMENT.update(TERM="xterm", LC_ALL="C.UTF-8", REDISCLI_HISTFILE="/dev/null",
                   REDISCLI_RCFILE="/dev/null")


class Server(compat.Server):
    """The server under test; relative paths in `options` are in its `directory`."""

    def __init__(self, *options):
        super().__init__("server", os.environ["DREY_SERVER"], options)

    def stop(self):
        super().stop()
        if self.process.returncode != 0:
            raise AssertionError("the server ended with %s:\n%s"
                                 % (self.how_it_ended(), self.log_tail()))


class Case(unittest.TestCase):
    """Tests that share one server, empty at the start of each."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)
        cls.addClassCleanup(cls.server.remove)

    def setUp(self):
        self.server.await_info("connected_clients", "1")  # those of the test before are gone
        self.server.run("FLUSHALL")
        self.server.run("CONFIG", "RESETSTAT")

    def run_client(self, *argv, stdin=b""):
        """Runs a program to its end; returns (exit status, standard output, standard error)."""
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=PATIENCE,
                              env=ENVIRONMENT, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def heed_interrupts():
    """Who runs the tests in the background may have left this signal ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A program whose standard files are a terminal; for a `with` statement."""

    def __init__(self, *argv):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (50, 200))
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        env=ENVIRONMENT, start_new_session=True,
                                        preexec_fn=heed_interrupts)
        os.close(slave)
        self.shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        """Waits until the regular expression has been shown since the last match; returns the
        match."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.shown)):
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("no %r in %r" % (pattern, self.shown))
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # the program has ended
                raise AssertionError("ended without %r: %r" % (pattern, self.shown)) from None
        self.shown = self.shown[match.end():]
        return match

    def end(self):
        """Waits until the program has ended by itself; returns its exit status."""
        return self.process.wait(PATIENCE)


def main():
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (max(0, result.testsRun - failed), failed))
    sys.exit(1 if failed else 0)
