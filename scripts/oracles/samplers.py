#!/usr/bin/env python3
"""Writes tests/golden/samplers.json: the frames that the readers of the original evaluations choose, for the C++ tests.

    python3 scripts/oracles/samplers.py --repositories FOLDER             FOLDER holds the clones RRPO (pritamqu/RRPO),
                                                                          lmms-eval, Video-MME-v2 and Qwen3-VL (for qwen-vl-utils)
    python3 scripts/oracles/samplers.py --repositories FOLDER --check     computes everything again and compares

Run it with any Python 3.10+: without transformers it makes the virtual environment of onevision.py. Each reader is taken out of
its file by name and run with a stand-in for decord's VideoReader, which knows a number of frames and a mean rate and notes which
frames are asked for; pictures of a folder are noted by the names opened. The processors of transformers are asked themselves.
torch adds with fused multiplication where the processor has it: what a machine without AVX2 gives differs by a frame in places.

A case is [frames in the video, fps, start, end, frames wanted, sample_fps, max_frames, chosen]; `chosen` lists the numbers, or
where they are more than 20 holds their number, the first, the last and the CRC-32 of them as 32-bit integers.
"""
import argparse
import ast
import json
import logging
import math
import os
import random
import sys
import time
import types
import typing
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from onevision import ensure_packages  # noqa: E402

try:
    import numpy as np
    import torch
    import transformers
except ImportError:
    np = None

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "samplers.json"
RATES = [30.0, 25.0, 24.0, 30000 / 1001, 24000 / 1001, 60.0, 12.5, 15.0, 29.97, 23.0, 10.0]


class Video:
    """decord's VideoReader, as far as the readers use it."""

    seen: typing.ClassVar[list] = []
    count = fps = 0

    def __init__(self, *unused, **ignored):
        Video.seen = []

    def __len__(self):
        return Video.count

    def get_avg_fps(self):
        return Video.fps

    def __getitem__(self, index):
        return self.get_batch([index])

    def get_batch(self, indices):
        indices = [int(i) for i in indices]
        if not all(0 <= i < Video.count for i in indices):
            raise IndexError(indices)
        Video.seen += indices
        return types.SimpleNamespace(asnumpy=lambda: np.zeros((len(indices), 2, 2, 3), np.uint8))


class Pictures:
    """PIL.Image: the numbers in the names of what is opened."""

    @staticmethod
    def open(path):
        Video.seen.append(int(Path(path).stem))
        picture = types.SimpleNamespace()
        picture.convert = lambda mode: np.zeros((2, 2, 3), np.uint8)
        return picture


def original(folder, path, name, **known):
    """The function or method `name` of a file, compiled without the rest of it."""
    tree = ast.parse((folder / path).read_text())
    node = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name)
    node.decorator_list = []
    listing = types.SimpleNamespace(path=os.path, listdir=lambda path: range(Video.count))
    space = {"np": np, "VideoReader": Video, "cpu": int, "Image": Pictures, "os": listing, **known}
    exec(compile(ast.Module([node], []), path, "exec"), space)
    return space[name]


def ask(count, fps, call):
    """The frames that `call` reads of such a video; None where it fails."""
    Video.count, Video.fps, Video.seen = count, fps, []
    try:
        call()
    except (IndexError, ValueError):
        return None
    return Video.seen


def processors():
    """The samplers of transformers' video processors."""
    from transformers.models.internvl.video_processing_internvl import InternVLVideoProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
    from transformers.video_utils import VideoMetadata

    def asked(processor, how):
        def run(n, fps, bound, wanted, rate, cap):
            processor.max_frames = cap or 768
            try:
                return processor.sample_frames(VideoMetadata(total_num_frames=n, fps=fps), **how(wanted, rate)).tolist()
            except (ValueError, ZeroDivisionError):
                return None
        return run
    return {"internvl": asked(InternVLVideoProcessor(), lambda wanted, rate: {"num_frames": wanted}),
            "qwen2_5_vl": asked(Qwen2VLVideoProcessor(), lambda wanted, rate: {"fps": rate}),
            "qwen3_vl": asked(Qwen3VLVideoProcessor(), lambda wanted, rate: {"fps": rate})}


def qwen_utils(folder):
    """The reader of qwen-vl-utils through decord."""
    path = "qwen-vl-utils/src/qwen_vl_utils/vision_process.py"
    known = {"math": math, "torch": torch, "time": time, "logger": logging.getLogger("oracle"), "FPS": 2.0, "FRAME_FACTOR": 2,
             "FPS_MIN_FRAMES": 4, "FPS_MAX_FRAMES": 768}
    known |= {name: getattr(typing, name) for name in ("Any", "Dict", "Optional", "Tuple", "Union")}
    for name in ("ceil_by_factor", "floor_by_factor", "smart_nframes", "calculate_video_frame_range", "_read_video_decord"):
        known[name] = original(folder, path, name, **known)
    sys.modules["decord"] = types.SimpleNamespace(VideoReader=Video)

    def run(n, fps, bound, wanted, rate, cap):
        return ask(n, fps, lambda: known["_read_video_decord"]({"video": "a.mp4", "fps": rate} | ({"max_frames": cap} if cap else {})))
    return run


def readers(folder):
    """Per rule the function (count, fps, bound, wanted, sample_fps, cap) -> numbers."""
    here = str(ROOT)  # a path that exists, as the readers ask
    rrpo, lmms = folder / "RRPO", folder / "lmms-eval"
    authors = original(rrpo, "llava/load_llavavideo.py", "load_video")
    index = original(rrpo, "eval/mvbench/mvbench.py", "get_index")
    picture = original(rrpo, "eval/mvbench/mvbench.py", "read_frame", base_model_name="llavavideo_qwen_7b")
    chat = original(rrpo, "videochat2/load_videochat2.py", "get_index")
    capped = original(rrpo, "eval/longvideobench/infer_longvu.py", "load_video", sample_fps=1)
    one = original(rrpo, "longvu/load_longvu.py", "load_video")
    passed = {"process_images": lambda video, *rest: [types.SimpleNamespace(unsqueeze=lambda axis: 0)]}
    segment = original(rrpo, "eval/mvbench/mvbench_longvu.py", "video_load", **passed)
    mlvu = original(rrpo, "eval/mlvu/choice_bench_longvu.py", "video_load", **passed)
    evaluated = original(lmms, "lmms_eval/models/simple/llava_vid.py", "load_video")
    extract = original(folder / "Video-MME-v2", "evaluation/test_video_mme_v2.py", "extract_frames", osp=os.path)
    extract.__globals__["os"].makedirs = lambda *_, **__: None
    extract.__globals__["Image"] = types.SimpleNamespace(fromarray=lambda array: types.SimpleNamespace(save=lambda path: None))

    def owner(wanted):
        return types.SimpleNamespace(num_segments=wanted, get_index=lambda *a, **k: index(owner(wanted), *a, **k))

    def run_capped(n, fps, bound, wanted, rate, cap):
        capped.__globals__["sample_fps"] = rate
        found = ask(n, fps, lambda: capped("a.mp4", cap or -1))
        if rate == 1 and found is not None:  # the reader of the other benchmarks is the same at one frame a second
            assert found == ask(n, fps, lambda: one("a.mp4", cap or -1)), (n, fps, cap)
        return found

    def run_segment(kind):
        def run(n, fps, bound, wanted, rate, cap):
            segment.__globals__["sample_fps"] = rate
            return ask(n, fps, lambda: segment(here, bound, None, None, kind))
        return run

    def run_mlvu(n, fps, bound, wanted, rate, cap):
        mlvu.__globals__.update(sample_fps=rate, args=types.SimpleNamespace(max_frames=cap or 10**9))
        return ask(n, fps, lambda: mlvu(here, None, None))

    return {
        "authors": lambda n, fps, bound, wanted, rate, cap: ask(n, fps, lambda: authors("a.mp4", wanted)),
        "segment_centre": lambda n, fps, bound, wanted, rate, cap: index(owner(wanted), bound, fps, n - 1, 0).tolist(),
        "segment_centre folder": lambda n, fps, bound, wanted, rate, cap: ask(n, fps, lambda: picture(owner(wanted), here, bound)),
        "videochat2": lambda n, fps, bound, wanted, rate, cap: chat(n, wanted).tolist(),
        "fps_capped_official": run_capped,
        "longvu_segment": run_segment("video"),
        "longvu_segment folder": run_segment("frame"),
        "longvu_mlvu": run_mlvu,
        "lmms": lambda n, fps, bound, wanted, rate, cap: ask(n, fps, lambda: evaluated(None, "a.mp4", cap or 10**9, rate)),
        "videomme_v2": lambda n, fps, bound, wanted, rate, cap: ask(n, fps, lambda: extract("a.mp4", wanted)),
        "qwen_vl_utils": qwen_utils(folder / "Qwen3-VL"),
        **processors(),
    }


def cases(rule, draw):
    """Arguments at random, the first few chosen."""
    folder = rule.endswith("folder")
    fixed = [(300, 30.0, None, 8, 1, 8), (5, 30.0, None, 8, 1, 0), (1, 25.0, None, 3, 1, 2), (300, 29.97, (2.5, 7.5), 8, 1, 4)]
    if folder:
        fixed = [(40, 3.0, (3.2, 9.9), 8, 1, 0), (40, 3.0, None, 8, 1, 0)]
    yield from fixed
    if rule == "longvu_mlvu":
        yield from [(3000, 25.0, None, 1, 0.5, 40), (3000, 25.0, None, 1, 0.5, 25)]
    if rule.startswith("qwen"):  # rounded in float32, and what the specifications say
        yield from [(31249, 25.0, None, 1, 2, 0), (37619, 25.0, None, 1, 2, 0), (22945, 30.0, None, 1, 4, 0), (1000, 24000 / 1001, None, 1, 2, 0),
                    (50, 25.0, None, 1, 2, 0), (3, 25.0, None, 1, 2, 0), (5, 1.0, None, 1, 2, 0), (900, 30.0, None, 1, 2, 0)]
        for _ in range(100):
            yield draw.randint(2, 40000), draw.choice(RATES), None, 1, draw.choice([1, 2, 4]), draw.choice([0, 0, 64, 768])
    for _ in range(60):
        n = draw.choice([draw.randint(1, 60), draw.randint(60, 1200), draw.randint(1200, 40000)])
        fps = 3.0 if folder else draw.choice(RATES)
        start = round(draw.uniform(0, n / fps), draw.randint(0, 2))
        bound = (start, round(start + draw.uniform(0.2, n / fps), 1)) if draw.random() < 0.7 else None
        if not rule.startswith(("segment", "longvu_segment")):
            bound = None
        rate = 1 if draw.random() < 0.4 else draw.choice([0.5, 2, 4, 1.5])
        yield n, fps, bound, draw.choice([1, 2, 4, 7, 8, 16, 32, 64, 96, 128]), rate, draw.choice([0, 1, 4, 8, 25, 64, 100, 1000])


def short(chosen):
    if len(chosen) <= 20:
        return chosen
    return {"count": len(chosen), "first": chosen[0], "last": chosen[-1], "crc32": zlib.crc32(np.array(chosen, "<i4").tobytes())}


def goldens(folder):
    rules, failed = {}, {}
    for rule, run in readers(folder).items():
        draw = random.Random(rule)
        rules[rule], failed[rule] = [], 0
        for n, fps, bound, wanted, rate, cap in cases(rule, draw):
            chosen = run(n, fps, bound, wanted, rate, cap)
            if not chosen or max(chosen) > n - (0 if rule.endswith("folder") else 1) or min(chosen) < 0:
                failed[rule] += 1  # the original stops, or would when it reads
                continue
            rules[rule].append([n, fps, *(bound or (None, None)), wanted, rate, cap, short(chosen)])
    return {"recipe": "scripts/oracles/samplers.py", "versions": {"pritamqu/RRPO": "a905573", "lmms-eval": "75571cf",
            "MME-Benchmarks/Video-MME-v2": "b24176a", "qwen-vl-utils": "0.0.14", "transformers": transformers.__version__,
            "torch": torch.__version__.split("+")[0], "numpy": np.__version__}, "rules": rules}, failed


def text_of(golden):
    head = json.dumps({k: v for k, v in golden.items() if k != "rules"})[:-1]
    lines = [f'"{rule}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
             for rule, rows in golden["rules"].items()]
    return head + ', "rules": {\n' + ",\n".join(lines) + "\n}}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", "--repositories-source", type=Path, required=True, metavar="FOLDER", help="folder of the clones RRPO, lmms-eval, Video-MME-v2 and Qwen3-VL")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="the golden file to write")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    if np is None:
        ensure_packages()
    golden, failed = goldens(arguments.repositories)
    if arguments.check:
        same = json.loads(text_of(golden))["rules"] == json.loads(arguments.out.read_text())["rules"]
        print(f"{arguments.out}: {'equal' if same else 'DIFFERENT'}")
        sys.exit(0 if same else 1)
    arguments.out.write_text(text_of(golden))
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes; "
          + ", ".join(f"{rule} {len(rows)} ({failed[rule]} fail)" for rule, rows in golden["rules"].items()))


if __name__ == "__main__":
    main()
