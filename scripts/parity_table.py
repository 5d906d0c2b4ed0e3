#!/usr/bin/env python3
"""Writes the parity table: what the tests compared with an original, and the worst difference they saw.

    python3 scripts/parity_table.py                 prints the table of build/parity (written by scripts/test.sh)
    python3 scripts/parity_table.py --write        puts it into docs/parity.md between its two marks
    python3 scripts/parity_table.py --check         fails where docs/parity.md misses a row of the tests or has one too many

--build DIR names another build folder. Differences vary in their last digits between processors; rows and tolerances do not.
"""
import argparse
import json
import re
import sys
from pathlib import Path

from readme_part import Part

ROOT = Path(__file__).resolve().parent.parent
PART = Part("parity", "scripts/parity_table.py")
HEAD = ["part", "original", "compared", "tolerance", "worst difference"]


def read(folder):
    """(part, original, compared, tolerance) -> (worst difference, number of comparisons)."""
    rows = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if not row["passed"]:
                sys.exit(f"{file}: {row['part']}, {row['compared']}: the test failed; fix it before its numbers are shown")
            key = (row["part"], row["original"], row["compared"], row["tolerance"])
            worst, count = rows.get(key, (0.0, 0))
            rows[key] = (max(worst, row["worst"]), count + row["comparisons"])
    if not rows:
        sys.exit(f"{folder}: no report; fix: run scripts/test.sh first")
    return rows


def shown(difference):
    return "none" if difference == 0 else f"{difference:.0e}"


def table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for (part, original, compared, tolerance), (worst, count) in sorted(rows.items()):
        limit = "same bits" if tolerance == 0 else f"{tolerance:.0e}"
        lines.append(f"| {part} | {original} | {compared} ({count}) | {limit} | {shown(worst)} |")
    return "\n".join(lines)


def keys(text):
    """Rows without what varies: the number of comparisons and the worst difference."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {(c[0], c[1], re.sub(r" \(\d+\)$", "", c[2]), c[3]) for c in cells}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = table(read(arguments.build / "parity"))
    page = ROOT / "docs" / "parity.md"
    if not (arguments.write or arguments.check):
        print(text)
        return
    if arguments.check:
        _, old, _ = PART.split(page.read_text())
        differing = sorted(keys(old) ^ keys(text))
        for row in differing:
            print("only in " + ("docs/parity.md: " if row in keys(old) else "the tests: ") + " | ".join(row))
        sys.exit(1 if differing else 0)
    PART.publish(page, text, check=False)


if __name__ == "__main__":
    main()
