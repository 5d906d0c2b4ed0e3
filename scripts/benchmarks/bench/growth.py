"""How the cost grows: with frames, pairs about one video, vocabulary, ranks. Series with their exponents, for table.py."""
import math
import shutil
import statistics
import time

import losses
import worlds
from common import run_program


def exponent(points):
    """Slope of the logarithms: cost ~ size ^ exponent."""
    if len(points) < 2:
        return None
    xs, ys = zip(*((math.log(x), math.log(y)) for x, y in points))
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)


def series(name, unit, points):
    """`points`: {side: [(size, seconds)]}."""
    return {"name": name, "unit": unit,
            "sides": {side: {"points": found, "exponent": exponent(found)} for side, found in points.items()}}


def median_of(call, repeats):
    return statistics.median(call() for _ in range(repeats))


def frames(context):
    points = {"rrpo-train": [], "PyTorch": []}
    for count in (4, 8) if context.quick else (4, 8, 16, 32, 64):
        world = worlds.world(context, 16, 8192, count)
        settings = (*world.uncached(), f"video.frames={count}")
        points["rrpo-train"].append((count, median_of(lambda: world.own_step(settings, 2, 8), 1 if context.quick else 3)))
        world.peer_step()
        begin = time.process_time()
        steps = 2 if context.quick else 3
        for _ in range(steps):
            world.peer_step()
        points["PyTorch"].append((count, (time.process_time() - begin) / steps))
    return series("CPU seconds of a step by frames, nothing kept", "frames", points)


def pairs(context):
    """A pair's share of a step in which K pairs of one clip stand together: one prefix, K times two branches."""
    world, points = worlds.world(context, 64, 8192, one_clip=True), []
    for count in (1, 4) if context.quick else (1, 2, 4, 8):
        settings = (*world.uncached(), f"train.batch_pairs={count}", f"train.micro_pairs={count}", f"data.group_by_video={count}")
        points.append((count, median_of(lambda: world.own_step(settings, 2, 6) / count, 1 if context.quick else 3)))
    return series("CPU seconds of a pair by pairs about its video", "pairs", {"rrpo-train": points})


def vocabulary(context):
    points = {"rrpo": [], "PyTorch, the same rows": []}
    for size in (8192, 32000) if context.quick else (8192, 32000, 152064):
        own, peers = losses.loss_sides(context, size, 128)
        points["rrpo"].append((size, median_of(own, 3)))
        points["PyTorch, the same rows"].append((size, median_of(peers["eager, the same rows"], 3)))
    return series("CPU seconds of the loss by words", "words", points)


def ranks(context):
    """CPU seconds of all ranks together: what more than one costs beyond the work."""
    world, points = worlds.world(context, 16, 8192), []
    for count in (1, 2):
        def run(steps):
            out = world.args.work / "ranks"
            shutil.rmtree(out, ignore_errors=True)
            command = world.command(out, *world.uncached(), "train.batch_pairs=4", f"train.steps={steps}", "--nproc", count)
            return run_program(command)[0]
        points.append((count, median_of(lambda: (run(6) - run(2)) / 4, 1 if context.quick else 3)))
    return series("CPU seconds of a step of 4 pairs by ranks on one machine", "ranks", {"rrpo-train": points})


SERIES = {"frames": frames, "pairs": pairs, "vocabulary": vocabulary, "ranks": ranks}
