#!/usr/bin/env python3
"""The table of docs/evidence.md that data/results/step_7b.json writes (the results of step_7b.py).

    python3 scripts/benchmarks/step_table.py            writes it between its two marks
    python3 scripts/benchmarks/step_table.py --check    fails where docs/evidence.md says something else"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from readme_part import Part  # noqa: E402

PART = Part("step", "scripts/benchmarks/step_table.py")
ROWS = (("peer, gradient checkpointing (as the original)", "peer", ""),
        ("peer, without checkpointing", "peer_plain", ""),
        ("`rrpo-train`, video encoded in the step", "ours", ""),
        ("`rrpo-train`, visual tokens kept from an earlier epoch", "ours", "_vision_kept"),
        ("`rrpo-train`, the reference's rows kept too", "ours", "_reference_kept"),
        ("`rrpo-train`, `model.frozen=nf4`, video encoded in the step", "ours", "_nf4"))


def cells(step, side, kind):
    """Time and peak memory; for our side, how many times faster it is than the original's way."""
    seconds, peak = step[side]["seconds" + kind], step[side].get("peak_bytes" + kind, step[side]["peak_bytes"])
    if seconds is None:
        return ["no memory", "-"]
    ratio = f" ({step['peer']['seconds'] / seconds:.1f} x)" if side == "ours" else ""
    return [f"{seconds * 1e3:.0f} ms{ratio}", f"{peak / 1e9:.1f} GB"]


def table(steps):
    head = ["step"] + [cell for frames in steps for cell in (f"{frames} frames", "peak memory")]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for name, side, kind in ROWS:
        if any("seconds" + kind not in step[side] for step in steps.values()):
            continue  # results of before it was measured
        row = [name] + [cell for step in steps.values() for cell in cells(step, side, kind)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    results = json.loads((ROOT / "data" / "results" / "step_7b.json").read_text())
    PART.publish(ROOT / "docs" / "evidence.md", table(results["steps"]), check)


if __name__ == "__main__":
    main()
