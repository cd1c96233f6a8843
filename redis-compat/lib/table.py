# SPDX-License-Identifier: BSD-3-Clause
"""Commands made from what the other server's COMMAND DOCS says of their arguments: any option with
any other, where the grammar files have those that make sense together.

An argument of the tree becomes nodes of a template: optional ones "[", several "{", one of some
"(". Values are atoms by the argument's name or else its type. Left out are commands that act on the
server or on clients, and those whose outcome is random or depends on the clock.
"""

from . import text
from .grammar import Template

WEIGHT = 40.0  # beside the grammar files' own

GROUPS = ("string", "list", "set", "sorted-set", "hash", "bitmap", "hyperloglog", "geo", "stream",
          "generic")
EXCLUDED = {
    # what they do is random, or depends on the clock
    "spop", "xclaim", "xautoclaim", "xpending", "xreadgroup", "xinfo", "expire", "pexpire", "setex",
    "psetex", "restore", "restore-asking", "xadd",
    # 7.0 answers otherwise than 7.2 to arguments that are wrong: the grammar has those that aren't
    "bitcount", "bitpos", "pfdebug", "zrank", "zrevrank", "xread", "lpos",
    # order and cursors: the grammar reads scans to their end, and sorts what has an order
    "scan", "hscan", "sscan", "zscan", "sort", "sort_ro", "keys",
    # they act on the server, or have lines of their own
    "wait", "migrate", "dump", "object", "pfselftest", "geohash", "zrangestore",
}

SHORT_WAIT = "0.001"  # commands that wait aren't spoilt: they'd wait for ever

# By the argument's name; with a group in front, only there.
ATOMS = {
    "timeout": SHORT_WAIT, "milliseconds": "<bad_ttl>", "seconds": "<bad_ttl>",
    "unix-time-seconds": "<at>", "unix-time-milliseconds": "<at_ms>", "ttl": "<bad_ttl>",
    "value": "<value>", "element": "<member>", "pivot": "<member>", "member": "<member>",
    "member1": "<member>", "member2": "<member>", "field": "<member>", "score": "<score>",
    "increment": "<float>", "pattern": "<pattern>", "destination-db": "<db>", "db": "<db>",
    "bit": "<bit>", "encoding": "<field>", "longitude": "<place>", "latitude": "",
    "radius": "<distance>", "width": "<distance>", "height": "<distance>",
    "count": "<small>", "len": "<small>", "rank": "<index>", "index": "<index>",
    "string offset": "<offset>", "bitmap offset": "<bit_offset>",
    "stream field": "<stream_field>", "stream id": "<stream_id>", "stream start": "<range_id>",
    "stream end": "<range_id>", "stream group": "<group>", "stream groupname": "<group>",
    "stream consumer": "<consumer>", "stream consumername": "<consumer>",
    "stream threshold": "<stream_id>", "stream last-id": "<stream_id>",
    "stream max-deleted-id": "<stream_id>", "sorted-set min": "<score_bound>",
    "sorted-set max": "<score_bound>", "sorted-set start": "<index>", "sorted-set stop": "<index>",
}
BY_TYPE = {"key": "<key>", "integer": "<integer>", "double": "<float>", "pattern": "<pattern>",
           "unix-time": "<at>", "string": "<value>"}
IDS_GIVEN = {"auto-id": "<new_id>"}  # not those that the servers make by their clocks
SETS_OF_MARKS = (("nondeterministic_output_order", "unordered"), ("nondeterministic_output", "type"))


def _dictionary(reply):
    """A map, as RESP2 has it."""
    values = text.as_resp2(reply).value
    return {values[at].value.decode(): values[at + 1] for at in range(0, len(values), 2)}


def _flags(argument):
    return {flag.value for flag in argument["flags"].value} if "flags" in argument else set()


def _leaf(argument, group):
    name, kind = argument["name"].value.decode(), argument["type"].value.decode()
    if kind == "pure-token":
        return []
    atom = BY_TYPE[kind] if kind == "key" else None
    atom = atom or ATOMS.get(group + " " + name) or IDS_GIVEN.get(name)
    if atom is None:
        atom = ATOMS.get(name, BY_TYPE[kind])
    return [atom] if atom else []


def _inner(argument, group):
    kind = argument["type"].value
    if kind == b"block":
        return _sequence(argument["arguments"].value, group)
    if kind == b"oneof":
        return [("(", [_sequence([one], group) for one in argument["arguments"].value])]
    return _leaf(argument, group)


def _one(argument, group):
    """The nodes of an argument with its token, as often as it may come."""
    nodes, flags = _inner(argument, group), _flags(argument)
    token = [argument["token"].value.decode()] if "token" in argument else []
    if b"multiple_token" in flags:
        nodes = [("{", [token + nodes])]
    elif b"multiple" in flags:
        nodes = token + [("{", [nodes])]
    else:
        nodes = token + nodes
    return [("[", [nodes])] if b"optional" in flags else nodes


def _counted(token):
    """A number of keys and as many keys; now and then another number."""
    return [("(", [token + ["1", "<key>"], token + ["2", "<key>", "<key>"],
                   token + ["3", "<key>", "<key>", "<key>"], token + ["<odd>", "<key>"]])]


def _sequence(arguments, group):
    arguments, nodes, at = [_dictionary(argument) for argument in arguments], [], 0
    while at < len(arguments):
        argument = arguments[at]
        following = arguments[at + 1] if at + 1 < len(arguments) else None
        counts = argument["name"].value == b"numkeys" and following
        if counts and following["type"].value == b"key":
            nodes += _counted([argument["token"].value.decode()] if "token" in argument else [])
            at += 1
        else:
            nodes += _one(argument, group)
        at += 1
    return nodes


def _marks(tips, group):
    for tip, mark in SETS_OF_MARKS:
        if tip in tips:
            return [mark]
    return ["doubles"] if group == "sorted-set" else []


def add_to(grammar, connection, ours):
    """Adds what the server behind `connection` describes and ours knows, too."""
    known = {reply.value for reply in ours.command(b"COMMAND", b"LIST").value}
    templates = []
    for name, about in _dictionary(connection.command(b"COMMAND", b"DOCS")).items():
        docs = _dictionary(about)
        group = docs["group"].value.decode()
        if group not in GROUPS or name in EXCLUDED or name.encode() not in known:
            continue
        tips = connection.command(b"COMMAND", b"INFO", name.encode()).value[0].value[7].value
        marks = _marks({tip.value.decode() for tip in tips}, group)
        if "arguments" in docs:
            nodes = [name.upper()] + _sequence(docs["arguments"].value, group)
            templates.append(Template.of(marks, nodes, SHORT_WAIT not in nodes))
    for template in templates:
        grammar.add(template, WEIGHT / len(templates))
