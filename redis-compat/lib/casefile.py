# SPDX-License-Identifier: BSD-3-Clause
"""Case files: reading them into sections of steps. README.md beside `run` has the notation."""

import re

from . import compare, text

STATEMENTS = ("needs", "resp", "config", "sleep", "recv", "silent", "close", "closed",
              "await", "until")
FLAGS = ("raw", "send", "scan", "closed", "both", "uncounted", "unheard",
         "unpropagated")
VALUES = ("as", "replies", "within", "after")


class BadCase(Exception):
    """A line that can't be understood; the text names file and line."""


class Step:
    """One line: a command to compare, or a statement to the player.

    `statement` is None for a command; `words` are the command's or the statement's words, not yet
    expanded; `expected` is the reply written behind `=>`, asked of ours only unless `both`.
    """

    def __init__(self, number, source):
        self.number, self.source = number, source
        self.connection = "conn1"
        self.statement = self.mask = self.argument = self.expected = None
        self.flags, self.values, self.words = set(), {}, []


class Section:
    def __init__(self, name, number):
        self.name, self.number = name, number
        self.needs, self.protocols, self.steps = [], (2, 3), []


class Family:
    """`options` are parameters that the family's servers are started with: it has its own, then."""

    def __init__(self, name, sections, options=()):
        self.name, self.sections, self.options = name, sections, list(options)


def load(path, name):
    sections, options = [], []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.startswith("@server ") and not sections:
                    parameter, *values = line.split()[1:]
                    options += ["--" + parameter] + values
                else:
                    _add_line(sections, number, line.strip())
            except ValueError as error:
                raise BadCase("%s:%d: %s" % (path, number, error)) from None
    return Family(name, sections, options)


def _add_line(sections, number, line):
    if not line or line.startswith("#"):
        return
    if line.startswith("== "):
        sections.append(Section(line[3:].strip(), number))
        return
    if not sections:
        raise ValueError("a line before the first section")
    section, step = sections[-1], parse_step(number, line)
    if step.statement == "needs":
        section.needs += [word.data.decode() for word in step.words]
    elif step.statement == "resp":
        section.protocols = tuple(int(word.data) for word in step.words)
    else:
        section.steps.append(step)


def parse_step(number, line):
    step, words = Step(number, line), text.split(line)
    while words and not words[0].quoted and words[0].data.startswith(b"@"):
        mark = words.pop(0).data.decode()[1:]
        if _is_statement(mark, words, step):
            step.statement, step.words = mark, words
            return step
        apply_mark(step, mark)
    for index, word in enumerate(words):
        if word.is_plain("=>"):
            rest = line[word.start + 2 :] if index + 1 < len(words) else ""
            step.expected = text.parse(rest)
            words = words[:index]
            break
    if not words:
        raise ValueError("no command")
    step.words = words
    return step


def _is_statement(mark, words, step):
    """`closed` is a mark in front of a command, a statement alone."""
    return mark in STATEMENTS and not (mark == "closed" and words)


def apply_mark(step, mark):
    name, _, value = mark.partition("=")
    if re.fullmatch(r"conn\d+", name):
        step.connection = name
    elif name in FLAGS:
        step.flags.add(name)
    elif name in VALUES and value:
        step.values[name] = value
    elif name in compare.MASKS and (value or not compare.needs_argument(name)):
        if step.mask is not None:
            raise ValueError("two masks")
        step.mask, step.argument = name, value
    else:
        raise ValueError("unknown mark @" + mark)


EXPANSION = re.compile(r"\$\{([^}]*)\}")
COUNTED = re.compile(r"(.*)\$\{(\d+)\.\.(\d+)\}(.*)", re.DOTALL)


def expand(words, variables):
    """The words' bytes with ${…} outside quotes replaced.

    ${N*text} repeats, ${variable} and ${variable+N} insert, ${A..B} makes a word for each number.
    """
    out = []
    for word in words:
        counted = None if word.quoted else COUNTED.fullmatch(word.data.decode())
        if counted:
            before, first, last, behind = counted.groups()
            out += [b"%s%d%s" % (before.encode(), number, behind.encode())
                    for number in range(int(first), int(last) + 1)]
        elif word.quoted:
            out.append(word.data)
        else:
            out.append(EXPANSION.sub(lambda match: _expansion(match.group(1), variables),
                                     word.data.decode()).encode())
    return out


def _expansion(inner, variables):
    repeat = re.fullmatch(r"(\d+)\*(.*)", inner, re.DOTALL)
    if repeat:
        return int(repeat.group(1)) * repeat.group(2)
    parts = re.fullmatch(r"(\w+)([+-]?)(\d*)", inner)
    if not parts or parts.group(1) not in variables:
        raise BadCase("unknown expansion ${%s}" % inner)
    name, sign, offset = parts.groups()
    if not sign:
        return variables[name]
    return str(int(variables[name]) + int(sign + offset))
