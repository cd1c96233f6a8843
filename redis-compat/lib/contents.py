# SPDX-License-Identifier: BSD-3-Clause
"""What a server holds, read back by commands, in the form that data/README.md describes; and what differs
between two such descriptions."""

import base64
import hashlib
import json
import time

LONG = 512  # longer byte strings are given by length and digest
BATCH = 100
CLOCK_SLACK_MS = 600_000  # by how much a deadline that counts from loading may be nearer


class Unreadable(Exception):
    """A command that reads failed."""


def as_text(raw):
    """Bytes as JSON has them: text if it's printable, else encoded, else its digest."""
    if len(raw) > LONG:
        return {"length": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    try:
        if raw.decode().isprintable():
            return raw.decode()
    except UnicodeDecodeError:
        pass
    return {"base64": base64.b64encode(raw).decode()}


def in_pairs(items):
    return list(zip(items[::2], items[1::2]))


def as_fields(items):
    return {name.decode(): value for name, value in in_pairs(items)}


def id_order(text):
    return [int(part) for part in text.split("-")]


def pending_of(fields):
    """The pending entries that XINFO STREAM FULL tells of a group or a consumer."""
    return fields["pel"] if "pel" in fields else fields["pending"]


class Reader:
    """Reads all of a server over one connection (RESP2)."""

    def __init__(self, connection, access=False, encodings=False):
        self.connection, self.access, self.encodings = connection, access, encodings
        self.has_field_deadlines = self.knows("HPEXPIRETIME")

    def send(self, commands):
        self.connection.send(b"".join(
            b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in c)
            for c in ([a if isinstance(a, bytes) else str(a).encode() for a in c] for c in commands)))

    def ask_all(self, commands):
        """Their replies; errors are raised."""
        replies = []
        for start in range(0, len(commands), BATCH):
            batch = commands[start:start + BATCH]
            self.send(batch)
            replies += [self.plain(self.connection.read()[0], command) for command in batch]
        return replies

    def ask(self, *command):
        return self.ask_all([command])[0]

    def plain(self, reply, command):
        if reply.kind == "-":
            raise Unreadable("%s: %s" % (command, reply.value.decode(errors="replace")))
        if reply.kind == "*" and reply.value is not None:
            return [self.plain(item, command) for item in reply.value]
        return reply.value

    def knows(self, command):
        return self.ask("COMMAND", "INFO", command)[0] is not None

    def contents(self):
        databases = int(self.ask("CONFIG", "GET", "databases")[1])
        found = {"dbs": {}, "functions": self.functions()}
        for number in range(databases):
            self.ask("SELECT", number)
            keys = self.database() if self.ask("DBSIZE") else []
            if keys:
                found["dbs"][str(number)] = keys
        self.ask("SELECT", 0)
        return found

    def functions(self):
        libraries = [as_fields(l) for l in self.ask("FUNCTION", "LIST", "WITHCODE")]
        return [{"name": l["library_name"].decode(), "engine": l["engine"].decode(),
                 "code": as_text(l["library_code"])} for l in libraries]

    def database(self):
        keys = sorted(self.ask("KEYS", "*"))
        access = self.access_of(keys)  # first, as reading counts
        types = [kind.decode() for kind in self.ask_all([("TYPE", key) for key in keys])]
        deadlines = self.ask_all([("PEXPIRETIME", key) for key in keys])
        found = []
        for i, (key, kind, deadline) in enumerate(zip(keys, types, deadlines)):
            if kind == "none":
                continue  # its time came meanwhile
            entry = {"key": as_text(key), "type": kind,
                     "expire_ms": deadline if deadline >= 0 else None}
            if self.encodings:
                entry["encoding"] = self.ask("OBJECT", "ENCODING", key).decode()
            if access:
                entry[access[0]] = access[1][i]
            entry["value"] = getattr(self, "read_" + kind)(key)
            found.append(entry)
        return found

    def access_of(self, keys):
        """The name of what eviction goes by, and that of each key."""
        if not self.access:
            return None
        by_use = b"lfu" in self.ask("CONFIG", "GET", "maxmemory-policy")[1]
        word, name = ("FREQ", "freq") if by_use else ("IDLETIME", "idle_s")
        return name, self.ask_all([("OBJECT", word, key) for key in keys])

    def read_string(self, key):
        return as_text(self.ask("GET", key))

    def read_list(self, key):
        return [as_text(item) for item in self.ask("LRANGE", key, 0, -1)]

    def read_set(self, key):
        return [as_text(member) for member in sorted(self.ask("SMEMBERS", key))]

    def read_zset(self, key):
        items = in_pairs(self.ask("ZRANGE", key, 0, -1, "WITHSCORES"))
        return [[as_text(member), repr(float(score))] for member, score in items]

    def read_hash(self, key):
        fields = sorted(in_pairs(self.ask("HGETALL", key)))
        deadlines = [-1] * len(fields)
        if self.has_field_deadlines and fields:
            names = [name for name, _ in fields]
            deadlines = self.ask("HPEXPIRETIME", key, "FIELDS", len(names), *names)
        return [[as_text(name), as_text(value)] + ([deadline] if deadline >= 0 else [])
                for (name, value), deadline in zip(fields, deadlines)]

    def read_stream(self, key):
        info = as_fields(self.ask("XINFO", "STREAM", key, "FULL", "COUNT", 0))
        return {
            "entries": [[number.decode(), [as_text(item) for item in items]]
                        for number, items in self.ask("XRANGE", key, "-", "+")],
            "length": info["length"],
            "last_id": info["last-generated-id"].decode(),
            "entries_added": info["entries-added"],
            "max_deleted_id": info["max-deleted-entry-id"].decode(),
            "groups": [self.group(as_fields(group)) for group in info["groups"]],
        }

    def group(self, info):
        pending = [self.pending(number, name, *rest) for number, name, *rest in pending_of(info)]
        consumers, of_consumers = [], []
        for fields in map(as_fields, info["consumers"]):
            consumer = {"name": as_text(fields["name"]), "seen_time": fields["seen-time"],
                        "pending": len(pending_of(fields))}
            if "active-time" in fields:
                consumer["active_time"] = max(fields["active-time"], -1)
                if consumer["active_time"] < 0:
                    consumer["active_time"] = None
            consumers.append(consumer)
            of_consumers += [self.pending(number, fields["name"], *rest)
                             for number, *rest in pending_of(fields)]
        if sorted(of_consumers, key=lambda p: id_order(p["id"])) != pending:
            raise Unreadable("a group's pending entries aren't those of its consumers")
        return {"name": as_text(info["name"]), "entries_read": info["entries-read"],
                "last_delivered": info["last-delivered-id"].decode(),
                "pending": pending, "consumers": consumers}

    @staticmethod
    def pending(number, name, delivered, deliveries):
        return {"id": number.decode(), "consumer": as_text(name), "delivery_time": delivered,
                "deliveries": deliveries}


def brief(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:120] + "…"


def by_name(items):
    """A list of objects as a dictionary, if they have names."""
    for name in ("key", "name"):
        if items and all(isinstance(item, dict) and name in item for item in items):
            return {brief(item[name]): item for item in items}
    return None


def differences(want, got, place=""):
    """Lines that say where `got` isn't what `want` asks for. What that doesn't name may be anything."""
    if isinstance(want, dict) and isinstance(got, dict):
        return _of_objects(want, got, place)
    if isinstance(want, list) and isinstance(got, list):
        return _of_lists(want, got, place)
    return [] if want == got else ["%s: %s expected, got %s" % (place, brief(want), brief(got))]


def _of_objects(want, got, place):
    found = []
    for name, value in want.items():
        if name == "expire_after_load_ms":
            left = (got["expire_ms"] or 0) - time.time() * 1000
            if not value - CLOCK_SLACK_MS <= left <= value + 2000:
                found.append("%s: a deadline in %d ms expected, got %d" % (place, value, left))
        elif name == "idle_s":
            if name in got and not value <= got[name] <= value + CLOCK_SLACK_MS / 1000:
                found.append("%s: idle for %d s expected, got %d" % (place, value, got[name]))
        elif name in got:
            found += differences(value, got[name], place + "/" + name)
        elif name not in ("freq", "encoding"):
            found.append("%s: no %s" % (place, name))
    if place.endswith("/dbs"):
        found += ["%s: unexpected database %s" % (place, name) for name in set(got) - set(want)]
    return found


def _of_lists(want, got, place):
    wanted, there = by_name(want), by_name(got)
    if wanted is None or there is None:
        if len(want) != len(got):
            return ["%s: %d items expected, got %d" % (place, len(want), len(got))]
        return [line for i, (a, b) in enumerate(zip(want, got))
                for line in differences(a, b, "%s[%d]" % (place, i))]
    found = ["%s: unexpected %s" % (place, name) for name in there if name not in wanted]
    for name, value in wanted.items():
        if name in there:
            found += differences(value, there[name], place + " " + name)
        else:
            found.append("%s: %s is missing" % (place, name))
    return found
