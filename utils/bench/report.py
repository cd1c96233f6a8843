# SPDX-License-Identifier: BSD-3-Clause
"""Rounds by turns and the tables they end in."""
import statistics

LABEL = 46
FIGURE = 12

pictured = {}  # what is to be drawn: {title of a panel: [(label, figures, floor or None)]}


def by_turns(contestants, rounds, measure):
    """Calls measure(contestant), which returns figures by row, for all contestants in turn, `rounds` times.
    Returns for each row the contestants' medians; None where a round has no figure."""
    seen = [{} for _ in contestants]
    for _ in range(rounds):
        for contestant, figures in zip(contestants, seen):
            for row, figure in measure(contestant).items():
                figures.setdefault(row, []).append(figure)
    return {row: [None if None in figures[row] else statistics.median(figures[row]) for figures in seen]
            for row in seen[0]}


def ratio(ours, peers):
    return f"{ours / peers:.2f}" if ours is not None and peers else ""


def number(figure, decimals=0):
    return "-" if figure is None else f"{figure:,.{decimals}f}"


def line(label, *cells):
    print(f"{label:{LABEL}}" + "".join(f"{cell:>{FIGURE}}" for cell in cells), flush=True)


def heading(title, names, *more):
    print()
    line(title, *names, *(["ratio"] if len(names) == 2 else []), *more)


def row(label, figures, decimals=0, scale=1, floor=None):
    """A line of ours, the peer's if there is one, and their ratio; `floor` is what nobody gets far below."""
    figures = [figure and figure * scale for figure in figures]
    cells = [number(figure, decimals) for figure in figures]
    if len(figures) == 2:
        cells.append(ratio(*figures))
    if floor is not None:
        cells.append(number(floor * scale, decimals))
    line(label, *cells)


def picture(panel, label, figures, floor=None):
    """Has them drawn as bars, in the panel of that title."""
    pictured.setdefault(panel, []).append((label.strip(), figures, floor))
