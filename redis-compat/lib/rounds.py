# SPDX-License-Identifier: BSD-3-Clause
"""Playing one random round against both servers, and shrinking it when something differs.

A round is a list of batches, each sent as one pipeline, from FLUSHALL on; at its end the whole
contents of the databases are compared.
"""

import re
import time

from . import casefile, compare, propagated, text
from .grammar import make_step
from .play import Died, Side, obituary
from .resp import Trouble, encode

DATABASES = 4
NUMBERED = re.compile(rb"([a-z]*)(0|[1-9][0-9]*)")
SHRINK_SECONDS = 20
# What rounds leave besides keys.
BEYOND_KEYS = (("ACL", "DELUSER", "u", "v", "none"), ("FUNCTION", "FLUSH"), ("SCRIPT", "FLUSH"))
SHOWN_CHARACTERS = 1000


class Difference:
    """What differs: the step that shows it, and words about it. `crashed` if a server ended."""

    def __init__(self, step, message, in_contents=False, crashed=False):
        self.step, self.message = step, message
        self.in_contents, self.crashed = in_contents, crashed
        self.select = None  # the command that selects the database, for one in the contents


def _parameters(batches):
    """Parameters that the round sets: they're as before at its end."""
    words = ([word.data for word in step.words] for batch in batches for step in batch)
    return {w[2].decode("latin-1") for w in words if len(w) > 3 and w[:2] == [b"CONFIG", b"SET"]}


class Arena:
    """The two servers; `contents` maps a type to the command that reads a key of it. `propagation`: at
    a round's end both take their data from what ours has written to its append-only file."""

    def __init__(self, ours, peer, contents, propagation=False):
        self.sides = Side(ours), Side(peer)
        self.propagated = propagated.Propagated(ours, peer) if propagation else None
        self.contents = {name: casefile.parse_step(0, line) for name, line in contents.items()}

    def play(self, batches, protocol):
        """The first Difference, or None."""
        step = batches[0][0]
        try:
            if self.propagated:
                self.propagated.start(None)
            for side in self.sides:
                side.begin(protocol)
                for words in BEYOND_KEYS:
                    side.server.run(*words)
                for name in _parameters(batches):
                    side.configure(name)
            found = None
            for batch in batches:
                step = batch[0]
                found = self._batch(batch)
                if found:
                    break
            found = found or self._compare_contents() or self._load()
            for side in self.sides:
                side.end()
            return found
        except (Died, Trouble, OSError) as error:
            message = obituary(self.sides, error)
            for side in self.sides:
                side.server.restart()
            return Difference(step, message, crashed=True)

    def _load(self):
        """Ours loads what it has written, the other server repeats it: both have the same data."""
        if not self.propagated:
            return None
        message = (self.propagated.loaded_differs() or
                   self.propagated.repeat(self.sides[1].connection("repeating")))
        if not message:
            return self._compare_contents()
        step = make_step([], [b"DEBUG", b"LOADAOF"])
        return _after(Difference(step, message, in_contents=True), [b"SELECT", b"0"])

    def _batch(self, batch):
        for side in self.sides:
            data = b"".join(encode([word.data for word in step.words]) for step in batch)
            side.connection("conn1").send(data)
        for step in batch:
            found = self._compare(step)
            if found:
                return found
        return None

    def _compare(self, step, in_contents=False):
        (ours, our_bytes), (peers, peer_bytes) = (side.take(step) for side in self.sides)
        equal = (our_bytes == peer_bytes if step.mask is None
                 else compare.same(step.mask, step.argument, ours, peers))
        if equal:
            return None
        shown = tuple(text.show(reply)[:SHOWN_CHARACTERS] for reply in (ours, peers))
        return Difference(step, "ours:  %s\nother: %s" % shown, in_contents)

    def _one(self, words, mask=None):
        """Compares one command of the harness's own; returns a Difference or None."""
        step = make_step([mask] if mask else [], words)
        for side in self.sides:
            side.connection("conn1").send(encode(words))
        return self._compare(step, in_contents=True)

    def _compare_contents(self):
        found = self._one([b"DISCARD"])  # a transaction may be open
        if found:
            return found
        for number in range(DATABASES):
            select = [b"SELECT", b"%d" % number]
            found = self._one(select) or self._one([b"KEYS", b"*"], "unordered")
            if found:
                return _after(found, select)
            keys = text.as_resp2(self.sides[1].connection("conn1").command(b"KEYS", b"*")).value
            for key in sorted(reply.value for reply in keys):
                found = self._compare_key(key)
                if found:
                    return _after(found, select)
        return None

    def _compare_key(self, key):
        type_name = self.sides[1].connection("conn1").command(b"TYPE", key).value.decode()
        mask = "encoding" if type_name in ("set", "list", "zset") else None
        found = (self._one([b"TYPE", key]) or self._one([b"OBJECT", b"ENCODING", key], mask)
                 or self._one([b"PEXPIRETIME", key]))
        if found or type_name not in self.contents:
            return found
        reader = self.contents[type_name]
        words = [word.data for word in reader.words]
        return self._one(words[:1] + [key] + words[1:], reader.mask)


def _after(found, select):
    found.select = select
    return found


class Shrinker:
    """Delta debugging: drops ever smaller parts of a failing round as long as it still fails."""

    def __init__(self, arena, protocol):
        self.arena, self.protocol = arena, protocol
        self.deadline = time.monotonic() + SHRINK_SECONDS

    def shrink(self, batches):
        """A short failing list of batches, and its Difference."""
        singles = [[step] for batch in batches for step in batch]
        found = self.arena.play(singles, self.protocol)
        if found:
            batches = singles  # pipelining has no part in it
        else:
            found = self.arena.play(batches, self.protocol)
        if not found:
            return batches, None
        batches = _up_to(batches, found)
        size = max(1, len(batches) // 2)
        while time.monotonic() < self.deadline:
            shorter, difference = self._drop_parts(batches, size)
            if difference:
                batches, found = shorter, difference
            elif size == 1:
                break
            size = max(1, min(size // 2, len(batches) // 2))
        return batches, found

    def _drop_parts(self, batches, size):
        """Drops parts of a size, last to first; the last Difference, None if all are needed."""
        found, end = None, len(batches)
        while end > 0 and time.monotonic() < self.deadline:
            begin = max(0, end - size)
            rest = batches[:begin] + batches[end:]
            difference = self.arena.play(rest, self.protocol) if rest else None
            if difference:
                batches, found = _up_to(rest, difference), difference
            end = min(begin, len(batches))
        return batches, found


def _up_to(batches, found):
    """Without what comes behind the difference."""
    if found.in_contents:
        return batches
    for index, batch in enumerate(batches):
        if found.step in batch:
            return batches[: index + 1]
    return batches


def as_case(name, batches, found, protocol):
    """The round as a section of a case file."""
    lines = ["== " + name, "@resp %d" % protocol]
    lines += [_as_line(step) for batch in batches for step in batch]
    if found.in_contents:
        lines += [_as_line(make_step([], found.select)), _as_line(found.step)]
    return "\n".join(lines)


def _as_line(step):
    words, shown, at = [word.data for word in step.words], [], 0
    while at < len(words):
        count = _counted(words, at)
        if count:
            prefix, first = NUMBERED.fullmatch(words[at]).groups()
            shown.append("%s${%s..%d}" % (prefix.decode(), first.decode(), int(first) + count - 1))
        else:
            shown.append(_as_word(words[at]))
        at += count or 1
    return " ".join(step.marks + shown)


def _counted(words, at):
    """How many words from here on count up, as in e5 e6 e7; 0 if too few to be worth it."""
    match = NUMBERED.fullmatch(words[at])
    if not match:
        return 0
    prefix, first = match.group(1), int(match.group(2))
    count = 1
    while at + count < len(words) and words[at + count] == b"%s%d" % (prefix, first + count):
        count += 1
    return count if count > 4 else 0


def _as_word(data):
    """Long runs of one letter as ${N*letter}."""
    if len(data) > 40 and data == data[:1] * len(data) and data[:1].isalnum():
        return "${%d*%s}" % (len(data), data[:1].decode())
    return text.word(data)
