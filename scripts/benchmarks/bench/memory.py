"""Peak memory of a process that trains: what a clip of eight frames takes beyond one of a single frame. Program, libraries,
weights and optimizer cancel; what is left is what a longer prompt costs a step."""
import sys
from functools import partial
from pathlib import Path

import worlds
from common import Line, peak_bytes

import step_7b


def sides(context, tokens, vocabulary):
    world = worlds.world(context, tokens, vocabulary)
    short = world.args.work / "pairs-first-frame.jsonl"
    short.write_text(step_7b.lines_of({**row, "frames": row["frames"][:1]} for row in world.rows))
    program = [sys.executable, Path(__file__).with_name("first_step.py"), world.args.work, world.args.size]

    def of(pairs):
        return peak_bytes(world.command(world.args.work / "run", "train.steps=2", *world.uncached(), f"data.pairs={pairs}"))

    def own():
        return of(world.pairs) - of(short)

    def theirs():
        return peak_bytes([*program, world.pairs]) - peak_bytes([*program, short])
    return own, {"PyTorch": theirs}


def lines(quick):
    tokens, vocabulary = 64, 32000
    return [Line(f"memory of a step, {tokens} tokens a frame, V {vocabulary}", "8 frames beyond 1, both answers, nothing kept",
                 partial(sides, tokens=tokens, vocabulary=vocabulary), unit="bytes", targets={"PyTorch": 5.0}, repeats=3)]
