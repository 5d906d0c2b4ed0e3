"""The alignment film: what each token of some held-out pairs gains while the model is trained, one method beside another.

A token's gain is log p policy − log p reference; a phrase's margin is the gain of its tokens in the chosen answer minus
that of the phrase that stands in its place in the rejected one. `static` draws the end of training as SVG, `interactive`
the whole training as a part of a page (film.js)."""
import json
import math
from html import escape
from pathlib import Path

import svg
from intervals import mean
from names import METHODS, number, ordered
from protocol import SIDES
from scales import Linear, rounded_bounds

LOSS, GAIN = (179, 88, 6), (0, 114, 178)  # orange and blue: apart for colour-blind readers
MAX_FRAMES, MAX_PAIRS, STATIC_PAIRS = 60, 8, 3
PADDING = 0.4  # em, around a token


def phrases(marked):
    """Positions of each phrase: the longest runs of one mark that is not 0."""
    found, before = [], 0
    for position, mark in enumerate(marked):
        if mark and mark == before:
            found[-1].append(position)
        elif mark:
            found.append([position])
        before = mark
    return found


def matched(pair):
    """(label, positions in chosen, positions in rejected) of each phrase; one for all where their numbers differ."""
    chosen, rejected = (phrases(pair[side]["marked"]) for side in SIDES)
    if len(chosen) != len(rejected):
        return [("all phrases", sum(chosen, []), sum(rejected, []))]
    return [("".join(pair["chosen"]["tokens"][i] for i in c).strip(), c, r) for c, r in zip(chosen, rejected)]


def margins(pair, frame):
    return [sum(frame["chosen"]["gain"][i] for i in chosen) - sum(frame["rejected"]["gain"][i] for i in rejected)
            for _, chosen, rejected in matched(pair)]


def thinned(items, most):
    """At most `most` of them, evenly, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def rounded(values):
    return [round(value, 3) + 0.0 for value in values]


def prepared(film):
    """What the two drawings need: pairs once, and for each method the frames of the steps that all methods have."""
    names = ordered(film["methods"], METHODS)
    common = set.intersection(*({frame["step"] for frame in film["methods"][name]["frames"]} for name in names))
    steps = thinned(sorted(common), MAX_FRAMES)
    pairs = film["methods"][names[0]]["pairs"][:MAX_PAIRS]
    methods = [of_method(film["methods"][name], name, steps, pairs) for name in names]
    gains = [abs(g) for m in methods for frame in m["frames"] for pair in frame for side in SIDES
             for g in pair[side]["gain"]]
    kls = [k for m in methods for frame in m["frames"] for pair in frame for side in SIDES for k in pair[side]["kl"]]
    return {"steps": steps, "limit": math.ceil(max(gains)) or 1, "kl_limit": max(max(kls), 0.01), "methods": methods,
            "pairs": [{"question": pair["question"], "phrases": [label for label, _, _ in matched(pair)],
                       **{side: pair[side] for side in SIDES}} for pair in pairs]}


def of_method(recorded, name, steps, pairs):
    by_step = {frame["step"]: frame["pairs"] for frame in recorded["frames"]}
    frames = [[{side: {key: rounded(by_step[step][p][side][key]) for key in ("gain", "kl")} for side in SIDES}
               for p in range(len(pairs))]
              for step in steps]
    return {"label": METHODS[name].label, "colour": METHODS[name].colour, "frames": frames,
            "margins": [[rounded(margins(pair, frame[p])) for p, pair in enumerate(pairs)] for frame in frames]}


def colour(gain, limit):
    """White at 0, the root of the share of the limit towards blue or orange: small gains show beside large ones."""
    share = min(1.0, math.sqrt(abs(gain) / limit))
    end = GAIN if gain > 0 else LOSS
    return svg.mixed((255, 255, 255), end, share), share


def token_row(answer, values, x, y, room, limit, kl_limit):
    """Boxes coloured by gain with the token in them; its KL hangs below as a bar."""
    characters = sum(len(token) for token in answer["tokens"])
    size = min(11, room / (characters * svg.WIDE + len(answer["tokens"]) * PADDING))
    parts = []
    for token, marked, gain, kl in zip(answer["tokens"], answer["marked"], values["gain"], values["kl"]):
        word = token.lstrip(" ")
        x += svg.text_width(token[:len(token) - len(word)], size, mono=True) if word else 0
        width = svg.text_width(word or token, size, mono=True) + size * PADDING
        fill, share = colour(gain, limit)
        parts.append(svg.rect(x + 0.5, y, width - 1, 18, fill, radius=2, stroke=svg.INK if marked else None))
        ink, weight = "#fff" if share > 0.7 else svg.INK, "700" if marked else None
        parts.append(svg.text(x + width / 2, y + 13, word, size, ink, "middle", weight, mono=True))
        height = 14 * kl / kl_limit
        if height >= 0.3:
            parts.append(svg.rect(x + 1, y + 20, width - 2, height, svg.GREY))
        x += width
    return parts


def pair_block(data, index, y):
    pair = data["pairs"][index]
    parts = [svg.text(24, y + 12, pair["question"], 12, weight="600")]
    y += 22
    for side in SIDES:
        parts.append(svg.text(24, y + 13, side, 11, svg.GREY))
        for m in data["methods"]:
            parts += [svg.circle(92, y + 9, 5, m["colour"]), svg.text(104, y + 13, m["label"], 11)]
            parts += token_row(pair[side], m["frames"][-1][index][side], 216, y, 560, data["limit"], data["kl_limit"])
            y += 38
        y += 2
    return parts, y + 8


def legend(data, x, y):
    parts = [svg.text(x, y + 10, "gain, nats", 11, svg.GREY)]
    limit, tallest = data["limit"], number(data["kl_limit"], 2)
    for i in range(17):
        share = (i - 8) / 8
        parts.append(svg.rect(x + 98 + i * 9, y, 9, 13, colour(math.copysign(share * share * limit, share), limit)[0]))
    parts += [svg.text(x + 92, y + 10, f"−{limit}", 11, svg.GREY, "end"),
              svg.text(x + 257, y + 10, f"+{limit}", 11, svg.GREY),
              svg.rect(x + 98, y, 153, 13, "none", stroke=svg.RULE),
              svg.text(x + 310, y + 10, f"outlined: key phrase · bar below: KL of the token, tallest {tallest} nats", 11,
                       svg.GREY)]
    return parts


def margin_chart(data, m, left, width, top, scale_y):
    """Every phrase a thin line, their mean a thick one."""
    scale_x = Linear(data["steps"][0], data["steps"][-1], left + 34, left + width)
    parts = [svg.circle(left + 39, top - 14, 5, m["colour"]), svg.text(left + 50, top - 10, m["label"])]
    for tick in scale_y.ticks(4):
        parts += [svg.line(scale_x.start, scale_y(tick), scale_x.end, scale_y(tick), svg.FAINT if tick == 0 else svg.RULE),
                  svg.text(left + 28, scale_y(tick) + 4, number(tick, 0), 11, svg.GREY, "end")]
    for tick in scale_x.ticks(5):
        parts.append(svg.text(scale_x(tick), scale_y.start + 16, number(tick, 0), 11, svg.GREY, "middle"))
    curves = list(zip(*([value for pair in frame for value in pair] for frame in m["margins"])))
    xs = [scale_x(step) for step in data["steps"]]
    parts += [svg.path(list(zip(xs, map(scale_y, curve))), "#b6bec7", 1) for curve in curves]
    means = [scale_y(mean(values)) for values in zip(*curves)]
    return parts + [svg.path(list(zip(xs, means)), m["colour"], 3)]


def static(film):
    data = prepared(film)
    if len(data["steps"]) < 2:
        return None
    title = "What each token gains in training"
    parts = [svg.heading(title, "held-out pairs at the end of training: log p policy − log p reference of each token"),
             *legend(data, 24, 66)]
    y = 100
    for index in range(min(STATIC_PAIRS, len(data["pairs"]))):
        block, y = pair_block(data, index, y)
        parts += block
    count = sum(len(pair["phrases"]) for pair in data["pairs"])
    parts.append(svg.text(24, y + 14,
                          f"Margin of each phrase over training, nats (x: step; thick: mean of {count} phrases)",
                          weight="600"))
    values = [value for m in data["methods"] for frame in m["margins"] for pair in frame for value in pair]
    scale_y = Linear(*rounded_bounds(values + [0], 5), y + 190, y + 56)
    each = (752 - 24 * (len(data["methods"]) - 1)) / len(data["methods"])
    for i, m in enumerate(data["methods"]):
        parts += margin_chart(data, m, 24 + i * (each + 24), each, y + 56, scale_y)
    return svg.document(800, y + 226, title, parts)


def explained(data):
    return (f"Blue tokens became more probable, orange ones less (up to {data['limit']} nats of gain); outlined: key "
            f"phrases; the bar below a token is its KL, the tallest {number(data['kl_limit'], 2)} nats. Held-out pairs.")


def interactive(film):
    """A part of a page: needs page.css, no network."""
    data = prepared(film)
    if len(data["steps"]) < 2:
        return ""
    options = "".join(f'<option value="{i}">{escape(pair["question"])}</option>' for i, pair in enumerate(data["pairs"]))
    embedded = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    script, last = (Path(__file__).parent / "film.js").read_text(), len(data["steps"]) - 1
    return (f'<div class="film" id="film">\n<div class="controls"><button type="button">▶ play</button>'
            f'<input type="range" min="0" max="{last}" value="{last}" aria-label="step of training"><output></output>'
            f'<select aria-label="pair">{options}</select></div>\n'
            f'<div class="methods"></div>\n<p class="note">{explained(data)}</p>\n</div>\n'
            f'<script type="application/json" id="film-data">{embedded}</script>\n<script>\n{script}</script>')
