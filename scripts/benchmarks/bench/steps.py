"""One step of RRPO: rrpo-train against the same step in eager PyTorch, a tiny model of 8 frames, batch 1."""
from functools import partial

import worlds
from common import Line, cpu

SHAPES = {(16, 8192): (4.5, 8.0), (16, 32000): (None, None), (64, 8192): (5.0, 9.0), (64, 32000): (8.0, 15.0)}


def step_sides(context, tokens, vocabulary, cached):
    world = worlds.world(context, tokens, vocabulary)
    settings = world.cached() if cached else world.uncached()
    few, many = (4, 12) if context.quick else (4, 24)
    return partial(world.own_step, settings, few, many), {"PyTorch": cpu(world.peer_step)}


def lines(quick):
    shapes = {shape: SHAPES[shape] for shape in ([(16, 8192)] if quick else SHAPES)}
    found = []
    for (tokens, vocabulary), asked in shapes.items():
        for cached, target in zip((False, True), asked):
            kept = "visual tokens and reference kept" if cached else "nothing kept"
            found.append(Line(f"step, {tokens} tokens a frame, V {vocabulary}, {kept}", "8 frames, 2 x 60 answer tokens, batch 1",
                              partial(step_sides, tokens=tokens, vocabulary=vocabulary, cached=cached),
                              targets={"PyTorch": target} if target else {}, repeats=3 if quick else 5))
    return found
