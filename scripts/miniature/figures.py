"""The figures of results.json, one function each, and the table that names them.

A figure whose data are missing is None. Intervals are 95 % over base models; spreads are the least and greatest seed."""
from typing import Callable, NamedTuple

import svg
from charts import Cell, Panel, Row, bar, bar_cell, dot, heat_cell, panels_chart, table_chart
from labels import Box, place, spread
from intervals import mean
from names import CLIPS, CONDITIONS, METHODS, VIDEOS, counted, number, ordered, variant
from protocol import OTHER_CONDITIONS, TYPES
from scales import Linear, Log, log_bounds, rounded_bounds


def measured_on(results, group):
    bases, seeds = results.counts(group)
    return f"{counted(bases, 'base model')} × {counted(seeds, 'seed')}"


# Accuracy against divergence

def cross(scale_x, scale_y, x, y, colour):
    """Interval bars of both estimates through their means."""
    parts = []
    if x.range():
        left, right = (scale_x(max(value, scale_x.low)) for value in x.range())
        parts.append(svg.line(left, scale_y(y.mean), right, scale_y(y.mean), colour, 2))
    if y.range():
        low, high = (scale_y(value) for value in y.range())
        parts.append(svg.line(scale_x(x.mean), low, scale_x(x.mean), high, colour, 2))
    return parts


def bar_boxes(scale_x, scale_y, x, y):
    """What those bars and the marker cover, as obstacles for labels."""
    left, right = (scale_x(max(v, scale_x.low)) for v in x.range() or (x.mean, x.mean))
    low, high = (scale_y(v) for v in y.range() or (y.mean, y.mean))
    at_x, at_y = scale_x(x.mean), scale_y(y.mean)
    return [(Box(left, at_y - 3, right, at_y + 3), 3), (Box(at_x - 3, high, at_x + 3, low), 3),
            (Box(at_x - 8, at_y - 8, at_x + 8, at_y + 8), 10)]


def levels(scale_y, left, right):
    """A line across for each tick, its number at the left."""
    parts = []
    for tick in scale_y.ticks(7):
        y = scale_y(tick)
        parts += [svg.line(left, y, right, y), svg.text(left - 8, y + 4, number(tick, 0), 11, svg.GREY, "end")]
    return parts


def divergence_axes(scale_x, scale_y):
    left, right, bottom, top = scale_x.start, scale_x.end, scale_y.start, scale_y.end
    parts = []
    for tick in scale_x.ticks():
        x = scale_x(tick)
        parts += [svg.line(x, top, x, bottom), svg.text(x, bottom + 18, f"{tick:g}", 11, svg.GREY, "middle")]
    parts += levels(scale_y, left, right)
    parts.append(svg.text((left + right) / 2, bottom + 40, "KL(reference ‖ policy) per held-out answer, nats (log scale)",
                          12, svg.GREY, "middle"))
    return parts


def divergence(results):
    names = [name for name in results.methods("main") if name != "base" and results.estimate("main", name, "kl_truth")]
    if not names:
        return None
    runs = [run for run in results.runs("main") if run["method"] in names and run["kl_truth"] > 0]
    pairs = {name: (results.estimate("main", name, "kl_truth"), results.estimate("main", name, "u")) for name in names}
    base = results.estimate("main", "base", "u").mean
    far = [value for x, _ in pairs.values() for value in (x.mean, *(x.range() or ())) if value > 0]
    scale_x = Log(*log_bounds([run["kl_truth"] for run in runs] + far), 60, 776)
    highs = [value for _, y in pairs.values() for value in y.range() or (y.mean,)]
    scale_y = Linear(*rounded_bounds([run["u"]["mean"] for run in runs] + highs + [base - 2], 5, 0, 100), 430, 78)
    subtitle = f"unbiased accuracy, %; {measured_on(results, 'main')}; large: mean with 95 % intervals"
    parts = [svg.heading("Accuracy against divergence", subtitle), *divergence_axes(scale_x, scale_y)]
    base_y = scale_y(base)
    base_text = f"base {number(base)}"
    base_box = Box(scale_x.end - svg.text_width(base_text) - 8, base_y - 18, scale_x.end, base_y + 2)
    parts += [svg.line(scale_x.start, base_y, scale_x.end, base_y, svg.GREY, 1.5, "4 3"),
              svg.text(scale_x.end - 6, base_y - 6, base_text, 12, svg.GREY, "end", halo=True)]
    dots = [(scale_x(run["kl_truth"]), scale_y(run["u"]["mean"]), METHODS[run["method"]].colour) for run in runs]
    parts += [svg.circle(x, y, 3, colour, opacity=0.4) for x, y, colour in dots]
    obstacles = [(base_box, 10), (Box(scale_x.start, base_y - 2, scale_x.end, base_y + 2), 2)]
    obstacles += [(Box(x - 3, y - 3, x + 3, y + 3), 0.8) for x, y, _ in dots]
    for x, y in pairs.values():
        obstacles += bar_boxes(scale_x, scale_y, x, y)
    return svg.document(800, 484, "Accuracy against divergence", parts + method_markers(scale_x, scale_y, pairs, obstacles))


def leader(point, box):
    """A thin line from a marker to the nearest place of its label, where that is not beside it."""
    x, y = min(max(point[0], box.left), box.right), min(max(point[1], box.top + 2), box.bottom - 2)
    return svg.line(*point, x, y, svg.FAINT) if abs(x - point[0]) + abs(y - point[1]) > 16 else ""


def method_markers(scale_x, scale_y, pairs, obstacles):
    points = [(scale_x(x.mean), scale_y(y.mean)) for x, y in pairs.values()]
    sizes = [(svg.text_width(METHODS[name].label), 15) for name in pairs]
    boxes = place(points, sizes, obstacles, Box(scale_x.start, scale_y.end, scale_x.end, scale_y.start))
    bars, markers, texts = [], [], []
    leaders = [leader(point, box) for point, box in zip(points, boxes)]
    for (name, (x, y)), point, box in zip(pairs.items(), points, boxes):
        bars += cross(scale_x, scale_y, x, y, METHODS[name].colour)
        markers.append(svg.circle(*point, 7, METHODS[name].colour, "#fff", 1.5))
        texts.append(svg.text((box.left + box.right) / 2, box.bottom - 3.5, METHODS[name].label, 12, anchor="middle",
                              weight="600", halo=True))
    return bars + leaders + markers + texts


# Rows of methods

def method_row(name, cells):
    return Row(METHODS[name].label, METHODS[name].colour, cells)


def main_result(results):
    names = [name for name in results.methods("main") if name != "base"]
    if not names:
        return None
    names.sort(key=lambda name: -results.estimate("main", name, "u").mean)
    rows = [method_row(name, [Cell(results.estimate("main", name, clips)) for clips in CLIPS]) for name in names]
    panels = [Panel(f"{CLIPS[clips]} clips", results.estimate("main", "base", clips).mean) for clips in CLIPS]
    return panels_chart("What alignment does",
                        f"accuracy, %, mean over six question types; {measured_on(results, 'main')}; 95 % intervals",
                        rows, panels, dot)


def second(results):
    """Beside DPO and RRPO, which the methods of the group start from."""
    names = [name for name in results.methods("second") if name != "base"]
    if not names:
        return None
    shown = [("main", "dpo"), ("main", "rrpo"), *(("second", name) for name in names)]
    rows = [method_row(name, [Cell(results.estimate(group, name, clips)) for clips in CLIPS]) for group, name in shown]
    panels = [Panel(f"{CLIPS[clips]} clips", results.estimate("main", "base", clips).mean) for clips in CLIPS]
    return panels_chart("A second video, no reference, sums of objectives",
                        f"accuracy, %, mean over six question types; {measured_on(results, 'second')}; 95 % intervals",
                        rows, panels, dot)


def conditions(results):
    groups = results.groups()
    names = [name for name in OTHER_CONDITIONS if any(results.estimate(group, name, "u") for group in groups)]
    if len(groups) < 2 or not names:
        return None
    rows = [method_row(name, [Cell(results.estimate(group, name, "u")) for group in groups]) for name in names]
    panels = [Panel(CONDITIONS[group][0], results.base_of(group, "u")) for group in groups]
    return panels_chart("Three ways to write the pairs", "unbiased accuracy, %; 95 % intervals over base models",
                        rows, panels, dot, shared=True, intervals=False)


def variant_bars(results, group, title, subtitle, spoilt=()):
    """Bars from the base's accuracy to what each variant reaches; each circle is a run. Those in `spoilt` are grey."""
    methods = results.variants(group)
    if not methods:
        return None

    def cell(name, clips):
        return Cell(results.estimate(group, methods[name], clips, name),
                    tuple(results.values(group, methods[name], clips, name)))

    rows = [Row(variant(group, name), svg.FAINT if name in spoilt else METHODS[methods[name]].colour,
                [cell(name, clips) for clips in CLIPS]) for name in methods]
    panels = [Panel(f"{CLIPS[clips]} clips", results.base_of(group, clips)) for clips in CLIPS]
    return panels_chart(title, f"{subtitle}; {measured_on(results, group)}, each a circle", rows, panels, bar,
                        intervals=False)


def perturbations(results):
    return variant_bars(results, "perturbation", "What the perturbation of the videos adds",
                        "accuracy of RRPO, %, as a bar from the base's")


def controls(results):
    spoilt = [name for name in results.variants("control") if name != "rrpo"]
    return variant_bars(results, "control", "Controls: the same pairs, spoilt", "accuracy, %, as a bar from the base's",
                        spoilt)


# Scaling

def scaling(results):
    sizes = list(results.variants("pool"))
    if len(sizes) < 2:
        return None
    scale_x = Log(float(sizes[0]) / 1.15, float(sizes[-1]) * 1.15, 60, 668)
    curves = {clips: [results.estimate("pool", "rrpo", clips, size) for size in sizes] for clips in CLIPS}
    bases = {clips: results.base_of("pool", clips) for clips in CLIPS}
    values = [v for curve in curves.values() for e in curve for v in (e.mean, *(e.range() or ()))] + list(bases.values())
    scale_y = Linear(*rounded_bounds(values, 5, 0, 100), 360, 78)
    subtitle = f"accuracy of RRPO, %; {measured_on(results, 'pool')}, each a point; band: least to greatest"
    parts = [svg.heading("More of the model's own mistakes", subtitle)]
    parts += scaling_axes(results, sizes, scale_x, scale_y)
    ends = []
    for clips, colour in (("u", METHODS["rrpo"].colour), ("b", svg.GREY)):
        parts += scaling_curve(results, sizes, curves[clips], clips, colour, scale_x, scale_y, bases[clips])
        ends += [(scale_y(curves[clips][-1].mean), f"{CLIPS[clips]} {number(curves[clips][-1].mean)}", colour, "600"),
                 (scale_y(bases[clips]), f"base {number(bases[clips])}", svg.GREY, None)]
    places = spread([end[0] for end in ends], 16, 84, 364)
    parts += [svg.text(676, y + 4, label, 12, colour, weight=weight) for y, (_, label, colour, weight) in zip(places, ends)]
    return svg.document(800, 428, "More of the model's own mistakes", parts)


def scaling_axes(results, sizes, scale_x, scale_y):
    parts = levels(scale_y, scale_x.start, scale_x.end)
    for size in sizes:
        x = scale_x(float(size))
        pairs = [run["pairs"] for run in results.runs("pool", "rrpo", size)]
        parts += [svg.line(x, 78, x, 360), svg.text(x, 378, size, 11, svg.GREY, "middle"),
                  svg.text(x, 393, f"{mean(pairs):.0f}", 11, svg.FAINT, "middle")]
    return parts + [svg.text(364, 414, "clips in the pool (log scale), and pairs made from them", 12, svg.GREY, "middle")]


def scaling_curve(results, sizes, curve, clips, colour, scale_x, scale_y, base):
    xs = [scale_x(float(size)) for size in sizes]
    lows, highs = ([scale_y((e.range() or (e.mean, e.mean))[side]) for e in curve] for side in (0, 1))
    parts = [svg.area(list(zip(xs, lows)) + list(zip(xs, highs))[::-1], colour, 0.15),
             svg.line(60, scale_y(base), 668, scale_y(base), svg.GREY, 1.5, "4 3")]
    for size, x in zip(sizes, xs):
        parts += [svg.circle(x, scale_y(value), 2.5, colour, opacity=0.4)
                  for value in results.values("pool", "rrpo", clips, size)]
    means = [(x, scale_y(e.mean)) for x, e in zip(xs, curve)]
    parts.append(svg.path(means, colour, 2))
    parts += [svg.circle(x, y, 5, colour, "#fff", 1.5) for x, y in means]
    for (x, _), e, low, high in zip(means[:-1], curve, lows, highs):
        y = low + 18 if clips == "u" else high - 9
        parts.append(svg.text(x, y, number(e.mean), 11, colour, "middle", halo=True))
    return parts


# Tables

def types(results):
    names = results.methods("main")
    if len(names) < 2:
        return None
    columns = [*TYPES, "mean"]
    rows = [(METHODS[name].label, [[results.by_type(name, clips, kind) for kind in columns] for clips in CLIPS])
            for name in names]
    return table_chart("Accuracy by type of question", "%, mean over base models and seeds", rows,
                       [(f"{CLIPS[clips]} clips", columns) for clips in CLIPS], heat_cell, bounds=(30, 100))


def video(results):
    found = {name for base in results.data["bases"] for name in base["without_video"]}
    if not found:
        return None
    columns = [*TYPES, "mean"]
    rows = [(VIDEOS[name], [[results.without_video(name, kind) for kind in columns]]) for name in ordered(found, VIDEOS)]
    bases = counted(len(results.data["bases"]), "base model")
    return table_chart("What the video is needed for",
                       f"accuracy, %, of {bases} on the same questions, the video whole and taken away", rows,
                       [("", columns)], bar_cell)


class Figure(NamedTuple):
    file: str
    draw: Callable
    caption: str


FIGURES = (
    Figure("divergence", divergence,
           "Each small point is one base model and seed, each large one a method with its 95 % intervals. Up is more "
           "accurate, left is closer to the base model."),
    Figure("main", main_result,
           "Dashed: the base models. On unbiased clips every answer must be seen, on biased ones the prejudice is right."),
    Figure("second", second,
           "mDPO, VDPO and RRPO see the clip as it misled the model as the second one, SymMPO a twin that differs in one fact. "
           "Dashed: the base models."),
    Figure("types", types,
           "The types of questions: shape, direction, multiple choice, order, existence, caption (share of right slots)."),
    Figure("conditions", conditions,
           " ".join(f"{name[0].upper()}{name[1:]}: {meaning}." for name, meaning in CONDITIONS.values())),
    Figure("perturbations", perturbations,
           "The pairs are made from answers to perturbed videos; training sees the clean ones. Bars begin at the base."),
    Figure("scaling", scaling, "The pairs are what the model answered wrongly."),
    Figure("controls", controls, "The same pairs spoilt in one way each. Bars begin at the base."),
    Figure("video", video,
           "Chance is 33, 25, 25, 50 and 50 % for the first five types; a caption counts when all its slots are right. A "
           "base answers partly from its prejudice, which needs no video: look at the types that need motion, dir, mcq and "
           "order."),
)


def draw_all(results):
    """name of the file -> SVG, of the figures that have data."""
    drawn = ((figure.file, figure.draw(results)) for figure in FIGURES)
    return {file: text for file, text in drawn if text}
