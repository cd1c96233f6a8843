# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the harness itself: masks let pass what they should and nothing else."""

from . import compare, text
from .casefile import expand, parse_step
from .text import BadText

# mask, argument, one reply, another, whether they count as equal
MASK_CASES = [
    ("unordered", None, '[ "a" "b" ]', '[ "b" "a" ]', True),
    ("unordered", None, '[ "a" "b" ]', '[ "b" "b" ]', False),
    ("unordered", None, '~[ "a" "b" ]', '[ "b" "a" ]', False),
    ("unordered", None, '[ "a" [ :1 :2 ] ]', '[ [ :2 :1 ] "a" ]', True),
    ("unordered", None, "nil", "[ ]", False),
    ("pairs", None, '[ "a" "1" "b" "2" ]', '[ "b" "2" "a" "1" ]', True),
    ("pairs", None, '[ "a" "1" "b" "2" ]', '[ "a" "2" "b" "1" ]', False),
    ("pairs", None, '{ "a" "1" "b" "2" }', '{ "b" "2" "a" "1" }', True),
    ("pairs", None, '{ "a" "1" }', '[ "a" "1" ]', False),
    ("near", "5", ":100", ":104", True),
    ("near", "5", ":100", ":106", False),
    ("near", "5", ":-1", ":2", False),
    ("near", "5", '"100"', '"104"', True),
    ("near", "5", '"100"', ":100", False),
    ("near", "5", "[ :1 :2 ]", "[ :2 :1 ]", True),
    ("near", "5", "[ :1 :2 ]", "[ :2 ]", False),
    ("type", None, '"a"', '"b"', True),
    ("type", None, '"a"', "nil", False),
    ("type", None, ":1", '"1"', False),
    ("error", None, "-ERR a", "-ERR b", True),
    ("error", None, "-ERR a", "-WRONGTYPE a", False),
    ("error", None, "+ERR", "-ERR", False),
    ("superset", None, '[ "a" "b" "c" ]', '[ "c" "a" ]', True),
    ("superset", None, '[ "a" ]', '[ "c" "a" ]', False),
    ("fields", "name", '"id=1 x=0 name=a"', '"id=2 name=a"', True),
    ("fields", "name", '"id=1 name=a"', '"id=2 name=b"', False),
    ("fields", "name", '"name=a id=1"', '"id=2 name=a"', False),
    ("fields", "name", '"id=1 name=a\\nid=2 name=b"', '"id=1 name=a"', False),
    ("info", None, '"# A\\r\\nx:1\\r\\ny:2\\r\\n"', '"# A\\r\\nx:5\\r\\n"', True),
    ("info", None, '"# A\\r\\nx:1\\r\\n"', '"# A\\r\\nx:5\\r\\ny:2\\r\\n"', False),
    ("counts", "n", '"# T\\r\\nx:n=1,u=5\\r\\ny:n=2\\r\\n"', '"# T\\r\\ny:n=2\\r\\nx:n=1,u=7\\r\\n"', True),
    ("counts", "n", '"x:n=1,u=5\\r\\n"', '"x:n=2,u=5\\r\\n"', False),
    ("counts", "n", '"x:n=1\\r\\n"', '"x:n=1\\r\\ny:n=1\\r\\n"', False),
    ("only", "a", '{ "a" "1" "b" "2" }', '{ "a" "1" "b" "3" }', True),
    ("only", "a", '{ "a" "1" }', '{ "a" "2" }', False),
    ("only", "a", '[ "cmd" [ "a" "1" "b" "2" ] ]', '[ "cmd" [ "a" "3" "b" "2" ] ]', False),
    ("only", "a", '{ "b" "1" }', '{ "a" "1" }', False),
    ("only", "a", '{ "a" "1" "c" { "a" "2" } }', '{ "a" "1" }', True),
    ("only", "a", '{ "c" { "a" "2" } "d" { "a" "3" } }', '{ "d" { "a" "3" } }', True),
    ("only", "a", '{ "c" { "a" "2" } }', '{ "c" { "a" "3" } }', False),
    ("except", "a", '{ "a" "1" "b" "2" }', '{ "a" "9" "b" "2" }', True),
    ("except", "a", '{ "a" "1" "b" "2" }', '{ "a" "9" "b" "3" }', False),
    ("except", "a", '{ "a" "1" }', '{ "a" :1 }', False),
]

COMMAND = '[ [ "get" :2 ~[ %s ] :1 :1 :1 ~[ +@read +@fast ] [ ] [ %s ] [ %s ] ] ]'
SUBCOMMAND = '[ "get|x" :%d ~[ ] :0 :0 :0 ~[ ] [ ] [ ] [ ] ]'
COMMAND_CASES = [
    (None, ("+a +b", "", ""), ("+b +a", "", ""), True),
    (None, ("+a", "", ""), ("+b", "", ""), False),
    ("flags", ("+a", "", ""), ("+b", "", ""), True),
    (None, ("", '{ "flags" ~[ +x +y ] }', ""), ("", '{ "flags" ~[ +y +x ] }', ""), True),
    (None, ("", '{ "flags" ~[ +x ] }', ""), ("", '{ "flags" ~[ +y ] }', ""), False),
    (None, ("", "", SUBCOMMAND % 2), ("", "", ""), True),
    (None, ("", "", ""), ("", "", SUBCOMMAND % 2), False),
    (None, ("", "", SUBCOMMAND % 3), ("", "", SUBCOMMAND % 2), False),
]

NOTATION = ['"a\\x00b\\"\\\\"', "nil", "nil*", "[ ]", '[ :1 [ "x" nil ] ~[ :2 ] ]', "#t", ",1.5",
            "(123", '{ "a" :1 "b" [ +OK ] }', '>[ "x" ]', '= "txt:some words"', "+OK",
            "-ERR some text"]

BAD_LINES = ['GET "a', "@nonsense GET a", "@near GET a", "@unordered @type GET a", "@conn2",
             'SET a b => "x" "y"', "SET a b =>"]


class Broken(AssertionError):
    """The harness doesn't do what it says."""


def _expect(truth, what):
    if not truth:
        raise Broken("self-check failed: %s" % (what,))


def check():
    """Raises Broken if the harness is broken."""
    for case in MASK_CASES:
        mask, argument, one, other, equal = case
        _expect(compare.same(mask, argument, text.parse(one), text.parse(other)) == equal, case)
    for case in COMMAND_CASES:
        left_out, one, other, equal = case
        replies = text.parse(COMMAND % one), text.parse(COMMAND % other)
        _expect(compare.same("command", left_out, *replies) == equal, case)
    for case in NOTATION:
        _expect(text.show(text.parse(case)) == case, case)
    for line in BAD_LINES:
        try:
            parse_step(1, line)
        except (ValueError, BadText):
            continue
        _expect(False, "accepted: " + line)
    step = parse_step(1, '@conn2 @near=5 SET "${x}" ${3*ab} p${x} ${x+7} e${9..11} => OK')
    _expect(expand(step.words, {"x": "5"}) == [b"SET", b"${x}", b"ababab", b"p5", b"12", b"e9",
                                               b"e10", b"e11"],
            "expansion")
    _expect((step.connection, step.mask, step.expected.value) == ("conn2", "near", b"OK"), "marks")
