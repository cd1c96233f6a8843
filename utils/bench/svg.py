# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG over a common legend: small multiples of lines, and bars of two."""
from html import escape

WIDTH, HEIGHT = 300, 220
LEFT, TOP, RIGHT, BOTTOM = 40, 34, 10, 34
COLORS = ["#c0392b", "#8e8e8e", "#2c6fbb", "#d98c1f", "#4b9b5b", "#7d5ba6", "#222222"]
STYLE = "text{font:11px sans-serif;fill:#333}.t{font-weight:bold;font-size:12px}.g{stroke:#ddd}"


def _points(values):
    return [(x, y) for x, y in values if y is not None]


def _ticks(low, high, most=5):
    """Round figures between low and high, at most so many."""
    step = 10.0 ** -3
    while True:
        for part in (1, 2, 5):
            if (high - low) / (step * part) <= most:
                first = -(-low // (step * part))
                count = int((high - first * step * part) // (step * part))
                return [round((first + i) * step * part, 6) for i in range(count + 1)]
        step *= 10


def _text(x, y, text, anchor="middle", kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(str(text))}</text>'


def panel(title, x_label, lines, colors):
    """One chart: `lines` is {name: [(x, y), …]}; colors by name."""
    every = [point for values in lines.values() for point in _points(values)]
    x_low, x_high = min(x for x, _ in every), max(x for x, _ in every)
    y_low, y_high = min(y for _, y in every), max(y for _, y in every)
    pad = (y_high - y_low) * 0.05 or 1
    y_low, y_high = max(0, y_low - pad), y_high + pad

    def at(x, y):
        across = (x - x_low) / (x_high - x_low) if x_high > x_low else 0.5
        return (LEFT + across * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM))

    parts = [_text(WIDTH / 2, 18, title, kind="t"), _text(WIDTH / 2, HEIGHT - 4, x_label)]
    for y in _ticks(y_low, y_high):
        _, down = at(x_low, y)
        parts.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
        parts.append(_text(LEFT - 4, down + 4, f"{y:g}", "end"))
    for x in _ticks(x_low, x_high):
        parts.append(_text(at(x, y_low)[0], HEIGHT - BOTTOM + 14, f"{x:g}"))
    for name, values in lines.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in _points(values)))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colors[name]}" stroke-width="1.6"/>')
    return "\n".join(parts)


def chart(title, panels, columns=3):
    """A picture of several panels: [(title, x label, lines)]."""
    names = list(dict.fromkeys(name for _, _, lines in panels for name in lines))
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    rows = -(-len(panels) // columns)
    width, height = columns * WIDTH, rows * HEIGHT + 56
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
             f"<style>{STYLE}</style>", '<rect width="100%" height="100%" fill="white"/>',
             _text(width / 2, 18, title, kind="t")]
    step = width / (len(names) + 1)
    for i, name in enumerate(names):
        x = step * (i + 0.6)
        parts.append(f'<rect x="{x:.1f}" y="32" width="14" height="4" fill="{colors[name]}"/>')
        parts.append(_text(x + 18, 38, name, "start"))
    for i, (label, x_label, lines) in enumerate(panels):
        parts.append(f'<g transform="translate({i % columns * WIDTH},{i // columns * HEIGHT + 50})">')
        parts.append(panel(label, x_label, lines, colors))
        parts.append("</g>")
    parts.append("</svg>\n")
    return "\n".join(parts)


BAR_LABEL, BAR_WIDTH, BAR_VALUE = 250, 190, 80  # from left to right
BAR_HEIGHT, BAR_GAP, BAR_TOP = 8, 8, 26
FLOOR_COLOR = "#222222"


def _bar_panel(title, rows, colors):
    """Each row's longest bar is as long as any other's: what counts is how the two compare."""
    parts = [_text(0, 16, title, "start", "t")]
    step = BAR_HEIGHT * len(colors) + BAR_GAP
    for i, (label, figures, floor) in enumerate(rows):
        top, most = BAR_TOP + i * step, max(filter(None, [*figures, floor]), default=1)
        parts.append(_text(BAR_LABEL - 8, top + step / 2, label, "end"))
        for j, (figure, color) in enumerate(zip(figures, colors)):
            if figure is None:
                continue
            across, down = BAR_WIDTH * figure / most, top + j * BAR_HEIGHT
            parts.append(f'<rect x="{BAR_LABEL}" y="{down}" width="{max(across, 1):.1f}" height="{BAR_HEIGHT - 1}" '
                         f'fill="{color}"/>')
            text = f"{figure:,.{1 if figure < 100 else 0}f}"
            parts.append(_text(BAR_LABEL + max(across, 1) + 4, down + BAR_HEIGHT - 1, text, "start", "v"))
        if floor is not None:
            x = BAR_LABEL + BAR_WIDTH * floor / most
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 1}" y2="{top + step - BAR_GAP}" '
                         f'stroke="{FLOOR_COLOR}" stroke-width="2"/>')
    return "\n".join(parts)


def _columns(heights, count=2):
    """Puts each panel, in order, where there's least so far: [(column, top)], and the height of all."""
    tops, places = [0] * count, []
    for height in heights:
        column = tops.index(min(tops))
        places.append((column, tops[column]))
        tops[column] += height
    return places, max(tops)


def bars(names, panels):
    """A picture of panels: {title: [(label, a figure of each name or None, floor or None)]}."""
    colors = COLORS[:len(names)]
    step = BAR_HEIGHT * len(names) + BAR_GAP
    places, height = _columns([BAR_TOP + step * len(rows) + 14 for rows in panels.values()])
    across = BAR_LABEL + BAR_WIDTH + BAR_VALUE
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * across}" height="{height + 40}">',
             f"<style>{STYLE}.v{{font-size:9px}}</style>", '<rect width="100%" height="100%" fill="white"/>']
    has_floor = any(floor is not None for rows in panels.values() for _, _, floor in rows)
    for i, (name, color) in enumerate([*zip(names, colors)] + [("floor: the kernel's part", FLOOR_COLOR)] * has_floor):
        x = BAR_LABEL + 90 * i
        parts.append(f'<rect x="{x}" y="12" width="14" height="8" fill="{color}"/>')
        parts.append(_text(x + 18, 20, name, "start"))
    for (title, rows), (column, top) in zip(panels.items(), places):
        parts.append(f'<g transform="translate({column * across + 10},{top + 30})">')
        parts.append(_bar_panel(title, rows, colors))
        parts.append("</g>")
    parts.append("</svg>\n")
    return "\n".join(parts)
