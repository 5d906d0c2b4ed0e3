#!/usr/bin/env python3
"""The section of docs/evidence.md that the results of the miniature write.

    python3 scripts/miniature/readme_section.py FOLDER docs/evidence.md            writes it between its two marks
    python3 scripts/miniature/readme_section.py FOLDER docs/evidence.md --check    fails where it says something else"""
import argparse
import os
import sys
from pathlib import Path

import claims
from headline import headline
from names import METHODS, METRICS, bracketed, number
from results import read

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from readme_part import Part  # noqa: E402

PART = Part("miniature", "scripts/miniature/readme_section.py")
COLUMNS = ("u", "b", "kl_truth")
HEAD = ("", "unbiased, %", "biased, %", "KL(reference ‖ policy), nats per answer")


def cell(estimate, metric):
    return bracketed(estimate.mean, estimate.interval(), METRICS[metric].digits) if estimate else number(None)


def table(results, group="main"):
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "--:|" * len(COLUMNS)]
    for name in results.methods(group):
        cells = (cell(results.estimate(group, name, metric), metric) for metric in COLUMNS)
        lines.append(f"| {METHODS[name].label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(title, folder, file, readme):
    return f"![{title}]({Path(os.path.relpath(folder / file, readme.parent)).as_posix()})"


def second_part(results, folder, readme):
    """What stands beside the paper; nothing where it was not measured."""
    found = claims.second_findings(results.data["comparisons"])
    if not found:
        return []
    return ["A second video, no reference, sums of objectives. " + claims.second_rule(), table(results, "second"),
            picture("What a second video adds", folder, "second.svg", readme),
            "\n".join(f"- {claims.sentence(finding)}" for finding in found)]


def section(results, folder, readme):
    sentences = [claims.sentence(finding) for finding in claims.findings(results.data["comparisons"])]
    parts = [" ".join(headline(results)), table(results),
             picture("Accuracy against divergence, every method", folder, "divergence.svg", readme)]
    if (folder / "film.json").exists():
        parts.append(picture("What each token gains in training", folder, "film.svg", readme))
    parts += ["The paper's claims. " + claims.RULE, "\n".join(f"- {text}" for text in sentences),
              claims.same_settings(results.data["tuning"]), *second_part(results, folder, readme)]
    return "\n\n".join(part for part in parts if part)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readme", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = section(read(arguments.folder), arguments.folder.resolve(), arguments.readme.resolve())
    PART.publish(arguments.readme, text, arguments.check)


if __name__ == "__main__":
    main()
