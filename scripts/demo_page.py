"""The end of scripts/demo.sh: one table of the two models, and one self-contained page joined from the pages that the three
programs wrote.  usage: python3 scripts/demo_page.py OUT"""
import json
import pathlib
import re
import sys

SETS = ("unbiased", "biased")
MODELS = ("base", "aligned")


def scores(out, model, clips):
    return json.loads((out / f"eval-{model}-{clips}" / "scores.json").read_text())


def score(group):
    """Share of right slots where a type has them, else accuracy: as rrpo-eval prints it."""
    return 100 * group.get("slot_share", group["accuracy"])


def table(out):
    types = list(scores(out, "base", "unbiased")["by_type"])
    lines = [["model", "clips", "mean", *types, "unparsed", "failed"]]
    for clips in SETS:
        for model in MODELS:
            result = scores(out, model, clips)
            by_type = result["by_type"]
            lines.append([model, clips, f"{100 * result['mean_over_types']:.1f}",
                          *(f"{score(by_type[t]):.1f}" for t in types), str(result["unparsed"]), str(result["failed"])])
    return lines


def text_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
                     for line in lines)


def html_table(lines):
    row = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{c}</{tag}>" for c in cells) + "</tr>"
    return "<table><thead>" + row(lines[0], "th") + "</thead><tbody>" + "".join(row(l, "td") for l in lines[1:]) + "</tbody></table>"


def headline(out, clips):
    text = (out / f"compare-{clips}.txt").read_text()
    line = next(line for line in text.splitlines() if line.startswith("B - A: "))
    return f"{clips}, aligned - base: {line[len('B - A: '):]}"


def body(page):
    """What stands between a page's heading and its end."""
    return re.search(r"</h1>(.*)</body>", page.read_text(), re.S).group(1)


def main(out):
    lines = table(out)
    print(text_table(lines))
    for clips in SETS:
        print(headline(out, clips))
    style = re.search(r"<style>.*?</style>", (out / "train" / "report.html").read_text(), re.S).group(0)
    parts = [("Base against aligned", html_table(lines) + "".join(f"<p>{headline(out, c)}</p>" for c in SETS)),
             ("Pairs from the model's own mistakes", body(out / "show" / "show.html")),
             ("Training", body(out / "train" / "report.html")),
             ("Unbiased clips, question by question", body(out / "compare-unbiased" / "compare.html"))]
    page = "".join(f"<h1>{title}</h1>\n{content}\n" for title, content in parts)
    (out / "demo.html").write_text("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>RRPO demo</title>"
                                   f"{style}</head>\n<body>\n{page}</body></html>\n")
    print(f"page: {out / 'demo.html'}")


main(pathlib.Path(sys.argv[1]))
