# SPDX-License-Identifier: BSD-3-Clause
"""Random commands from the grammar files. README.md beside `random` has their notation."""

import os

from .atoms import ATOMS, odd
from .casefile import Step, apply_mark
from .text import Word

MUTATED_SHARE = 0.06
CLOSERS = {"[": "]", "(": ")", "{": "}"}
INNER = {"<command>", "<called>"}
WAITING = {b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP"}


class BadGrammar(Exception):
    """A grammar file can't be understood."""


class Template:
    """One line: `marks` as in case files, whether it may be spoilt, and the parsed words."""

    def __init__(self, line):
        self.mutable = not line.startswith("!")
        words = line.lstrip("!").split()
        self.marks = []
        while words and words[0].startswith("@"):
            self.marks.append(words.pop(0)[1:])
        self.nodes, rest = _parse(words, None)
        if rest:
            raise BadGrammar("unbalanced: " + line)

    @classmethod
    def of(cls, marks, nodes, mutable):
        """One that no line says."""
        template = cls("")
        template.marks, template.nodes, template.mutable = marks, nodes, mutable
        return template


def _parse(words, closer):
    """Nodes up to the closer: a word, or (bracket, alternatives). Returns them and what's left."""
    alternatives, nodes = [], []
    while words:
        word, words = words[0], words[1:]
        if word == closer:
            return alternatives + [nodes], words
        if closer and word == "|":
            alternatives.append(nodes)
            nodes = []
        elif word in CLOSERS:
            inner, words = _parse(words, CLOSERS[word])
            nodes.append((word, inner))
        else:
            nodes.append(word)
    if closer:
        raise BadGrammar("missing " + closer)
    return nodes, words


class Grammar:
    def __init__(self, directory, families=None):
        self.templates, self.weights, self.contents = [], [], {}
        names = sorted(name[:-4] for name in os.listdir(directory) if name.endswith(".txt"))
        unknown = set(families or ()) - set(names)
        if unknown:
            raise BadGrammar("no such family: " + " ".join(sorted(unknown)))
        for name in names:
            with open(os.path.join(directory, name + ".txt"), encoding="utf-8") as file:
                self._load(file, name in (families or names))

    def _load(self, file, wanted):
        """`contents` lines count even if the family isn't wanted: any family may make its type."""
        weight, lines = 1.0, []
        for line in map(str.strip, file):
            first, _, rest = line.partition(" ")
            if first == "weight":
                weight = float(rest)
            elif first == "contents":
                type_name, _, command = rest.partition(" ")
                self.contents[type_name] = command
            elif line and not line.startswith("#"):
                lines.append((float(first), Template(rest)))
        total = sum(part for part, _ in lines)
        for part, template in lines if wanted else ():
            self.add(template, weight * part / total)

    def add(self, template, weight):
        self.templates.append(template)
        self.weights.append(weight)

    def step(self, rng):
        """A random command as a step."""
        template = rng.choices(self.templates, self.weights)[0]
        words = self._words(template.nodes, rng)
        if template.mutable and rng.random() < MUTATED_SHARE:
            _spoil(words, rng)
        return make_step(template.marks, words)

    def _words(self, nodes, rng):
        out = []
        for node in nodes:
            if isinstance(node, tuple):
                out += self._bracket(node[0], node[1], rng)
            elif node in INNER:
                out += self._inner_command(rng, node == "<called>")
            elif node.startswith("<") and node.endswith(">"):
                made = ATOMS[node[1:-1]](rng)
                out += made if isinstance(made, list) else [made]
            else:
                out.append(node.encode())
        return out

    def _bracket(self, bracket, alternatives, rng):
        if bracket == "[" and rng.random() < 0.5:
            return []
        times = rng.choice([1, 1, 2, 3, 4]) if bracket == "{" else 1
        return [word for _ in range(times) for word in self._words(rng.choice(alternatives), rng)]

    def _inner_command(self, rng, called):
        """The words of some other command, sometimes spoilt; none that holds one itself. At least two: a
        name alone is refused by 7.0 and taken by 7.2. `called`: by a script, which 7.0 lets wait for
        nothing."""
        while True:
            template = rng.choices(self.templates, self.weights)[0]
            if not INNER.isdisjoint(node for node in template.nodes if isinstance(node, str)):
                continue
            words = self._words(template.nodes, rng)
            if template.mutable and rng.random() < MUTATED_SHARE:
                _spoil(words, rng)
            if len(words) > 1 and not (called and words[0] in WAITING):
                return words


def _spoil(words, rng):
    """Makes a command wrong, or at least unusual: behind its name something is lost, doubled…"""
    place = rng.randrange(1, len(words) + 1)
    choice = rng.randrange(5)
    if choice == 0:
        del words[place:]
    elif choice == 1:
        del words[place : place + 1]
    elif choice == 2:
        words[place:place] = words[place : place + 1]
    elif choice == 3:
        words[place : place + 1] = [odd(rng)]
    else:
        words.append(odd(rng))


def make_step(marks, words):
    step = Step(0, "")
    for mark in marks:
        apply_mark(step, mark)
    step.marks = ["@" + mark for mark in marks]
    step.words = [Word(data, True, 0) for data in words]
    return step
