#!/usr/bin/env python3
"""docs/first_evening.md is true: its commands, typed one block after the other into an empty folder, print what stands there.

    python3 tests/cli/first_evening_test.py BUILD_FOLDER            compares; exit 77 where ffmpeg is missing
    python3 tests/cli/first_evening_test.py BUILD_FOLDER --write    writes into the page what the commands print

Words, whole numbers and their order are compared. Broken numbers are not: sums are rounded in another order on another processor."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first_evening.md"
BLOCK = re.compile(r"```sh\n(.*?)```\n(\n```text\n(.*?)```\n)?", re.S)
END = "-- end of block --"


def typed(blocks, build):
    """What each block prints: one shell types them all, as a user would."""
    script = "set -e\n" + "".join(f"{block}\necho '{END}'\n" for block in blocks)
    place = {**os.environ, "RRPO": str(ROOT), "PATH": f"{build}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=place, capture_output=True, text=True, timeout=280)
        if done.returncode != 0:
            sys.exit(f"a command of {PAGE.name} failed with {done.returncode} after:\n{done.stdout[-800:]}\n{done.stderr[-800:]}")
        if not (Path(folder) / "run" / "adapter" / "adapter_model.safetensors").exists():
            sys.exit("no adapter was left")
        if not (Path(folder) / "comparison" / "compare.html").exists():
            sys.exit("no comparison was left")
    return done.stdout.split(END + "\n")[:-1]


def comparable(text):
    text = re.sub(r"-?\d+\.\d+(e-?\d+)?|-?\d+e-\d+", "#", text)
    return [re.sub(r"-{2,}|\s+", " ", line).strip() for line in text.strip().splitlines()]


def written(page, outputs):
    rest = iter(outputs)

    def block(match):
        text = next(rest)
        return f"```sh\n{match.group(1)}```\n" + (f"\n```text\n{text.rstrip()}\n```\n" if text.strip() else "")

    return BLOCK.sub(block, page)


def main():
    build = Path(sys.argv[1]).resolve()
    if shutil.which("ffmpeg") is None:
        print("skipped: no ffmpeg")
        return 77
    page = PAGE.read_text()
    matches = list(BLOCK.finditer(page))
    outputs = typed([match.group(1) for match in matches], build)
    if "--write" in sys.argv:
        PAGE.write_text(written(page, outputs))
        return 0
    faults = 0
    for match, output in zip(matches, outputs, strict=True):
        stands, printed = comparable(match.group(3) or ""), comparable(output)
        if stands != printed:
            faults += 1
            print(f"FAULT: {match.group(1).strip()}\n--- the page says\n" + "\n".join(stands) + "\n--- it prints\n" + "\n".join(printed))
    print(f"{len(matches)} blocks, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
