# SPDX-License-Identifier: BSD-3-Clause
"""What both servers write to their append-only files for each case: the same commands, in the same
order, wrapped in MULTI and EXEC alike. And what ours has written it loads again (DEBUG LOADAOF) at each
section's end, and holds the same data.

Not compared is what can't be equal: names' case, times and the ids that come of them (near is enough),
which members SPOP takes, DELs of keys that expire when a server gets round to it; and what differs on
purpose, see `plain` and DIFFERENCES.md.
"""

import os
import re

from . import text

OPTIONS = ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"]
NEAR_MS = 5000
TIME = re.compile(rb"^([1-9][0-9]{12,18})(?:-([0-9]+))?$")  # milliseconds; as an id, too
# Sections in which one of these stands write other files, or data that no file gets, or tell of files.
MEDDLING = {b"APPENDONLY", b"BGREWRITEAOF", b"POPULATE", b"WAITAOF"}
# In these, keys go when a server gets round to it.
EXPIRING = {b"EXAT", b"PXAT", b"MAXMEMORY"}
# Whose arguments may be typed in either case.
FOLDED = {b"lmove", b"function"}
UNTIMELY = {b"del", b"unlink", b"hdel"}
MULTI, EXEC = (0, b"multi"), (0, b"exec")


def _names(section, words):
    return any(word.data.upper() in words for step in section.steps for word in step.words)


def concern(section):
    """Whether the section can't be played with append-only files."""
    return _names(section, MEDDLING)


def expires(section):
    waits = any(step.statement in ("sleep", "await", "recv") for step in section.steps)
    return waits or _names(section, EXPIRING)


def parse(data):
    """The whole commands at the start of `data`, as lists of words, and how many bytes they take."""
    commands, taken, at = [], 0, 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return commands, taken
        if data[at:at + 1] == b"#":  # a timestamp
            at = taken = end + 2
            continue
        words, count = [], int(data[at + 1:end])
        at = end + 2
        for _ in range(count):
            end = data.find(b"\r\n", at)
            if end < 0:
                return commands, taken
            size = int(data[at + 1:end])
            words.append(data[end + 2:end + 2 + size])
            at = end + 2 + size + 2
        if at > len(data):
            return commands, taken
        commands.append(words)
        taken = at


class File:
    """A server's append-only file that is being written, read on from where it was left."""

    def __init__(self, server):
        self.server, self.path, self.offset, self.database = server, None, 0, b"0"

    def _current(self):
        directory = os.path.join(self.server.directory, "appendonlydir")
        names = [name for name in os.listdir(directory) if name.endswith(".incr.aof")]
        return os.path.join(directory, max(names, key=lambda name: int(name.split(".")[-3])))

    def take(self):
        """What came since the last time: tuples of database and words, without SELECT."""
        path = self._current()
        if path != self.path:
            self.path, self.offset = path, 0
        with open(path, "rb") as file:
            file.seek(self.offset)
            commands, taken = parse(file.read())
        self.offset += taken
        found = []
        for words in commands:
            name = words[0].lower()
            if name == b"select":
                self.database = words[1]
            elif name in (b"multi", b"exec"):
                found.append((0, name))
            else:
                found.append((int(self.database), name, *words[1:]))
        return found


def plain(commands, own):
    """`commands` in a form in which both servers' are equal; `own` is the name of the case's
    command."""
    found = []
    for command in commands:
        name = command[1]
        if name in FOLDED:
            command = tuple(word.lower() if isinstance(word, bytes) else word for word in command)
        if name in (b"xadd", b"xtrim"):
            command = _without_limit(command)
        if name == b"set":
            command = _set_until(command)
        # Beside claims Redis 7.0 doesn't say how far a group has read, nor that a consumer is new.
        if name == b"xgroup" and own != b"XGROUP" and command[2].lower() in (
                b"createconsumer", b"setid"):
            continue
        if name == b"srem" and own == b"SPOP":  # whoever it is, and in however many commands
            if found and found[-1][:3] == command[:3]:
                found[-1] = command[:3] + (found[-1][3] + len(command) - 3,)
                continue
            command = command[:3] + (len(command) - 3,)
        found.append(command)
    return _without_needless_multi(found)


def _without_limit(command):
    words = list(command)
    for at, word in enumerate(words[:-1]):
        if isinstance(word, bytes) and word.upper() == b"LIMIT":
            return tuple(words[:at] + words[at + 2:])
    return command


def _set_until(command):
    """Redis 7.0 leaves nothing of SET's options beside PXAT."""
    for at in range(4, len(command) - 1):
        if command[at].upper() == b"PXAT":
            return command[:4] + (b"PXAT", command[at + 1])
    return command


def _without_needless_multi(commands):
    found = []
    for command in commands:
        if command == EXEC and found and found[-1] == MULTI:
            found.pop()
        elif command == EXEC and len(found) > 1 and found[-2] == MULTI:
            found.pop(-2)
        else:
            found.append(command)
    return found


def _words_agree(one, other):
    if one == other:
        return True
    if not isinstance(one, bytes) or not isinstance(other, bytes):
        return False
    times = TIME.match(one), TIME.match(other)
    return all(times) and abs(int(times[0][1]) - int(times[1][1])) < NEAR_MS


def _agree(one, other):
    return len(one) == len(other) and all(map(_words_agree, one, other))


def _without_untimely(commands, own):
    """What expires goes when a server gets round to it."""
    if own in (b"DEL", b"UNLINK", b"HDEL", b"GETDEL", b"DELIFEQ"):
        return commands
    return _without_needless_multi([c for c in commands if c[1] not in UNTIMELY])


def _show(commands):
    return " | ".join(" ".join(str(word) if isinstance(word, int) else
                               word.decode("latin-1")[:40] for word in command)
                      for command in commands) or "nothing"


class Propagated:
    """Both servers' files; each case's part is compared when its replies have come."""

    def __init__(self, *servers):
        self.servers, self.files = servers, [File(server) for server in servers]

    def start(self, section):
        """What was before doesn't matter, and isn't to be loaded once more."""
        self.servers[0].run("BGREWRITEAOF")
        self.servers[0].await_info("aof_rewrite_in_progress", "0")
        self._take()
        self.section, self.written = section, []

    def _take(self):
        for server in self.servers:
            server.run("PING")  # the turn in which the case ran is over, so what it wrote is there
        return [file.take() for file in self.files]

    def differ(self, step):
        """What differs since the last call, or None."""
        own = step.words[0].data.upper() if step.words else b""
        both = self._take()
        self.written += both[0]
        ours, peers = (plain(commands, own) for commands in both)
        if expires(self.section):
            ours, peers = (_without_untimely(commands, own) for commands in (ours, peers))
        if len(ours) == len(peers) and all(map(_agree, ours, peers)):
            return None
        return "ours:  propagates %s\nother: propagates %s" % (_show(ours), _show(peers))

    def loaded_differs(self):
        """Our server loads what it has written, and should hold the same afterwards. None, or what
        differs."""
        server = self.servers[0]
        self.written += self._take()[0]
        before = server.run("DEBUG", "DIGEST").value
        reply = server.run("DEBUG", "LOADAOF")
        if reply.kind == "-":
            return "what is propagated can't be loaded: %s" % text.show(reply)
        if server.run("DEBUG", "DIGEST").value == before:
            return None
        return "what is propagated makes other data: %s" % _show(self.written)

    def repeat(self, connection):
        """Somebody else runs what ours has written, from the beginning. None, or what is refused."""
        database = None
        connection.command("SELECT", "0")
        connection.command("FLUSHALL")
        for command in self.written:
            if command not in (MULTI, EXEC) and command[0] != database:
                database = command[0]
                connection.command("SELECT", str(database))
            reply = text.as_resp2(connection.command(*command[1:]))
            replies = reply.value if command == EXEC else [reply]
            if any(one.kind == "-" for one in replies):
                return "what is propagated is refused: %s: %s" % (_show([command]), text.show(reply))
        return None
