# SPDX-License-Identifier: BSD-3-Clause
"""Text forms: redis-cli's quoting for commands, and a readable notation for replies.

Replies are written as

    OK  or  +OK            simple string (the bare word only at the top)
    -ERR text              error, up to the end of the line; a final * leaves the rest open
    :5                     integer
    "bytes\\x00"            bulk string
    nil   nil*             null bulk string (RESP3: null), null array
    [ a b c ]              array
    ~[ a b ]   >[ a b ]    set, push (RESP2: array)
    { k v k v }            map (RESP2: array of twice the length)
    ,1.5   #t   (123       double, boolean, big number (RESP2: bulk string, integer, bulk string)
    = "txt:bytes"          verbatim string (RESP2: bulk string without the prefix)
"""

import re

from .resp import Reply

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
UNSAFE = re.compile(rb'[^!#-&(-\[\]-~]|^[@"\'=#]|\$\{')


class BadText(ValueError):
    """The text isn't in the notation."""


class Word:
    """One word of a line: its bytes, whether quotes stood around it, where it began."""

    def __init__(self, data, quoted, start):
        self.data, self.quoted, self.start = data, quoted, start

    def is_plain(self, text):
        return not self.quoted and self.data == text.encode()


def split(line):
    """Splits a line as redis-cli does, into words in plain, in "…" with escapes, or in '…'."""
    words, at = [], 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return words
        start = at
        if line[at] in "\"'":
            data, at = _quoted(line, at)
            words.append(Word(data, True, start))
        else:
            while at < len(line) and not line[at].isspace():
                at += 1
            words.append(Word(line[start:at].encode(), False, start))


def _quoted(line, at):
    quote, at, out = line[at], at + 1, bytearray()
    while True:
        if at >= len(line):
            raise BadText("unbalanced quotes: " + line)
        char = line[at]
        if char == quote:
            if at + 1 < len(line) and not line[at + 1].isspace():
                raise BadText("text right behind a closing quote: " + line)
            return bytes(out), at + 1
        if char == "\\" and quote == '"' and line[at + 1 : at + 2] == "x":
            out.append(int(line[at + 2 : at + 4], 16))
            at += 4
        elif char == "\\" and (quote == '"' or line[at + 1 : at + 2] == "'"):
            escaped = line[at + 1 : at + 2]
            out += ESCAPES.get(escaped, escaped).encode()
            at += 2
        else:
            out += char.encode()
            at += 1


def quote(data):
    """Bytes as a double-quoted word."""
    out = []
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append("\\x%02x" % byte)
    return '"' + "".join(out) + '"'


def word(data):
    """Bytes as a word of a command, with quotes only where they're needed."""
    return quote(data) if not data or UNSAFE.search(data) else data.decode()


def show(reply):
    """A reply in the notation."""
    kind, value = reply
    if kind in "*~>":
        if value is None:
            return "nil*"
        return (kind if kind != "*" else "") + "[ " + "".join(show(v) + " " for v in value) + "]"
    if kind in "%|":
        return "{ " + "".join(show(k) + " " + show(v) + " " for k, v in value) + "}"
    if value is None:
        return "nil"
    if kind == "$":
        return quote(value)
    if kind == "=":
        return "= " + quote(value)
    if kind == "#":
        return "#t" if value else "#f"
    if kind == ":":
        return ":%d" % value
    return kind + value.decode("latin-1")


def parse(text):
    """The notation as a RESP3 reply."""
    text = text.strip()
    if text[:1] == "-":
        return Reply("-", text[1:].encode())
    if re.fullmatch(r"\+?[A-Za-z][^\"\[{]*", text) and text not in ("nil", "nil*"):
        return Reply("+", text.lstrip("+").encode())
    reply, rest = _parse(split(text))
    if rest:
        raise BadText("more than one reply: " + text)
    return reply


def _parse(words):
    if not words:
        raise BadText("a reply is missing")
    first, rest = words[0], words[1:]
    text = first.data.decode("latin-1")
    if first.quoted:
        return Reply("$", first.data), rest
    if text in ("[", "~[", ">["):
        items, rest = _parse_until("]", rest)
        return Reply("*" if text == "[" else text[0], items), rest
    if text == "{":
        items, rest = _parse_until("}", rest)
        return Reply("%", list(zip(items[::2], items[1::2]))), rest
    if text in ("nil", "nil*"):
        return Reply("_" if text == "nil" else "*", None), rest
    if text == "=" and rest:
        return Reply("=", rest[0].data), rest[1:]
    return Reply(text[0], _scalar(text)), rest


def _parse_until(end, words):
    items = []
    while words and not words[0].is_plain(end):
        item, words = _parse(words)
        items.append(item)
    if not words:
        raise BadText("missing " + end)
    return items, words[1:]


def _scalar(text):
    kind, rest = text[0], text[1:]
    if kind == ":":
        return int(rest)
    if kind == "#":
        return rest == "t"
    if kind in "+-,(":
        return rest.encode()
    raise BadText("no reply: " + text)


def for_protocol(reply, protocol):
    """A reply read from the notation as a client of that protocol version gets it."""
    return as_resp2(reply) if protocol == 2 else _as_resp3(reply)


def _as_resp3(reply):
    kind, value = reply
    if kind == "*" and value is None:
        return Reply("_", None)
    if kind in "*~>":
        return Reply(kind, [_as_resp3(v) for v in value])
    if kind == "%":
        return Reply(kind, [(_as_resp3(k), _as_resp3(v)) for k, v in value])
    return reply


def as_resp2(reply):
    """What a RESP3 reply becomes for a RESP2 client."""
    kind, value = reply
    if kind == "%":
        return Reply("*", [as_resp2(part) for pair in value for part in pair])
    if kind in "*~>":
        return Reply("*", None if value is None else [as_resp2(v) for v in value])
    if kind == "_":
        return Reply("$", None)
    if kind == "#":
        return Reply(":", int(value))
    if kind in ",(":
        return Reply("$", value)
    if kind == "=":
        return Reply("$", value[4:])
    return reply
