#!/usr/bin/env python3
"""WORK/step-*.json and WORK/answers.json of scripts/gpu.sh as one WORK/step_7b.json; parts that are not there are left out.

    python3 scripts/benchmarks/join_steps.py WORK"""
import json
import sys
from pathlib import Path


def joined(parts):
    """The first part with the steps and answers of all; their commands and faults beside each other."""
    report = {**parts[0], "commands": [part["command"] for part in parts],
              "faults": [fault for part in parts for fault in part["faults"]], "steps": {}}
    del report["command"]
    for part in parts:
        report["steps"] |= {frames: step for frames, step in part["steps"].items() if "ours" in step}
        report |= {"decode": part["decode"]} if "decode" in part else {}
    report["steps"] = dict(sorted(report["steps"].items(), key=lambda item: int(item[0])))
    return report


def main(work):
    # Answers first: their one timed step gives way to that of step-16.
    files = [work / "answers.json", *sorted(work.glob("step-*.json"))]
    parts = [json.loads(file.read_text()) for file in files if file.exists()]
    if not parts:
        print(f"error: join_steps: {work}: holds no part; fix: scripts/gpu.sh", file=sys.stderr)
        return 3
    (work / "step_7b.json").write_text(json.dumps(joined(parts), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
