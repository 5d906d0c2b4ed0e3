"""The paper in miniature, from base models to results.json. Called by scripts/reproduce_miniature.sh, which says what it is.

usage: python3 scripts/miniature/reproduce.py OUT [--quick] [--jobs N] [--programs DIR] [--bases LIST]"""
import argparse
import functools
import json
import pathlib
import platform
import sys

import protocol
import summary
from jobs import Failed, Workshop
from world import ROOT, Miniature


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def whole(shop, bases, seeds, quick):
    world = Miniature(shop, bases, seeds)
    shop.each("base models", list(bases), world.train_base)
    base_rows = shop.each("base models measured", list(bases), world.base_result)
    if quick:
        trials, settings = [], protocol.recorded_settings(ROOT / "data" / "results" / "miniature" / "results.json")
    else:
        trials, settings = world.tune()
    todo = protocol.quick_runs() if quick else protocol.runs(bases, seeds)
    runs = shop.each("runs", todo, functools.partial(world.result, settings=settings))
    film = world.film(settings)
    result = {
        "machine": {"processor": processor(), "threads": 1},
        "seeds": protocol.manifest(bases, seeds),
        "settings": {method: settings[method].as_json() for method in sorted(settings)},
        "tuning": trials, "bases": base_rows, "runs": runs,
        **summary.summarise(base_rows, runs),
    }
    times = {run.name: shop.cpu_seconds(f"train/{run.name}") for run in todo}
    write(shop.out / "results", {"results.json": result, "film.json": film, "times.json": times})


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(compact(value) + "\n")


def compact(value):
    """JSON with one line for each entry of a list of the first level."""
    if not isinstance(value, dict):
        return json.dumps(value)
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list):
            text = "[\n" + ",\n".join("  " + json.dumps(e, ensure_ascii=False) for e in entry) + "\n ]"
        else:
            text = json.dumps(entry, ensure_ascii=False)
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="the shipped base and one seed, with the recorded settings")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build", help="folder of rrpo-gen, rrpo-train, rrpo-eval")
    parser.add_argument("--bases", help="train these base models only and stop, such as 1,2")
    given = parser.parse_args()
    shop = Workshop(given.programs.resolve(), given.out.resolve(), given.jobs)
    try:
        if given.bases:
            world = Miniature(shop, protocol.BASES, protocol.RUN_SEEDS)
            shop.each("base models", [int(b) for b in given.bases.split(",")], world.train_base)
        else:
            whole(shop, protocol.BASES[:1] if given.quick else protocol.BASES,
                  protocol.RUN_SEEDS[:1] if given.quick else protocol.RUN_SEEDS, given.quick)
    except Failed as failure:
        print(f"reproduce: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("reproduce: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
