"""Tiny models in the proportions of a real one, with clips, pairs and an adapter, and both sides' step over them.

The peer is that of step_7b.py: transformers and PEFT, as the method's original code trains, without gradient checkpointing
(which would only make it slower). Both sides read and resize the pictures in their step."""
import argparse
import shutil

from common import Unequal, package, run_program, within

import step_7b

TOKENS = {16: 112, 64: 224}  # visual tokens a frame: side of a picture of patches of 14, pooled two by two
PAIRS = 8


def size(tokens, vocabulary):
    return {"vision": {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4,
                       "image_size": TOKENS[tokens], "patch_size": 14},
            "text": {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 8,
                     "num_key_value_heads": 2, "vocab_size": vocabulary, "rope_theta": 10000.0},
            "rank": 16, "spread": 0.06, "lora_b": 0.02}


class World:
    """One model, `PAIRS` pairs on a clip each (or on one clip), `frames` pictures a clip."""

    def __init__(self, context, tokens, vocabulary, frames=8, one_clip=False):
        for name in ("torch", "transformers", "peft", "PIL"):
            package(name)
        missing = step_7b.missing_package()
        assert missing is None, missing
        name = f"{tokens}-{vocabulary}"
        step_7b.SIZES[name] = size(tokens, vocabulary)
        work = context.folder(f"world-{name}")
        self.args = argparse.Namespace(work=work, bin=context.bin, device="cpu", size=name, dtype="float32", frames=[frames],
                                       answer_tokens=60, steps=1, warmup=0)
        model = step_7b.make_model(self.args)
        step_7b.save_checkpoint(model, self.args, work / "model")
        step_7b.make_clips(work / "frames", PAIRS, frames)
        self.text = step_7b.Text(work / "model")
        self.rows = step_7b.make_pairs(self.text, PAIRS, frames, 60)
        if one_clip:
            for row in self.rows:
                row["frames"] = self.rows[0]["frames"]
        self.pairs = work / f"pairs-{frames}{'-one' if one_clip else ''}.jsonl"
        self.pairs.write_text(step_7b.lines_of(self.rows))
        self.model = model
        self.adapted = step_7b.add_adapter(model, self.args, work / "adapter")
        self.peer = step_7b.Peer(self.adapted, self.text, self.args)
        self.optimizer = package("torch").optim.AdamW(self.peer.trained, lr=0.0, weight_decay=0.0)
        self.turn = 0

    # --- the peer

    def peer_step(self):
        self.turn += 1
        return self.peer.step(self.peer.sample(self.rows[self.turn % PAIRS]), self.optimizer)

    def peer_loss_and_norm(self, row):
        """Loss of a pair and the norm of its gradient."""
        torch = package("torch")
        sample = self.peer.sample(row)
        with torch.no_grad(), self.adapted.disable_adapter():
            reference = self.peer.both(sample)
        loss = self.peer.loss(sample, self.peer.both(sample), reference)
        loss.backward()
        norm = torch.stack([p.grad.norm() for p in self.peer.trained]).norm().item()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm

    # --- ours

    def command(self, out, *settings, rrpo=True):
        weights = (f"objective.alpha={step_7b.ALPHA}", f"objective.beta={step_7b.BETA}") if rrpo else ()
        work = self.args.work
        return [self.args.bin / "rrpo-train", "--out", out, "--overwrite", "--quiet", "device=cpu", "threads=1",
                f"model.path={work / 'model'}", f"model.adapter={work / 'adapter'}", "model.dtype=float32",
                f"data.pairs={self.pairs}", f"data.video_root={work / 'frames'}", "data.shuffle=false", "data.threads=1",
                "train.batch_pairs=1", "train.micro_pairs=1", "train.save_every=0", "optim.warmup_ratio=0", *weights, *settings]

    def train(self, steps, *settings, rrpo=True):
        """(CPU seconds, lines of metrics) of a run."""
        out = self.args.work / "run"
        shutil.rmtree(out, ignore_errors=True)
        seconds, _ = run_program(self.command(out, f"train.steps={steps}", *settings, rrpo=rrpo))
        return seconds, step_7b.json_lines(out / "metrics.jsonl")

    def own_step(self, settings, few=4, many=20, rrpo=True):
        """CPU seconds of a step: the difference of two runs, which begin and end alike."""
        return (self.train(many, *settings, rrpo=rrpo)[0] - self.train(few, *settings, rrpo=rrpo)[0]) / (many - few)

    def uncached(self):
        """Every step reads its clip, encodes it and asks the reference."""
        return ("data.cache_memory_mb=0", "train.reference_cache=false")

    def cached(self):
        """Visual tokens and the reference's rows lie in a folder that an earlier run has filled."""
        settings = (f"data.cache={self.args.work / f'cache-{self.pairs.stem}'}", "train.reference_cache=true")
        for _ in range(2):  # the first one may have to fill it
            hits = self.train(PAIRS, *settings)[1][-1].get("reference/hits")
            if hits == 1:
                return settings
        raise Unequal(f"the reference's rows are not found in the cache: reference/hits {hits}")

    def check(self):
        """Log-probabilities and KL of every answer token, then the loss of the first step and the norm of its gradient."""
        scores = [self.peer.scores(self.peer.sample(row)) for row in self.rows[:3]]
        mine = step_7b.our_scores(self.args, self.pairs)[:3]
        faults = step_7b.judge({"ours - peer": step_7b.differences(mine, scores)}, "float32")
        if faults:
            raise Unequal("; ".join(faults))
        for settings in (self.uncached(), self.cached()):
            first = self.train(1, *settings)[1][0]
            loss, norm = self.peer_loss_and_norm(self.rows[0])
            within("loss of the first step", abs(first["loss"] - loss) / abs(loss), 1e-4)
            within("norm of its gradient", abs(first["grad_norm"] - norm) / norm, 1e-3)


WORLDS = {}


def world(context, tokens, vocabulary, frames=8, one_clip=False):
    """Made once, checked once; only the last one is kept, for its memory."""
    key = (tokens, vocabulary, frames, one_clip)
    if key not in WORLDS:
        WORLDS.clear()
        made = World(context, *key)
        made.check()
        WORLDS[key] = made
    return WORLDS[key]

