#!/usr/bin/env python3
"""The section of README.md that the results of the miniature write.

    python3 scripts/miniature/readme_section.py FOLDER README.md            writes it between its two marks
    python3 scripts/miniature/readme_section.py FOLDER README.md --check    fails where README.md says something else"""
import argparse
import os
import sys
from pathlib import Path

import claims
from headline import headline
from names import METHODS, METRICS, bracketed, number
from results import read

MARKS = ("<!-- miniature: scripts/miniature/readme_section.py -->", "<!-- end of miniature -->")
COLUMNS = ("u", "b", "kl_truth")
HEAD = ("", "unbiased, %", "biased, %", "KL(reference ‖ policy), nats per answer")


def cell(estimate, metric):
    return bracketed(estimate.mean, estimate.interval(), METRICS[metric].digits) if estimate else number(None)


def table(results):
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "--:|" * len(COLUMNS)]
    for name in results.methods("main"):
        cells = (cell(results.estimate("main", name, metric), metric) for metric in COLUMNS)
        lines.append(f"| {METHODS[name].label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(title, folder, file, readme):
    return f"![{title}]({Path(os.path.relpath(folder / file, readme.parent)).as_posix()})"


def section(results, folder, readme):
    sentences = [claims.sentence(finding) for finding in claims.findings(results.data["comparisons"])]
    parts = [" ".join(headline(results)), table(results),
             picture("Accuracy against divergence, every method", folder, "divergence.svg", readme)]
    if (folder / "film.json").exists():
        parts.append(picture("What each token gains in training", folder, "film.svg", readme))
    parts += ["The paper's claims. " + claims.RULE, "\n".join(f"- {text}" for text in sentences),
              claims.same_settings(results.data["tuning"])]
    return "\n\n".join(part for part in parts if part)


def split(readme):
    """What stands before the section, it, and what stands after it; ValueError where a mark is missing or out of order."""
    before, first, rest = readme.partition(MARKS[0])
    old, last, after = rest.partition(MARKS[1])
    if not (first and last) or any(mark in before + old + after for mark in MARKS):
        raise ValueError(f"its two marks must stand once each, in order; fix: put them on lines of their own: {MARKS[0]} "
                         f"and {MARKS[1]}")
    return before, old, after


def replaced(readme, text):
    before, _, after = split(readme)
    return f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}"


def first_difference(old, new):
    lines = zip(old.splitlines() + [""], new.splitlines() + [""])
    return next(((i + 1, a, b) for i, (a, b) in enumerate(lines) if a != b), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readme", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    old = arguments.readme.read_text()
    try:
        new = replaced(old, section(read(arguments.folder), arguments.folder.resolve(), arguments.readme.resolve()))
    except ValueError as error:
        sys.exit(f"{arguments.readme}: {error}")
    if not arguments.check:
        arguments.readme.write_text(new)
    elif old != new:
        line, stands, wanted = first_difference(old, new)
        sys.exit(f"{arguments.readme}:{line}: is {stands!r}, the results say {wanted!r}; fix: run without --check")


if __name__ == "__main__":
    main()
