# SPDX-License-Identifier: BSD-3-Clause
"""Playing a case file's sections against two servers and collecting what differs.

Every section starts from FLUSHALL and fresh connections and is played on RESP2 and then on RESP3.
A server that dies ends the section: the line is reported, the server restarted, the run goes on.
"""

import re
import time

from . import casefile, compare, events, propagated, text
from .changes import Changes
from .resp import REPLY_SECONDS, Closed, Garbage, NoReply, Reply, Trouble, encode

SILENCE_SECONDS = 0.03
NO_REPLY = Reply("-", b"(no reply came)")
CLOSED = Reply("-", b"(connection closed)")
ENDLESS = Reply("-", b"(the iteration doesn't end)")
LOST = (NO_REPLY, CLOSED, ENDLESS)
LONGEST_SCAN = 100000


class Failure:
    def __init__(self, family, section, step, protocol, message):
        self.family, self.section, self.step = family, section, step
        self.protocol, self.message = protocol, message


class Tally:
    """A family's result."""

    def __init__(self):
        self.passed = self.asked_of_ours = 0
        self.failures, self.skipped = [], []


class Died(Exception):
    """A server's process ended."""


def obituary(sides, error):
    """What to say of a section that a server didn't live through."""
    for side in sides:
        if side.server.has_ended():
            return "%s ended (%s), the rest isn't played; it last said\n%s" % (
                side.server.name, side.server.how_it_ended(), side.server.log_tail(20))
    return "a server refuses service: %r" % error


class Side:
    """One server with the section's connections and variables."""

    def __init__(self, server):
        self.server = server
        self.connections, self.variables, self.restore = {}, {}, []
        self.posted = self.posted_before = 0.0

    def begin(self, protocol):
        """Clean ground for a section."""
        self.protocol = protocol
        self.connections, self.variables, self.restore = {}, {}, []
        if (self.server.run("FLUSHALL").kind == "-"
                or not self.server.await_info("connected_clients", "1")):
            self.server.restart()

    def end(self):
        for connection in self.connections.values():
            connection.close()
        for name, value in reversed(self.restore):
            if self.server.run("CONFIG", "SET", name, value).kind == "-":
                self.server.restart()
                return

    def connection(self, name):
        if name not in self.connections:
            made = self.connections[name] = self.server.connect()
            if self.protocol == 3:
                made.command("HELLO", "3")
        return self.connections[name]

    def drop(self, name):
        if name in self.connections:
            self.connections.pop(name).close()

    def configure(self, name, value=None):
        """Sets a parameter until the section's end; without a value, only restores it there."""
        old = text.as_resp2(self.server.run("CONFIG", "GET", name)).value
        if not old or len(old) != 2:
            return False
        self.restore.append((name, old[1].value))
        return value is None or self.server.run("CONFIG", "SET", name, value).kind == "+"

    def post(self, step):
        """Sends a step's command without waiting for the reply."""
        words = casefile.expand(step.words, self.variables)
        self.posted_before, self.posted = self.posted, time.monotonic()
        raw = "raw" in step.flags
        self.connection(step.connection).send(b"".join(words) if raw else encode(words))

    def take(self, step):
        """The step's reply as (Reply, bytes); several or up to the end of the stream as one."""
        connection = self.connection(step.connection)
        connection.set_timeout(float(step.values.get("within", REPLY_SECONDS)))
        try:
            if "scan" in step.flags:
                return self._scan(step, connection)
            if "closed" in step.flags:
                data = connection.read_to_end()
                return Reply("$", data), data
            count = int(step.values.get("replies", 1))
            replies = [connection.read() for _ in range(count)]
        except (NoReply, Closed) as error:
            if self.server.has_ended():
                raise Died from None
            return NO_REPLY if isinstance(error, NoReply) else CLOSED, error.args[0]
        except Garbage as error:
            return Reply("$", error.args[0]), error.args[0]
        if count == 1:
            return replies[0]
        return Reply("*", [reply for reply, _ in replies]), b"".join(raw for _, raw in replies)

    def came_early(self, step):
        """Whether the reply that was just taken should have come later."""
        least = float(step.values.get("after", 0)) / 1000
        return time.monotonic() - self.posted_before < least

    def _scan(self, step, connection):
        """A whole SCAN iteration, as the set of what it returned. SSCAN and so on have a key."""
        words, found = casefile.expand(step.words, self.variables), set()
        at = 1 if words[0].upper() == b"SCAN" else 2
        for _ in range(LONGEST_SCAN):
            reply, raw = connection.read()
            if reply.kind != "*" or len(reply.value) != 2:
                return reply, raw
            found.update(item.value for item in reply.value[1].value)
            cursor = reply.value[0].value
            if cursor == b"0":
                items = [Reply("$", item) for item in sorted(found)]
                return Reply("~", items), repr(sorted(found)).encode()
            connection.send(encode(words[:at] + [cursor] + words[at + 1:]))
        return ENDLESS, b""


class Player:
    """Plays families.

    `peer_only` means that ours is a server of the peer's version, too; `on_reply(step, protocol,
    reply)` is told every reply of the other server; `propagation` compares what goes into the
    append-only files, which the servers must write.
    """

    def __init__(self, ours, peer, peer_only=False, on_reply=None, propagation=False):
        self.listeners = []
        self.ours, self.peer, self.peer_only = Side(ours), Side(peer), peer_only
        self.on_reply = on_reply
        self.changes = Changes(ours, peer)
        self.propagated = propagated.Propagated(ours, peer) if propagation else None
        self.known = {}

    def play(self, family):
        tally = Tally()
        for section in family.sections:
            if self.propagated and propagated.concern(section):
                continue
            missing = [name for name in section.needs if not self._knows(name)]
            if missing:
                tally.skipped.append((section.name, missing))
                continue
            for protocol in section.protocols:
                self._play_section(family, section, protocol, tally)
        return tally

    def _knows(self, command):
        if command not in self.known:
            reply = text.as_resp2(self.ours.server.run("COMMAND", "INFO", command))
            self.known[command] = reply.kind == "*" and bool(
                reply.value and reply.value[0].value)
        return self.known[command]

    def _play_section(self, family, section, protocol, tally):
        step = section.steps[0] if section.steps else None
        sides = (self.ours, self.peer)
        try:
            for side in sides:
                side.begin(protocol)
            if self.propagated:
                self.propagated.start(section)
            if not events.concern(section):
                self.listeners = [events.Listener(side.server) for side in sides]
            self.changes.start()
            self.waits = False
            self.ours_alone = not any(_asked_both(step) and "send" not in step.flags
                                      for step in section.steps)
            for step in section.steps:
                message = (self._play_step(step, protocol, tally) or self._changes_of(step)
                           or self._events_of(step) or self._propagated_of(step))
                if message:
                    tally.failures.append(Failure(family, section, step, protocol, message))
            self._stop_listening()
            message = self.propagated.loaded_differs() if self.propagated else None
            if message:
                tally.failures.append(Failure(family, section, step, protocol, message))
            for side in sides:
                side.end()
        except (Died, Trouble, OSError) as error:
            message = obituary((self.ours, self.peer), error)
            tally.failures.append(Failure(family, section, step, protocol, message))
            for side in sides:
                side.server.restart()
            self._stop_listening()

    def _stop_listening(self):
        for listener in self.listeners:
            listener.close()
        self.listeners = []

    def _play_step(self, step, protocol, tally):
        """None, or what differs."""
        if step.expected is not None and "both" not in step.flags:
            return self._ask_ours(step, protocol, tally)
        if step.statement is not None:
            return self._statement(step, tally)
        now = time.time()
        for side in (self.ours, self.peer):
            side.variables.update(now=str(int(now)), now_ms=str(int(now * 1000)))
            side.post(step)
        if "send" in step.flags:
            return None
        message = self._compare(step, tally)
        if message is None and step.expected is not None:
            wanted = text.for_protocol(step.expected, protocol)
            if not _agrees(step, self.last, wanted):
                tally.passed -= 1
                return "both:     %s\nexpected: %s" % (text.show(self.last), text.show(wanted))
        return message

    def _changes_of(self, step):
        """None, or what differs in the changes counted. No matter is what wasn't asked of both, and
        what follows a command that may wait: 7.2 counts what it changes in the end, 7.0 doesn't."""
        found = self.changes.differ()
        self.waits = self.waits or "send" in step.flags
        counted = _asked_both(step) and not self.waits and "uncounted" not in step.flags
        return found if counted else None

    def _events_of(self, step):
        """None, or what differs in the events of keys since the last case that was compared."""
        if "send" in step.flags:
            return None
        ours, peers = [listener.take() for listener in self.listeners] or ([], [])
        if ours == peers or not _asked_both(step) or "unheard" in step.flags:
            return None
        return "ours:  events %s\nother: events %s" % (", ".join(ours), ", ".join(peers))

    def _propagated_of(self, step):
        """None, or what differs in the append-only files since the last case that was compared."""
        if not self.propagated or "send" in step.flags:
            return None
        message = self.propagated.differ(step)
        compared = _asked_both(step) and "unpropagated" not in step.flags
        return message if compared else None

    def _ask_ours(self, step, protocol, tally):
        """A line with the reply written in it."""
        if self.peer_only:
            tally.asked_of_ours += 1
            return None
        self.ours.post(step)
        reply, _ = self.ours.take(step)
        if reply in LOST:
            self.ours.drop(step.connection)
        self._remember(self.ours, step, reply)
        wanted = text.for_protocol(step.expected, protocol)
        if _agrees(step, reply, wanted):
            tally.passed += 1
            return None
        return "ours:     %s\nexpected: %s" % (text.show(reply), text.show(wanted))

    def _remember(self, side, step, reply):
        if "as" in step.values:
            value = reply.value
            value = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            name, _, field = step.values["as"].partition(".")
            if field:
                found = re.search(r"\b%s=(\S*)" % re.escape(field), value)
                value = found.group(1) if found else ""
            side.variables[name] = value

    def _compare(self, step, tally):
        """Takes both replies and compares them."""
        taken, early = [], []
        for side in (self.ours, self.peer):
            taken.append(side.take(step))
            if side.came_early(step):
                early.append(side.server.name)
            self._remember(side, step, taken[-1][0])
        (ours, our_bytes), (peers, peer_bytes) = taken
        if ours in LOST or peers in LOST:
            for side in (self.ours, self.peer):
                side.drop(step.connection)  # what follows starts in step again
        self.last = ours
        if self.on_reply:
            self.on_reply(step, self.peer.protocol, peers)
        if step.mask is None:
            equal = our_bytes == peer_bytes and ours is not NO_REPLY
        else:
            equal = compare.same(step.mask, step.argument, ours, peers)
        if early:
            return "the reply came too early: " + " ".join(early)
        if equal:
            tally.passed += 1
            return None
        details = compare.explain(step.mask, step.argument, ours, peers)
        if details:
            return details
        shown = text.show(ours), text.show(peers)
        message = "ours:  %s\nother: %s" % shown
        if shown[0] == shown[1]:
            message += "\nours as bytes:  %r\nother as bytes: %r" % (our_bytes, peer_bytes)
        return message

    def _statement(self, step, tally):
        return getattr(self, "_do_" + step.statement)(step, tally)

    def _do_config(self, step, tally):
        words = [word.decode() for word in casefile.expand(step.words, {})]
        for side in (self.ours, self.peer):
            if not side.configure(*words):
                return "%s refuses CONFIG SET %s" % (side.server.name, " ".join(words))
        return None

    def _do_until(self, step, tally):
        """The command is repeated until its reply contains the text."""
        wanted, *words = casefile.expand(step.words, {})
        for side in (self.ours,) if self.ours_alone else (self.ours, self.peer):
            if not side.server.await_reply(wanted, words):
                return "%s doesn't come to say %s" % (side.server.name, wanted.decode())
        return None

    def _do_sleep(self, step, tally):
        time.sleep(float(step.words[0].data))

    def _do_await(self, step, tally):
        name, value = (word.data.decode() for word in step.words)
        for side in (self.ours, self.peer):
            if not side.server.await_info(name, value):
                return "%s: %s never is %s" % (side.server.name, name, value)
        return None

    def _do_recv(self, step, tally):
        return self._compare(step, tally)

    def _do_silent(self, step, tally):
        for side in (self.ours, self.peer):
            if not side.connection(step.connection).is_silent(SILENCE_SECONDS):
                return "%s sent something, silence was expected" % side.server.name
        tally.passed += 1
        return None

    def _do_close(self, step, tally):
        for side in (self.ours, self.peer):
            side.drop(step.connection)

    def _do_closed(self, step, tally):
        step.flags.add("closed")
        message = self._compare(step, tally)
        for side in (self.ours, self.peer):
            side.drop(step.connection)
        return message


def _asked_both(step):
    return step.statement is None and (step.expected is None or "both" in step.flags)


def _agrees(step, reply, wanted):
    if step.mask is not None:
        return compare.same(step.mask, step.argument, reply, wanted)
    if wanted.kind == reply.kind == "-" and wanted.value.endswith(b"*"):
        return reply.value.startswith(wanted.value[:-1])
    return reply == wanted
