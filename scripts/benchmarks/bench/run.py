"""Runs the lines of scripts/bench.sh and writes their results; see there."""
import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import answers
import clips
import growth
import losses
import memory
import stages
import starts
import steps
import trl_step
import updates
from common import ROOT, Context, Missing, Unequal, Worker, amount, measure, run_program

GROUPS = {"clips": clips, "losses": losses, "updates": updates, "steps": steps, "trl": trl_step, "answers": answers, "starts": starts,
          "memory": memory}
PACKAGES = ("torch", "torchvision", "transformers", "peft", "trl", "decord", "torchcodec", "av", "Pillow", "safetensors", "numpy")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="results.json")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="groups with commas: " + ", ".join([*GROUPS, "growth", "stages"]))
    return parser.parse_args()


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine(context):
    cpu = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        cpu.setdefault(key.strip(), value.strip())
    flags = set(cpu.get("flags", "").split())
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split("\n")[0]
    return {"cpu": cpu.get("model name", platform.processor()), "cores": os.cpu_count(),
            "instructions": [name for name in ("avx2", "fma", "avx512f", "amx_bf16") if name in flags],
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "versions": {"rrpo": run_program([context.bin / "rrpo-train", "--version"])[1].strip(), "ffmpeg": ffmpeg,
                         "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}}


def by_name(old, new):
    """The old entries with the new ones in the place of those of their name, or behind them."""
    found = {entry["name"]: entry for entry in [*old, *new]}
    return list(found.values())


def joined(old, new):
    """Results of several runs of one build on one machine."""
    for key in ("machine", "quick"):
        if old[key] != new[key]:
            sys.exit(f"error: bench: the file of results is of another run: its {key} differs; fix: name another --out")
    return {**new, **{part: by_name(old[part], new[part]) for part in ("lines", "growth", "stages")}}


def in_order(results):
    """Lines in the order of the groups, however many runs they are of."""
    names = [line.name for module in GROUPS.values() for quick in (False, True) for line in module.lines(quick)]
    results["lines"].sort(key=lambda row: names.index(row["name"]) if row["name"] in names else len(names))
    return results


def show(row):
    for name, why in row["missing"].items():
        print(f"  {row['name']:58} peer missing: {why[:90]}" if name == "peer" else f"  {row['name']:58} {name}: peer missing: {why[:80]}")
    for name, ratio in row.get("ratios", {}).items():
        target = row["targets"].get(name)
        asked = "" if target is None else f"   asked for {target:g}{'' if ratio['median'] >= target else ': below'}"
        print(f"  {row['name']:58} {amount(row['seconds']['ours']['median'], row['unit']):>10}   {name} {ratio['median']:.2f} x{asked}")
    sys.stdout.flush()


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    only = set(filter(None, args.only.split(",")))
    unknown = only - {*GROUPS, "growth", "stages"}
    if unknown:
        sys.exit(f"error: bench: no group {', '.join(sorted(unknown))}; fix: one of {', '.join([*GROUPS, 'growth', 'stages'])}")
    context = Context(args.bin, args.work, args.quick)
    context.worker = Worker(args.bin / "tests" / "rrpo_bench")
    began, faults = time.monotonic(), []
    results = {"machine": machine(context), "quick": args.quick, "lines": [], "growth": [], "stages": []}

    def guarded(name, call):
        try:
            return call()
        except Unequal as why:
            faults.append(f"{name}: {why}")
        except Missing as why:
            print(f"  {name}: peer missing: {why}")
        return None

    for group, module in GROUPS.items():
        for line in module.lines(args.quick) if not only or group in only else ():
            row = guarded(line.name, lambda line=line: measure(line, context))
            if row:
                results["lines"].append(row)
                show(row)
    for name, series in growth.SERIES.items() if not only or "growth" in only else ():
        found = guarded(f"growth with {name}", lambda series=series: series(context))
        if found:
            results["growth"].append(found)
            print(f"  {found['name']}: " + ", ".join(f"{side} ^{told['exponent']:.2f}" for side, told in found["sides"].items()))
    if not only or "stages" in only:
        results["stages"] = guarded("stages", lambda: stages.all_stages(context)) or []
        for step in results["stages"]:
            print(f"  {step['name']}: " + ", ".join(f"{one['name']} {1e3 * one['seconds']:.1f} ms (floor {1e3 * one['floor']:.1f})"
                                                   for one in step["stages"]))
    print(f"bench: {time.monotonic() - began:.0f} s")
    for fault in faults:
        print(f"error: bench: the two sides do not agree: {fault}")
    if faults:
        return 5
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if only and args.out.exists():
        results = joined(json.loads(args.out.read_text()), results)
    args.out.write_text(json.dumps(in_order(results), indent=1) + "\n")
    print(f"bench: results in {args.out.relative_to(ROOT) if args.out.is_relative_to(ROOT) else args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
