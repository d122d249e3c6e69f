#!/usr/bin/env python3
"""plot.py FOLDER: draws each FOLDER/NAME.txt that a benchmark has printed as FOLDER/NAME.svg.

A line that can be drawn is a label, two or more spaces or a colon, a number and its unit, as in
    Pool::Go, max 2                          412345 tasks/s   0.51 of plain
Lines of one unit are the bars of one chart; all else in a line is left to the text. Needs nothing but Python.
"""

import glob
import html
import os
import re
import sys

LINE = re.compile(r"^\s*(?P<label>\S.*?)(?::\s+|\s{2,})(?P<value>\d[\d.]*)\s?(?P<unit>[A-Za-z]+(?:/s)?)\b")
LABELS, BARS, ROW, GAP = 300, 420, 22, 34  # pixels


def read(path):
    """{unit: [(label, value)]}, in the order of the file."""
    charts = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if match := LINE.match(line.rstrip()):
                charts.setdefault(match["unit"], []).append((match["label"], float(match["value"])))
    return charts


def draw(title, charts):
    y, body = GAP, []
    for unit, bars in charts.items():
        body.append(f'<text x="0" y="{y}" font-weight="bold">{html.escape(title)}: {html.escape(unit)}</text>')
        largest = max(value for _, value in bars) or 1.0
        for label, value in bars:
            y += ROW
            width = max(1.0, BARS * value / largest)
            body.append(f'<text x="{LABELS - 8}" y="{y}" text-anchor="end">{html.escape(label)}</text>'
                        f'<rect x="{LABELS}" y="{y - 12}" width="{width:.1f}" height="15" fill="#4878a8"/>'
                        f'<text x="{LABELS + width + 6:.1f}" y="{y}">{value:,g}</text>')
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABELS + BARS + 110}" height="{y}" '
            f'font-family="sans-serif" font-size="13">\n' + "\n".join(body) + "\n</svg>\n")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
        charts = read(path)
        if not charts:
            print(f"{path}: no line can be drawn", file=sys.stderr)
            return 1
        target = path.removesuffix(".txt") + ".svg"
        with open(target, "w", encoding="utf-8") as file:
            file.write(draw(os.path.basename(path).removesuffix(".txt"), charts))
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
