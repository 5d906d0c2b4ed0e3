"""SVG primitives: every function returns the text of one element, `document` joins them into a file.

Coordinates are pixels; each number is printed with at most one decimal, so that the same data gives the same bytes."""
from html import escape

INK, GREY, FAINT, RULE = "#1f2328", "#57606a", "#8c959f", "#d8dee4"
SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',monospace"
WIDE, NARROW = 0.60, 0.56  # em per character: fixed-width fonts, and a cautious average of proportional ones


def mixed(start, end, share):
    """A colour between two."""
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(start, end))


def px(value):
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def attributes(values):
    """Names with _ for -; None is left out."""
    shown = ((name.replace("_", "-"), px(value) if isinstance(value, (int, float)) else escape(value))
             for name, value in values.items() if value is not None)
    return "".join(f' {name}="{value}"' for name, value in shown)


def element(name, values, content=""):
    return f"<{name}{attributes(values)}>{content}</{name}>" if content else f"<{name}{attributes(values)}/>"


def text(x, y, content, size=12, fill=INK, anchor=None, weight=None, mono=False, halo=False):
    """One line whose baseline is y; a halo keeps it readable on top of a line."""
    around = {"stroke": "#fff", "stroke_width": 3, "stroke_linejoin": "round", "paint_order": "stroke"} if halo else {}
    values = {"x": x, "y": y, "font_size": None if size == 12 else size, "fill": None if fill == INK else fill,
              "text_anchor": anchor, "font_weight": weight, "font_family": MONO if mono else None,
              "xml:space": "preserve" if mono else None, **around}
    return element("text", values, escape(content, quote=False))


def text_width(content, size=12, mono=False):
    return len(content) * size * (WIDE if mono else NARROW)


def line(x1, y1, x2, y2, stroke=RULE, width=1, dash=None):
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke": stroke, "stroke_width": width,
                            "stroke_dasharray": dash})


def rect(x, y, width, height, fill, radius=None, stroke=None, opacity=None, stroke_width=None):
    return element("rect", {"x": x, "y": y, "width": width, "height": height, "rx": radius, "fill": fill, "stroke": stroke,
                            "fill_opacity": opacity and f"{opacity:.2f}", "stroke_width": stroke_width})


def circle(x, y, radius, fill, stroke=None, width=None, opacity=None):
    return element("circle", {"cx": x, "cy": y, "r": radius, "fill": fill, "stroke": stroke, "stroke_width": width,
                              "fill_opacity": opacity and f"{opacity:.2f}"})


def path(points, stroke, width=2, dash=None):
    moves = " ".join(f"{'M' if i == 0 else 'L'}{px(x)} {px(y)}" for i, (x, y) in enumerate(points))
    return element("path", {"d": moves, "fill": "none", "stroke": stroke, "stroke_width": width, "stroke_dasharray": dash,
                            "stroke_linejoin": "round"})


def area(points, fill, opacity):
    moves = " ".join(f"{'M' if i == 0 else 'L'}{px(x)} {px(y)}" for i, (x, y) in enumerate(points))
    return element("path", {"d": moves + "Z", "fill": fill, "fill_opacity": f"{opacity:.2f}"})


def heading(title, subtitle):
    return text(24, 32, title, 16, weight="600") + text(24, 52, subtitle, 12, GREY)


def document(width, height, title, parts):
    """A white card, readable on light and dark pages."""
    head = {"xmlns": "http://www.w3.org/2000/svg", "width": width, "height": height,
            "viewBox": f"0 0 {px(width)} {px(height)}", "role": "img", "font_family": SANS, "font_size": 12, "fill": INK,
            "style": "font-variant-numeric:tabular-nums"}
    card = rect(0.5, 0.5, width - 1, height - 1, "#fff", radius=10, stroke=RULE)
    return element("svg", head, "\n" + "\n".join([f"<title>{escape(title, quote=False)}</title>", card, *parts]) + "\n")
