#!/usr/bin/env python3
"""Writes tests/golden/subtitles.json: where LongVideoBench's own reader puts each cue among the frames, for the C++ tests.

    python3 scripts/oracles/subtitles.py --longvideobench-source FOLDER            FOLDER is a clone of longvideobench/LongVideoBench
    python3 scripts/oracles/subtitles.py --longvideobench-source FOLDER --check    computes everything again and compares

The function is taken out of the reader's file by name and run on cues of both published forms, made by chance: short, long, out of
order, before the video's first moment, behind its last, at the very moment of a frame. A case is {times, cues, offset, duration,
pieces}; a piece is the number of a frame, or a text."""
import argparse
import ast
import hashlib
import json
import random
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "subtitles.json"
FILE = "longvideobench/longvideobench_dataset.py"
COMMIT, SHA256 = "fc3c553", "1776f59f86b8a13edfbabcad9c387f5b860ea12294514df545d43c9f7175a702"
CASES = 80


def original(folder):
    text = (folder / FILE).read_bytes()
    if hashlib.sha256(text).hexdigest() != SHA256:
        sys.exit(f"{folder / FILE} is not that of {COMMIT}")
    wanted = {"timestamp_to_seconds", "insert_subtitles_into_frames"}
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    space = {}
    exec(compile(tree, FILE, "exec"), space)
    return space["insert_subtitles_into_frames"]


def clock(seconds):
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{round(1000 * (seconds - whole)):03d}"


def cue(rng, number, length, offset, by_clock):
    begin = max(0, rng.randrange(-8, 4 * length + 8) / 4 + offset)
    end = begin + rng.choice([0.25, 0.5, 0.75, 1.0, 1.25, 2.0, 5.5])
    text = rng.choice([f"cue {number}", f"“{number}”\nsecond line", f"{number}…"])
    if by_clock:
        return {"start": clock(begin), "end": clock(end), "line": text}
    return {"timestamp": [begin, rng.choice([end, end, end, None, int(end) + 1])], "text": text}


def case(rng, insert):
    frames, length = rng.randrange(1, 9), rng.choice([3, 8, 20])
    step = rng.choice([length / frames, 1.0, 0.5])
    times = [i * step for i in range(frames)]
    offset = rng.choice([0, 0, 12.5, 100])
    by_clock = rng.random() < 0.4
    cues = [cue(rng, i, length, offset, by_clock) for i in range(rng.randrange(0, 6))]
    if rng.random() < 0.7:
        cues.sort(key=lambda one: one["start"] if by_clock else one["timestamp"][0])
    duration = length + rng.choice([0, 0.25])
    pieces = insert(list(range(frames)), times, cues, offset, duration)
    return {"times": times, "cues": cues, "offset": offset, "duration": duration, "pieces": pieces}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--longvideobench-source", required=True, type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    insert, rng = original(arguments.longvideobench_source), random.Random(13)
    made = {"source": f"longvideobench/LongVideoBench {COMMIT}", "cases": [case(rng, insert) for _ in range(CASES)]}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n"
    if not arguments.check:
        GOLDEN.write_text(text, encoding="utf-8")
    elif GOLDEN.read_text(encoding="utf-8") != text:
        sys.exit(f"{GOLDEN.name} differs")
    heard = sum(isinstance(piece, str) for one in made["cases"] for piece in one["pieces"])
    print(f"{CASES} cases, {sum(len(one['cues']) for one in made['cases'])} cues of which {heard} are shown: "
          + ("equal" if arguments.check else "written"))


if __name__ == "__main__":
    main()
