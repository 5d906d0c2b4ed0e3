#!/usr/bin/env python3
"""The paper in miniature, from base models to OUT/results. Called by scripts/reproduce_miniature.sh, which builds before it
and draws the page after it.

    python3 scripts/miniature/reproduce.py OUT [--quick] [--jobs N] [--programs DIR] [--bases LIST]

The path from clips to results.json: `protocol` names what is done: seeds of clips, settings, runs. `world` follows each run
through the programs: clips, pairs (of the controls in `changed_pairs`), training, answers, scores; `jobs` runs each command
once and keeps its folder. `measure` turns the folders into the numbers of one run, `film_data` into the film's. `summary`
makes rows and paired differences of all runs, with the `intervals` of Student. `reproduce` writes them down. What is read
from there on is results.json alone: `results` answers questions to it and `claims` judges the paper's sentences, `figures`
and `film` draw (with `charts`, `labels`, `scales`, `svg`, in the words of `names`), `page` and `readme_section` publish,
both beginning with the `headline`."""
import argparse
import functools
import json
import platform
import sys
from pathlib import Path

import protocol
import summary
from jobs import Failed, Workshop
from world import ROOT, Miniature

RECORDED = ROOT / "data" / "results" / "miniature" / "results.json"


def processor():
    """Name, family and model: names alone ("AMD EPYC") span generations."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    known = {key.strip(): value.strip() for key, _, value in lines}
    said = [known[key] if key == "model name" else f"{key} {known[key]}"
            for key in ("model name", "cpu family", "model") if key in known]
    return ", ".join(said) or platform.machine()


def train_bases(world, bases):
    world.shop.each("base models", bases, world.train_base)


def evidence(shop, quick):
    """All of it, or with `quick` the part that one base and one seed can show."""
    bases, seeds = (protocol.BASES[:1], protocol.RUN_SEEDS[:1]) if quick else (protocol.BASES, protocol.RUN_SEEDS)
    world = Miniature(shop, bases, seeds)
    train_bases(world, bases)
    base_rows = shop.each("base models measured", bases, world.base_result)
    trials, settings = ([], protocol.recorded_settings(RECORDED)) if quick else world.tune()
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
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list):
            text = "[\n" + ",\n".join("  " + json.dumps(e, ensure_ascii=False) for e in entry) + "\n ]"
        else:
            text = json.dumps(entry, ensure_ascii=False)
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def base_list(text):
    """1,2 as numbers of base models."""
    names = {str(number): number for number in protocol.BASES}
    try:
        return [names[name] for name in text.split(",")]
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(f"no base model {unknown}; fix: some of {','.join(names)}") from None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--quick", action="store_true", help="the shipped base and one seed, with the recorded settings")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="trainings at a time, one thread each (2)")
    parser.add_argument("--programs", type=Path, default=ROOT / "build", metavar="DIR",
                        help="folder of rrpo-gen, rrpo-train and rrpo-eval (build)")
    parser.add_argument("--bases", type=base_list, metavar="LIST", help="train these base models, such as 1,2, and stop")
    return parser.parse_args()


def main():
    given = arguments()
    shop = Workshop(given.programs.resolve(), given.out.resolve(), given.jobs)
    try:
        if given.bases:
            train_bases(Miniature(shop, protocol.BASES, protocol.RUN_SEEDS), given.bases)
        else:
            evidence(shop, given.quick)
    except Failed as failure:
        print(f"reproduce: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("reproduce: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
