#!/usr/bin/env python3
"""Every link of README.md and of docs/ to a file of the repository leads to one, and the five questions that README shows are those
of docs/first_evening.md."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    faults = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not re.match(r"https?:", link) and not (page.parent / link).exists():
                faults.append(f"{page.name}: {link} is not there")
    readme, evening = (ROOT / "README.md").read_text(), (ROOT / "docs" / "first_evening.md").read_text()
    rows = re.findall(r'^\{"id".*$', readme, re.M)
    if len(rows) != 5 or any(row not in evening for row in rows):
        faults.append("README.md: its questions are not those of docs/first_evening.md")
    print("\n".join(faults) or "all links lead somewhere")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
