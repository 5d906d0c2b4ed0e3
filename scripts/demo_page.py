"""The end of scripts/demo.sh: one table of the two models, and one self-contained page joined from the pages that the three
programs wrote.  usage: python3 scripts/demo_page.py OUT"""
import json
import pathlib
import sys

SETS = ("unbiased", "biased")
MODELS = ("base", "aligned")


def scores(out, model, clips):
    return json.loads((out / f"eval-{model}-{clips}" / "scores.json").read_text())["ours"]


def score(group):
    """Share of right slots where a type has them, else accuracy: as rrpo-eval prints it."""
    return 100 * (group.get("slot_share", group["accuracy"]) or 0)


def table(out):
    types = list(scores(out, "base", "unbiased")["tasks"])
    lines = [["model", "clips", "mean", *types, "unparsed", "failed"]]
    for clips in SETS:
        for model in MODELS:
            result = scores(out, model, clips)
            by_type = result["tasks"]
            lines.append([model, clips, f"{100 * result['extra']['mean_over_types']:.1f}",
                          *(f"{score(by_type[t]):.1f}" for t in types), str(result["unparsed"]), str(result["failed"])])
    return lines


def text_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
                     for line in lines)


def html_table(lines):
    """As the programs write theirs: the first two columns are words, the others numbers."""
    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}{'' if i < 2 else ' class=r'}>{cell}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"
    return ('<div class="scroll"><table><thead>' + row(lines[0], "th") + "</thead><tbody>" +
            "".join(row(line, "td") for line in lines[1:]) + "</tbody></table></div>")


def headline(out, clips):
    text = (out / f"compare-{clips}.txt").read_text()
    line = next(line for line in text.splitlines() if line.startswith("B - A: "))
    return f"{clips}, aligned - base: {line[len('B - A: '):]}"


def parts(page):
    """A page of ours: all before its title, and what stands between its heading and its end."""
    text = page.read_text()
    head, rest = text.split("<title>", 1)
    style = rest.split("</title>", 1)[1].split("</head>", 1)[0]
    return head, style, rest.split("</h1>", 1)[1].rsplit("</body>", 1)[0]


def main(out):
    lines = table(out)
    print(text_table(lines))
    for clips in SETS:
        print(headline(out, clips))
    pages = {"Pairs from the model's own mistakes": out / "show" / "show.html",
             "Training": out / "train" / "report.html",
             "Unbiased clips, question by question": out / "compare-unbiased" / "compare.html"}
    head, style, _ = parts(out / "train" / "report.html")
    title = "RRPO: a model aligned with its own mistakes"
    text = f"{head}<title>{title}</title>{style}</head>\n<body>\n<h1>{title}</h1>\n"
    text += '<p class="subtitle">Made by scripts/demo.sh: a toy model of 600,000 parameters, clips that it never saw</p>\n'
    text += "<h2>Base against aligned</h2>\n<p>Accuracy in %; for cap the share of right slots.</p>\n" + html_table(lines)
    text += "".join(f"<p>{headline(out, clips)}</p>\n" for clips in SETS)
    for heading, page in pages.items():
        text += f'<h1 class="part">{heading}</h1>\n{parts(page)[2]}\n'
    (out / "demo.html").write_text(text + "</body>\n</html>\n")
    print(f"page: {out / 'demo.html'}")


main(pathlib.Path(sys.argv[1]))
