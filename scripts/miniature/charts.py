"""Kinds of charts: rows of dots or bars in panels side by side, and tables whose cells are coloured or hold a bar.

Data come as rows of (label, colour, one cell per panel); nothing here knows what a method or a question type is."""
from typing import NamedTuple

import svg
from names import bracketed, number
from results import Estimate
from scales import Linear, rounded_bounds

WIDTH, TOP, ROW, LEFT, RIGHT = 800, 100, 30, 24, 24

PALE, DEEP = (247, 251, 255), (8, 81, 156)


class Panel(NamedTuple):
    title: str
    base: float     # the dashed line, and where bars begin


class Cell(NamedTuple):
    estimate: Estimate | None
    points: tuple = ()      # what the estimate was made of, drawn on bars


class Row(NamedTuple):
    label: str
    colour: str
    cells: list


def label_width(rows):
    return max(svg.text_width(row.label) for row in rows) + 12


def extent(rows, panels, columns):
    """Multiples of 5 around everything that these panels show."""
    values = [panels[i].base for i in columns]
    for row in rows:
        for i in columns:
            cell = row.cells[i]
            if cell.estimate:
                values += [cell.estimate.mean, *(cell.estimate.range() or ()), *cell.points]
    return rounded_bounds(values, 5, 0, 100)


def extents(rows, panels, shared):
    """One scale for all panels, or one each of the same number of points, so that lengths can be compared."""
    if shared:
        return [extent(rows, panels, range(len(panels)))] * len(panels)
    each = [extent(rows, panels, [column]) for column in range(len(panels))]
    span = max(high - low for low, high in each)
    return [(max(0, high - span), max(0, high - span) + span) for _, high in each]


def shown(estimate, interval):
    return bracketed(estimate.mean, estimate.range() if interval else None) if estimate else number(None)


def axis(scale, panel, top, bottom):
    parts = []
    for tick in scale.ticks(5):
        x = scale(tick)
        parts += [svg.line(x, top, x, bottom, svg.RULE if tick % 100 else svg.FAINT),
                  svg.text(x, bottom + 16, number(tick, 0), 11, svg.GREY, "middle")]
    x = scale(panel.base)
    return parts + [svg.line(x, top - 4, x, bottom, svg.GREY, 1.5, "4 3"),
                    svg.text(x, top - 9, f"base {number(panel.base)}", 11, svg.GREY, "middle", halo=True)]


def whisker(scale, estimate, y, colour):
    if not estimate.range():
        return []
    low, high = (scale(value) for value in estimate.range())
    return [svg.line(low, y, high, y, colour, 2), svg.line(low, y - 4, low, y + 4, colour, 2),
            svg.line(high, y - 4, high, y + 4, colour, 2)]


def dot(scale, _, row, cell, y):
    return [*whisker(scale, cell.estimate, y, row.colour),
            svg.circle(scale(cell.estimate.mean), y, 5, row.colour, "#fff", 1.2)]


def bar(scale, panel, row, cell, y):
    origin, end = scale(panel.base), scale(cell.estimate.mean)
    return [svg.rect(min(origin, end), y - 8, max(abs(end - origin), 1), 16, row.colour, radius=2, opacity=0.8),
            *whisker(scale, cell.estimate, y, svg.INK),
            *(svg.circle(scale(value), y, 2.5, "#fff", svg.INK, 1) for value in cell.points)]


def panels_chart(title, subtitle, rows, panels, mark, shared=False, intervals=True):
    """`mark` draws a cell: dot or bar. `shared`: one scale for all panels. Values stand right of each panel."""
    side = LEFT + label_width(rows)
    numbers = 114 if intervals else 46
    each = (WIDTH - RIGHT - side - 20 * (len(panels) - 1)) / len(panels)
    bottom = TOP + 8 + ROW * len(rows)
    bounds = extents(rows, panels, shared)
    parts = [svg.heading(title, subtitle)]
    for i, row in enumerate(rows):
        y = TOP + 8 + ROW * (i + 0.5)
        parts.append(svg.text(side - 12, y + 4, row.label, anchor="end"))
    for column, panel in enumerate(panels):
        left = side + column * (each + 20)
        scale = Linear(*bounds[column], left + 8, left + each - numbers)
        parts.append(svg.text(left + 8, TOP - 26, panel.title, 12, weight="600"))
        parts += axis(scale, panel, TOP + 4, bottom)
        for i, row in enumerate(rows):
            y, cell = TOP + 8 + ROW * (i + 0.5), row.cells[column]
            if cell.estimate:
                parts += mark(scale, panel, row, cell, y)
            parts.append(svg.text(left + each, y + 4, shown(cell.estimate, intervals), 11 if intervals else 12,
                                  anchor="end"))
    return svg.document(WIDTH, bottom + 32, title, parts)


def heat_cell(x, y, width, height, value, bounds):
    if value is None:
        return svg.text(x + width / 2, y + height / 2 + 4, "–", 12, svg.GREY, "middle")
    share = min(1.0, max(0.0, (value - bounds[0]) / (bounds[1] - bounds[0])))
    return (svg.rect(x + 1, y + 1, width - 2, height - 2, svg.mixed(PALE, DEEP, share), radius=3) +
            svg.text(x + width / 2, y + height / 2 + 4, number(value, 0), 12, "#fff" if share > 0.6 else svg.INK,
                     "middle"))


def bar_cell(x, y, width, height, value, bounds):
    if value is None:
        return svg.text(x + 8, y + height / 2 + 4, "–", 12, svg.GREY)
    room = width - 36
    long = room * (value - bounds[0]) / (bounds[1] - bounds[0])
    return (svg.rect(x + 4, y + 6, room, height - 12, "#eef1f4", radius=2) +
            svg.rect(x + 4, y + 6, max(long, 1), height - 12, "#0072b2", radius=2) +
            svg.text(x + width - 4, y + height / 2 + 4, number(value, 0), 11, anchor="end"))


def table_chart(title, subtitle, rows, blocks, cell, bounds=(0, 100)):
    """rows: (label, one list of values per block); blocks: (heading, names of its columns)."""
    side = LEFT + max(svg.text_width(label) for label, _ in rows) + 12
    count = sum(len(columns) for _, columns in blocks)
    each = (WIDTH - RIGHT - side - 16 * (len(blocks) - 1)) / count
    parts, left = [svg.heading(title, subtitle)], side
    top = TOP if any(name for name, _ in blocks) else TOP - 18
    for i, (label, _) in enumerate(rows):
        parts.append(svg.text(side - 12, top + ROW * (i + 0.5) + 4, label, anchor="end"))
    for block, (name, columns) in enumerate(blocks):
        if name:
            parts.append(svg.text(left + 1, top - 26, name, 12, weight="600"))
        for column, column_name in enumerate(columns):
            x = left + column * each
            start, anchor = (each / 2, "middle") if cell is heat_cell else (4, None)
            parts.append(svg.text(x + start, top - 8, column_name, 11, svg.GREY, anchor))
            parts += [cell(x, top + ROW * i, each, ROW, row[1][block][column], bounds) for i, row in enumerate(rows)]
        left += len(columns) * each + 16
    return svg.document(WIDTH, top + ROW * len(rows) + 20, title, parts)
