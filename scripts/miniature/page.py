#!/usr/bin/env python3
"""The figures and the page of the miniature.

    python3 scripts/miniature/page.py FOLDER      FOLDER/results.json and film.json -> FOLDER/*.svg and FOLDER/report.html

The page needs no network and no other file. The same results give the same bytes."""
import json
import sys
from collections import Counter
from html import escape
from pathlib import Path

import claims
import figures
import film
from headline import headline
from names import CLIPS, CONDITIONS, METHODS, METRICS, counted, number, variant
from protocol import TYPES
from results import read, read_film

KEY_METRICS = ("u", "b", "kl_truth", "kl_own")


def table(head, rows, text=False, chosen=()):
    """Cells are HTML."""
    line = lambda cells, tag, kind="": f"<tr{kind}>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"
    body = "\n".join(line(row, "td", ' class="chosen"' if i in chosen else "") for i, row in enumerate(rows))
    kind = " class=text" if text else ""
    return f'<div class="table"><table{kind}><thead>{line(head, "th")}</thead><tbody>\n{body}\n</tbody></table></div>'


def cell(estimate, metric):
    digits = METRICS[metric].digits
    if estimate is None:
        return "–"
    between = estimate.range()
    small = f"<small>{number(between[0], digits)} to {number(between[1], digits)}</small>" if between else ""
    return number(estimate.mean, digits) + small


def name_cell(name):
    return f'<i style="background:{METHODS[name].colour}"></i>{escape(METHODS[name].label)}'


def head_of(metrics):
    return ["", *(f"{METRICS[m].label}, {METRICS[m].unit}" for m in metrics)]


def methods_table(results, group, metrics):
    rows = [[name_cell(name), *(cell(results.estimate(group, name, metric), metric) for metric in metrics)]
            for name in results.methods(group)]
    return table(head_of(metrics), rows)


def variants_table(results, group, metrics):
    rows = [[escape(variant(group, name)), *(cell(results.estimate(group, method, metric, name), metric)
                                             for metric in metrics)]
            for name, method in results.variants(group).items()]
    return table(head_of(metrics), rows) if rows else ""


def folded(summary, content):
    return f"<details><summary>{summary}</summary>\n{content}\n</details>" if content else ""


def metrics_help():
    return table(["", "meaning"], [[metric.label, escape(metric.help)] for metric in METRICS.values()], text=True)


def figure_of(drawn, name):
    caption = next(figure.caption for figure in figures.FIGURES if figure.file == name)
    return f"<figure>\n{drawn[name]}<figcaption>{escape(caption)}</figcaption></figure>" if name in drawn else ""


def findings_list(rule, findings):
    items = [f'<li><span class="verdict {finding.verdict.replace(" ", "-")}">{finding.verdict}</span>'
             f"<span>{escape(finding.text())}<small>{escape(finding.measured)}</small></span></li>" for finding in findings]
    return f'<p class="note">{rule}</p>\n<ul class="claims">\n' + "\n".join(items) + "\n</ul>"


def claims_list(results):
    more = claims.same_settings(results.data["tuning"])
    return (findings_list(claims.RULE, claims.findings(results.data["comparisons"])) +
            (f"\n<p>{escape(more)}</p>" if more else ""))


def second_part(results, drawn, metrics):
    """What stands beside the paper."""
    found = claims.second_findings(results.data["comparisons"])
    if not found:
        return ""
    return (figure_of(drawn, "second") + methods_table(results, "second", metrics) +
            findings_list(claims.second_rule(), found))


def setting(value):
    if isinstance(value, list):
        return " + ".join(f"({settings_text(term)})" for term in value)
    return f"{value:g}" if isinstance(value, float) else escape(str(value))


def settings_text(settings):
    return ", ".join(f"{escape(key)} {setting(value)}" for key, value in settings.items())


def tuning_table(results):
    trials = results.data["tuning"]
    rows = [[name_cell(t["method"]), settings_text(t["settings"]), number(t["u"]), number(t["b"]), number(t["kl"], 2)]
            for t in trials]
    chosen = {i for i, t in enumerate(trials) if t["chosen"]}
    return table(["", "settings", "unbiased, %", "biased, %", "KL, nats"], rows, chosen=chosen) if trials else ""


def settings_table(results):
    rows = [[name_cell(name), settings_text(values)] for name, values in results.data["settings"].items()]
    return table(["", "settings"], rows, text=True) if rows else ""


def bases_table(results):
    columns, rows = [*TYPES, "mean"], []
    for base in results.data["bases"]:
        rows += [[f"base {base['base']}", f"with the prejudice, {label}", *(number(base[clips][kind]) for kind in columns)]
                 for clips, label in CLIPS.items()]
    return table(["", "stage and clips", *columns], rows)


def compact(value):
    """A manifest's value: runs of consecutive integers as ranges."""
    if not isinstance(value, list):
        return setting(value)
    if len(value) > 2 and all(isinstance(v, int) for v in value) and value == list(range(value[0], value[0] + len(value))):
        return f"{value[0]}–{value[-1]}"
    return ", ".join(compact(v) if not isinstance(v, dict) else escape(json.dumps(v)) for v in value)


def flattened(value, path=()):
    if not isinstance(value, dict):
        return [(" · ".join(path), compact(value))]
    return [row for key, inner in value.items() for row in flattened(inner, (*path, str(key)))]


def seeds_table(results):
    return table(["scenes", "seeds"], [[escape(name), value] for name, value in flattened(results.data["seeds"])],
                 text=True)


def trials(results):
    """How many trials the methods had."""
    counts = Counter(trial["method"] for trial in results.data["tuning"]).values()
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    return f", {least if least == most else f'{least} to {most}'} trials per method"


def protocol(results):
    bases, seeds = results.counts()
    machine = "; ".join(f"{escape(str(key))}: {setting(value)}" for key, value in results.data["machine"].items())
    groups = "".join(f"<li><b>{CONDITIONS[group][0]}</b>: {CONDITIONS[group][1]}.</li>" for group in results.groups())
    return (f"<p>{counted(bases, 'base model')} of 600,000 parameters learn a world of moving shapes; a last "
            f"stage on biased clips with stereotyped annotation teaches each a prejudice. Fresh unbiased clips are "
            f"perturbed, the model answers, wrong answers become the rejected ones of preference pairs, and each method "
            f"trains an adapter on the same pairs with {counted(seeds, 'seed')}. Settings were tuned on "
            f"validation clips{trials(results)}; every number here is of held-out test "
            f"clips.</p>\n<ul>{groups}</ul>\n<p>Machine: {machine}.</p>")


def sections(results, drawn, moving):
    names = [name for name in results.methods("main") if name != "base"]
    metrics = [metric for metric in METRICS if any(results.estimate("main", name, metric) for name in names)]
    few = [metric for metric in KEY_METRICS if metric in metrics]
    other = "".join(folded(f"Numbers: {CONDITIONS[group][0]}", methods_table(results, group, metrics))
                    for group in results.groups() if group != "main")
    numbers = lambda group: folded("Numbers", variants_table(results, group, few))
    still = f"<noscript><figure>{drawn.get('film', '')}</figure></noscript>\n" if moving else ""
    return [
        ("result", "Result",
         figure_of(drawn, "divergence") + figure_of(drawn, "main") + methods_table(results, "main", few) +
         folded("All metrics", methods_table(results, "main", metrics) + metrics_help())),
        ("claims", "Claim by claim", claims_list(results)),
        ("second", "A second video, no reference, sums", second_part(results, drawn, few)),
        ("tokens", "Alignment, token by token", still + moving),
        ("conditions", "Style of the pairs", figure_of(drawn, "conditions") + other),
        ("types", "By type of question", figure_of(drawn, "types")),
        ("perturbations", "Perturbations", figure_of(drawn, "perturbations") + numbers("perturbation")),
        ("scaling", "Size of the pool", figure_of(drawn, "scaling") + numbers("pool")),
        ("controls", "Controls", figure_of(drawn, "controls") + numbers("control")),
        ("video", "The video", figure_of(drawn, "video")),
        ("protocol", "Protocol", protocol(results) + folded("Base models", bases_table(results)) +
         folded("Settings that tuning chose", settings_table(results)) +
         folded(f"All {len(results.data['tuning'])} tuning trials", tuning_table(results)) +
         folded("Seeds of all scenes", seeds_table(results))),
    ]


def report(results, drawn, moving):
    style = (Path(__file__).parent / "page.css").read_text()
    parts = [part for part in sections(results, drawn, moving) if part[2]]
    links = " · ".join(f'<a href="#{name}">{title}</a>' for name, title, _ in parts)
    lead = "".join(f'<p class="lead">{escape(text)}</p>\n' for text in headline(results))
    body = "\n".join(f'<h2 id="{name}">{title}</h2>\n{content}' for name, title, content in parts)
    title = "RRPO in a miniature video world"
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            'style-src \'unsafe-inline\'; script-src \'unsafe-inline\'">'
            f"<title>{title}</title>\n<style>\n{style}</style></head>\n<body>\n<h1>{title}</h1>\n"
            f"{lead}<nav>{links}</nav>\n{body}\n</body></html>\n")


def main(folder):
    results, recorded = read(folder), read_film(folder)
    drawn = figures.draw_all(results)
    if recorded and (still := film.static(recorded)):
        drawn["film"] = still
    for name, text in drawn.items():
        (folder / f"{name}.svg").write_text(text)
    page = report(results, drawn, film.interactive(recorded) if recorded else "")
    (folder / "report.html").write_text(page)
    print(f"page: {folder / 'report.html'} ({len(page.encode()) / 1000:.0f} kB), {len(drawn)} figures")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
