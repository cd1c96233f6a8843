# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG: small multiples of lines over a common legend."""
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
