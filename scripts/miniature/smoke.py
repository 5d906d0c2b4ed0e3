#!/usr/bin/env python3
"""The miniature in half a minute, with what must hold whatever the numbers are: the shipped base, 100 clips, RRPO and DPO
at one learning rate.

    python3 scripts/miniature/smoke.py PROGRAMS OUT      PROGRAMS: the folder of rrpo-gen, rrpo-train and rrpo-eval"""
import shutil
import sys
from pathlib import Path

import protocol
from files import json_lines
from intervals import mean
from jobs import Workshop
from world import Miniature

SETTINGS = protocol.with_same_rate({"rrpo": protocol.TRIALS["rrpo"][0]})


class Small(Miniature):
    pool_size = 100
    held_out_clips = 20


def losses(folder):
    return [row["loss"] for row in json_lines(folder / "metrics.jsonl")]


def numbers(world, method):
    run = protocol.Run("main", 0, 1, method)
    trained = world.train(run.name, run, SETTINGS[method])
    unbiased = world.scenes("small-u", protocol.STYLE, seed=54, count=world.held_out_clips)
    answers = world.evaluate(f"small-{method}", 0, unbiased, trained / "adapter")
    return trained, world.divergence(run.name, run, trained / "adapter", unbiased, answers)


def check(name, holds, text):
    print(f"{'ok  ' if holds else 'FAIL'} {name}: {text}")
    return holds


def main(programs, out):
    shutil.rmtree(out, ignore_errors=True)
    world = Small(Workshop(programs, out, 1), (0,), (1,))
    (rrpo, of_rrpo), (_, of_dpo) = numbers(world, "rrpo"), numbers(world, "dpo_same_lr")
    again = world.train("again", protocol.Run("main", 0, 1, "rrpo"), SETTINGS["rrpo"])
    first, last = mean(losses(rrpo)[:5]), mean(losses(rrpo)[-5:])
    adapters = [(folder / "adapter" / "adapter_model.safetensors").read_bytes() for folder in (rrpo, again)]
    held = [
        check("loss falls", last < first, f"{first:.4f} in the first five steps, {last:.4f} in the last five"),
        check("held-out reward accuracy", of_rrpo["reward_accuracy"] > 70,
              f"{of_rrpo['reward_accuracy']:.1f} %, above 70 wanted"),
        check("divergence on true answers", of_rrpo["kl_truth"] < of_dpo["kl_truth"],
              f"RRPO {of_rrpo['kl_truth']:.3f}, DPO at its learning rate {of_dpo['kl_truth']:.3f} nats per answer"),
        check("same bytes from the same seed", adapters[0] == adapters[1], f"{len(adapters[0])} bytes"),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*(Path(argument).resolve() for argument in sys.argv[1:])))
