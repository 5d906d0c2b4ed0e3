#!/usr/bin/env python3
"""What the results of scripts/bench.sh write: the part of README.md, data/results/bench/table.md and growth.svg beside it.

    python3 scripts/benchmarks/bench/table.py            writes all three
    python3 scripts/benchmarks/bench/table.py --check    fails where one of them says something else
    python3 scripts/benchmarks/bench/table.py --print FILE    the table of other results, such as a quick run's"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).resolve().parent)]

import picture  # noqa: E402
from common import amount  # noqa: E402
from readme_part import Part  # noqa: E402

FOLDER = ROOT / "data" / "results" / "bench"
PART = Part("bench", "scripts/benchmarks/bench/table.py")


def cells(row, name):
    """Peer, its time, ratio with the range of the pairs, what was asked for."""
    if name not in row.get("ratios", {}):
        return [name, "peer missing", "", ""]
    ratio, asked = row["ratios"][name], row["targets"].get(name)
    spread = f"{ratio['median']:.2f} x ({ratio['least']:.2f} to {ratio['largest']:.2f})"
    mark = "" if asked is None else f"{asked:g} x" + ("" if ratio["median"] >= asked else ", not reached")
    return [name, amount(row["seconds"][name]["median"], row["unit"]), spread, mark]


def rows_of(results, asked_only):
    for row in results["lines"]:
        if "seconds" not in row:
            if not asked_only:
                yield [row["name"], "", *cells(row, "peer")]
            continue
        names = [*row["ratios"], *row["missing"]]
        if asked_only:
            names = [name for name in names if name in row["targets"]]
        for i, name in enumerate(names):
            own = [row["name"], amount(row["seconds"]["ours"]["median"], row["unit"])] if i == 0 else ["", ""]
            yield [*own, *cells(row, name)]


def markdown(head, rows, right=()):
    rule = "|".join("--:" if i in right else "---" for i in range(len(head)))
    return "\n".join(["| " + " | ".join(head) + " |", f"|{rule}|", *("| " + " | ".join(row) + " |" for row in rows)])


def line_table(results, asked_only):
    return markdown(["", "ours", "peer", "theirs", "peer / ours", "asked for"], rows_of(results, asked_only), right=(1, 3))


def stage_table(results):
    rows = []
    for step in results["stages"]:
        rows.append([f"**{step['name']}**", amount(step["seconds"], "s"), "", "", ""])
        for stage in step["stages"]:
            share = stage["seconds"] / stage["floor"]
            rows.append([stage["name"], amount(stage["seconds"], "s"), f"{stage['seconds'] / step['seconds']:.0%}", amount(stage["floor"], "s"),
                         f"{share:.2f} x"])
    return markdown(["stage of a step", "CPU time", "share", "its FLOP at the speed of plain products", "of that"], rows,
                    right=(1, 2, 3, 4))


def growth_lines(results):
    found = []
    for series in results["growth"]:
        sides = ", ".join(f"{side} ^{told['exponent']:.2f}" for side, told in series["sides"].items())
        found.append(f"- {series['name']}: {sides}")
    return "\n".join(found)


def machine_line(results):
    machine = results["machine"]
    versions = {name: value for name, value in machine["versions"].items() if value}
    named = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers", "peft", "trl", "decord", "torchcodec", "av", "Pillow")
                      if name in versions)
    return f"{machine['cpu']} ({machine['cores']} cores, {', '.join(machine['instructions'])}); {named}"


HOW = ("One thread, CPU seconds, both sides by turns in one run after they were found equal; the ratio is the median of the pairs, "
       "in brackets the range")


def readme(results):
    return (f"{HOW} ([all lines](data/results/bench/table.md), [results](data/results/bench/results.json), "
            f"`scripts/bench.sh`). {machine_line(results)}.\n\n{line_table(results, True)}\n\n"
            "![How the cost grows](data/results/bench/growth.svg)")


def page(results):
    parts = ["# Benchmarks on a CPU", f"{HOW}. Written by `scripts/benchmarks/bench/table.py` from `results.json`.",
             machine_line(results) + ".", line_table(results, False)]
    if results["stages"]:
        parts += ["## Where the time of a step goes", stage_table(results)]
    if results["growth"]:
        parts += ["## How the cost grows", "Cost ~ size ^ exponent, by least squares over the points of `growth.svg`.",
                  growth_lines(results)]
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--print", type=Path, dest="other")
    args = parser.parse_args()
    results = json.loads((args.other or FOLDER / "results.json").read_text())
    if args.other:
        print(page(results))
        return
    for name, text in (("table.md", page(results)), ("growth.svg", picture.growth(results["growth"]))):
        file = FOLDER / name
        if not args.check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file}: is not what results.json says; fix: run without --check")
    PART.publish(ROOT / "README.md", readme(results), args.check)


if __name__ == "__main__":
    main()
