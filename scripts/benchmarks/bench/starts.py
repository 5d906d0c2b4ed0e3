"""From nothing to the first step, and a checkpoint to tensors."""
import argparse
import sys
from functools import partial
from pathlib import Path

import worlds
from common import Line, cpu, package, run_program, within

import step_7b

LARGE = {"vision": {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 6,
                    "image_size": 112, "patch_size": 14},
         "text": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 12, "num_attention_heads": 16,
                  "num_key_value_heads": 4, "vocab_size": 32000, "rope_theta": 10000.0},
         "rank": 16, "spread": 0.02, "lora_b": 0.0}


def start_sides(context):
    world = worlds.world(context, 16, 8192)
    peer = [sys.executable, Path(__file__).with_name("first_step.py"), world.args.work, world.args.size, world.pairs]
    return lambda: world.train(1, *world.uncached())[0], {"PyTorch": lambda: run_program(peer)[0]}


def load_sides(context):
    """The sum of all squares shows that both hold the same numbers; it is taken after the clock has stopped."""
    torch, safetensors = package("torch"), package("safetensors.torch")
    step_7b.SIZES["large"] = LARGE
    folder = context.folder("world-large")
    args = argparse.Namespace(work=folder, device="cpu", size="large", dtype="float32")
    if not (folder / "model" / "complete").exists():
        step_7b.save_checkpoint(step_7b.make_model(args), args, folder / "model")
    files = sorted((folder / "model").glob("*.safetensors"))
    mine = context.worker.ask(do="load", folder=folder / "model", sum=True)["sum"]
    theirs = sum(tensor.double().square().sum().item() for file in files for tensor in safetensors.load_file(file).values())
    within("checkpoint: sum of squares", abs(mine - theirs) / theirs, 1e-9)
    return (context.worker.timed(do="load", folder=folder / "model"),
            {"safetensors": cpu(lambda: [safetensors.load_file(file) for file in files]),
             "safetensors, every byte read": cpu(lambda: [t.clone() for f in files for t in safetensors.load_file(f).values()])})


def lines(quick):
    return [Line("start to the first step", "process, weights, one pair, one update", start_sides, targets={"PyTorch": 3.0},
                 repeats=3 if quick else 5),
            Line("checkpoint to a model", "1.0 GB of float32 in safetensors", load_sides, targets={"safetensors, every byte read": 1.0})]
