# SPDX-License-Identifier: BSD-3-Clause
"""When two replies count as equal.

Without a mask: when their bytes are the same. A mask names the one freedom that a line allows:

    unordered     elements of arrays, sets and maps in any order, at every depth
    pairs         a map, or an array of key, value, key, value …, in any order of the keys
    near=N        numbers (also as text) may differ by N
    type          only the type of the reply; null differs from not null
    encoding      the same, or ours says listpack where the other says hashtable, quicklist, skiplist
    doubles       scores, as 7.2 prints them and 7.0 did: with 17 digits where fewer say the same
    error         two errors with the same first word
    superset      an array: ours holds everything the other holds, in any order
    fields=a,b    text of name=value words, a client a line: the other's names are in ours in the
                  same order, and the values named here are equal
    info          text of name:value lines under "# Title" lines: every name of the other is in ours
    counts=a,b    text of name:field=value,field=value lines in any order: the same names, and the
                  same values of the fields named here
    only=a,b      maps within maps: what the other holds under these names is in ours, too
    except=a,b    a map, or each of an array: all but the values of these names, of which only the type counts
    command       what COMMAND INFO says of commands; =tips,flags,… leaves those parts out
"""

from .resp import Reply
from .text import show

COMMAND_PARTS = ["name", "arity", "flags", "first", "last", "step", "categories", "tips", "specs",
                 "subcommands"]
PART_SETS = ("flags", "categories", "tips")


def same(mask, argument, ours, peers):
    """Whether the replies agree under a mask (None: to the byte)."""
    if mask is None:
        return ours == peers
    return MASKS[mask](ours, peers, argument)


def needs_argument(mask):
    return mask in ("near", "fields", "counts", "only", "except")


def _sorted(reply):
    kind, value = reply
    if value is None:
        return (kind, None)
    if kind in "*~>":
        return (kind, sorted((_sorted(v) for v in value), key=repr))
    if kind in "%|":
        return (kind, sorted(((_sorted(k), _sorted(v)) for k, v in value), key=repr))
    return (kind, value)


def _unordered(ours, peers, _):
    return _sorted(ours) == _sorted(peers)


def _pairs_of(reply):
    """(key, value) of a map, or of an array that holds one; None if it's neither."""
    kind, value = reply
    if kind == "%":
        return value
    if (kind == "*" and value is not None and len(value) % 2 == 0
            and all(key.kind in "$+" for key in value[::2])):
        return list(zip(value[::2], value[1::2]))
    return None


def _pairs(ours, peers, _):
    mine, theirs = _pairs_of(ours), _pairs_of(peers)
    if mine is None or theirs is None or ours.kind != peers.kind:
        return ours == peers
    return sorted(mine, key=repr) == sorted(theirs, key=repr)


def _number(value):
    for kind in (int, float):  # large integers to the unit
        try:
            return kind(value)
        except (TypeError, ValueError):
            continue
    return None


def _near(ours, peers, argument):
    if ours.kind != peers.kind:
        return False
    mine, theirs = ours.value, peers.value
    if isinstance(mine, list) and isinstance(theirs, list) and ours.kind in "*~>":
        return len(mine) == len(theirs) and all(
            _near(a, b, argument) for a, b in zip(mine, theirs))
    a, b = _number(mine), _number(theirs)
    if a is None or b is None:
        return mine == theirs
    # Negative answers of TTL and its like are codes, not numbers.
    return abs(a - b) <= float(argument) and (a < 0) == (b < 0)


def _type(ours, peers, _):
    return ours.kind == peers.kind and (ours.value is None) == (peers.value is None)


def _encoding(ours, peers, _):
    larger = (b"hashtable", b"quicklist", b"skiplist")
    return ours == peers or (ours.value == b"listpack" and peers.value in larger)


def _same_double(mine, theirs):
    try:
        value = float(mine)
        return theirs == b"%.17g" % value and float(theirs) == value
    except ValueError:
        return False


def _doubles(ours, peers, _):
    if ours == peers:
        return True
    if ours.kind != peers.kind or ours.value is None or peers.value is None:
        return False
    if ours.kind in "*~>":
        return len(ours.value) == len(peers.value) and all(
            _doubles(a, b, None) for a, b in zip(ours.value, peers.value))
    return ours.kind in "$," and _same_double(ours.value, peers.value)


def _error(ours, peers, _):
    if ours.kind != "-" or peers.kind != "-":
        return False
    return ours.value.split(b" ")[0] == peers.value.split(b" ")[0]


def _superset(ours, peers, _):
    if ours.kind != peers.kind or not isinstance(ours.value, list):
        return False
    mine = [_sorted(v) for v in ours.value]
    return all(_sorted(v) in mine for v in peers.value)


def _text(reply):
    if reply.kind == "=":
        return reply.value[4:].decode("latin-1")
    return reply.value.decode("latin-1") if reply.kind in "$+" and reply.value is not None else None


def _line_fields(text):
    return [[part.partition("=")[::2] for part in line.split(" ") if "=" in part]
            for line in text.splitlines() if line]


def _is_subsequence(part, whole):
    rest = iter(whole)
    return all(item in rest for item in part)


def _fields(ours, peers, argument):
    if ours.kind != peers.kind or _text(ours) is None or _text(peers) is None:
        return False
    mine, theirs = _line_fields(_text(ours)), _line_fields(_text(peers))
    wanted = argument.split(",")
    return len(mine) == len(theirs) and all(
        _is_subsequence([name for name, _ in b], [name for name, _ in a])
        and [v for n, v in a if n in wanted] == [v for n, v in b if n in wanted]
        for a, b in zip(mine, theirs))


def _info(ours, peers, _):
    if ours.kind != peers.kind or _text(ours) is None or _text(peers) is None:
        return False
    return not info_missing(ours, peers)


def info_missing(ours, peers):
    """Titles and names of the other's INFO text that ours lacks, for the report."""
    mine = {line.split(":")[0] for line in _text(ours).splitlines()}
    return [line.split(":")[0] for line in _text(peers).splitlines()
            if line and line.split(":")[0] not in mine]


def _counts(ours, peers, argument):
    if ours.kind != peers.kind or _text(ours) is None or _text(peers) is None:
        return False
    wanted = argument.split(",")
    return _counts_of(_text(ours), wanted) == _counts_of(_text(peers), wanted)


def _counts_of(lines, wanted):
    found = {}
    for line in filter(None, lines.splitlines()):
        name, _, fields = line.partition(":")
        pairs = [field.partition("=")[::2] for field in fields.split(",")]
        found[name] = [pair for pair in pairs if pair[0] in wanted]
    return found


def _collect(reply, names, path, found):
    """Puts what lies under the names into `found`, by the chain of keys that leads there."""
    pairs = _pairs_of(reply)
    if pairs is not None:
        for key, value in pairs:
            inner = path + (key.value if isinstance(key.value, bytes) else None,)
            if inner[-1] is not None and inner[-1].decode("latin-1") in names:
                found[inner] = value
            else:
                _collect(value, names, inner, found)
    return found


def _only(ours, peers, argument):
    names = argument.split(",")
    mine, theirs = (_collect(reply, names, (), {}) for reply in (ours, peers))
    return ours.kind == peers.kind and all(
        path in mine and _sorted(mine[path]) == _sorted(value) for path, value in theirs.items())


def _except(ours, peers, argument):
    mine, theirs = _pairs_of(ours), _pairs_of(peers)
    if mine is None and theirs is None and ours.kind == peers.kind:
        if ours.kind != "*" or ours.value is None or peers.value is None:
            return ours == peers
        return len(ours.value) == len(peers.value) and all(
            _except(a, b, argument) for a, b in zip(ours.value, peers.value))
    if mine is None or theirs is None or ours.kind != peers.kind or len(mine) != len(theirs):
        return False
    names = argument.split(",")
    return all(
        a == b and (_type(x, y, None) if a.value.decode("latin-1") in names else x == y)
        for (a, x), (b, y) in zip(mine, theirs))


def _command(ours, peers, argument):
    """COMMAND INFO's reply; subcommands are matched by name, and ours may have more of them."""
    if ours.kind != peers.kind or ours.kind != "*" or len(ours.value) != len(peers.value):
        return False
    left_out = argument.split(",") if argument else []
    return all(not command_differences(a, b, left_out)
               for a, b in zip(ours.value, peers.value))


def command_differences(ours, peers, left_out):
    """What differs between two commands' descriptions: a list of (part, ours, other's)."""
    if ours.kind != "*" or peers.kind != "*" or ours.value is None or peers.value is None:
        return [] if ours == peers else [("known", ours, peers)]
    if len(ours.value) != len(peers.value):
        return [("length", Reply(":", len(ours.value)), Reply(":", len(peers.value)))]
    found = []
    for name, a, b in zip(COMMAND_PARTS, ours.value, peers.value):
        if name in left_out:
            continue
        if name == "subcommands":
            found += _subcommand_differences(a, b, left_out)
        elif _part(name, a) != _part(name, b):
            found.append((name, a, b))
    return found


def _part(name, reply):
    if name in PART_SETS:
        return _sorted(reply)
    if name == "specs" and reply.value is not None:
        return reply.kind, [_spec(spec) for spec in reply.value]
    return reply


def _spec(reply):
    """A key spec's map, with its flags in any order and without the notes, which are prose."""
    return reply.kind, [(key, _sorted(value)) for key, value in _pairs_of(reply) or []
                        if key.value != b"notes"]


def _subcommand_differences(ours, peers, left_out):
    if ours.kind != peers.kind:
        return [("subcommands' type", ours, peers)]
    mine = {sub.value[0].value: sub for sub in ours.value}
    found = []
    for sub in peers.value:
        name = sub.value[0].value
        if name not in mine:
            found.append((name.decode(), Reply("_", None), sub.value[0]))
            continue
        found += [("%s %s" % (name.decode(), part), a, b)
                  for part, a, b in command_differences(mine[name], sub, left_out)]
    return found


def explain(mask, argument, ours, peers):
    """For masks over long texts: where they differ. None where showing both replies says it."""
    if mask == "info" and _text(ours) is not None and _text(peers) is not None:
        return "ours lacks: " + " ".join(info_missing(ours, peers))
    if mask == "command" and ours.kind == peers.kind == "*":
        left_out = argument.split(",") if argument else []
        return "\n".join(
            "%s: ours %s, other %s" % (part, show(x), show(y))
            for a, b in zip(ours.value, peers.value)
            for part, x, y in command_differences(a, b, left_out))
    return None


MASKS = {
    "unordered": _unordered,
    "pairs": _pairs,
    "near": _near,
    "type": _type,
    "encoding": _encoding,
    "doubles": _doubles,
    "error": _error,
    "superset": _superset,
    "fields": _fields,
    "info": _info,
    "counts": _counts,
    "only": _only,
    "except": _except,
    "command": _command,
}
