"""growth.svg: each series on logarithmic axes, with its exponents."""
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "miniature"))

import svg  # noqa: E402

COLOURS = ("#0969da", "#bc4c00", "#1a7f37")
PANEL, HEIGHT, LEFT, TOP = 250, 190, 52, 84


def short(seconds):
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def panel(series, left):
    """One series: `left` is where its panel begins."""
    points = [point for side in series["sides"].values() for point in side["points"]]
    sizes = sorted({x for x, _ in points})
    low, high = min(y for _, y in points) / 1.3, max(y for _, y in points) * 1.3
    span_x = math.log(sizes[-1] / sizes[0]) or 1
    width, height = PANEL - LEFT - 20, HEIGHT

    def place(point):
        return (left + LEFT + width * math.log(point[0] / sizes[0]) / span_x,
                TOP + height * (1 - math.log(point[1] / low) / math.log(high / low)))
    parts = [svg.line(left + LEFT, TOP + height, left + LEFT + width, TOP + height)]
    for size in sizes:
        x, _ = place((size, low))
        parts.append(svg.text(x, TOP + height + 16, f"{size:g}" if size < 1000 else f"{size / 1000:.0f}k", 11, svg.GREY, "middle"))
    for number, (side, told) in enumerate(series["sides"].items()):
        colour, places = COLOURS[number % len(COLOURS)], [place(point) for point in told["points"]]
        parts.append(svg.path(places, colour))
        parts += [svg.circle(x, y, 3, colour) for x, y in places]
        for (x, y), (_, seconds) in ((places[0], told["points"][0]), (places[-1], told["points"][-1])):
            parts.append(svg.text(x, y - 8, short(seconds), 11, colour, "middle", halo=True))
        parts.append(svg.text(left + LEFT, TOP + height + 52 + 16 * number, f"{side}: size ^ {told['exponent']:.2f}", 11, colour))
    parts.append(svg.text(left + LEFT + width / 2, TOP + height + 32, series["unit"], 11, svg.GREY, "middle"))
    return parts


def growth(all_series):
    shown = [series for series in all_series if all(len(side["points"]) > 1 for side in series["sides"].values())]
    parts = [svg.heading("How the cost grows", "CPU seconds, one thread a rank, logarithmic on both axes")]
    for number, series in enumerate(shown):
        parts += panel(series, 12 + PANEL * number)
    width = 24 + PANEL * max(1, len(shown))
    return svg.document(width, TOP + HEIGHT + 100, "How the cost of a step grows", parts)
