"""What the oracles of the families share: the golden files of one family, in one form for all of them.

A family's script (internvl.py is the shortest to read) derives a class from FamilyOracle and calls run(). Its folder
tests/golden/NAME/ then holds
  checkpoint/         a random model with unusual dimensions, as the original saves it
  adapter*/           PEFT adapters with B != 0: `adapter` on the decoder; others as the family lists them
  golden.json         clips, prompts, pairs, per-token numbers, losses, versions
  golden.safetensors  visual tokens, positions, logits, gradients, movements
and tests/policy/family_golden.cpp holds our side to it.

Clips are integer formulas that both sides compute (onevision.picture). Answers run one by one through the original, in full
and without a cache. All but the greedy tokens is computed in float64 where the original allows: classes that compute a
root mean square in float32 are listed in `rms_norms` and replaced by the same formula in float64.

In lists of ids a negative number -n stands for n visual tokens.
"""
import argparse
import dataclasses
import json
import math
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onevision as base  # noqa: E402

ROOT = base.ROOT
GREEDY_TOKENS, LOGIT_ROWS = base.GREEDY_TOKENS, base.LOGIT_ROWS
OBJECTIVE = "rrpo"

# Questions with what goes wrong in prompts: blanks and newlines at the ends, quotation marks, several scripts, characters
# beyond 16 bits, digits, text that looks like a template, an empty line.
QUESTIONS = ["What is shown?", " What moves?", "What moves? ", "\nWhat moves?", "\n\n What moves?\n", "Is it red?\nAnswer yes or no.",
             "Wo steht das Café – links oder „rechts“?", "视频里有什么?", "Что это такое?", "ما هذا؟", "How many 👍🏽 and 🎬 are there?",
             "Count: 1234567890 + 0.5 = ?", "{{ question }} {% if x %}", "<b>bold</b> & <img src='x'>", "a\tb\r\nc", "it's, I'll; don't",
             "(A) up\n(B) left\n(C) right\n(D) down\nOnly give the best option.", "...", "İstanbul ﬁne Å ½", "x" * 60]


@dataclasses.dataclass
class Clip:
    """`frames` pictures of height x width out of a file: their numbers in it, its rate and its number of frames."""
    frames: int
    height: int
    width: int
    seed: int
    question: str
    index: list = None
    fps: float = 24.0
    total: int = 0
    still: bool = False  # one picture, shown as a picture

    def __post_init__(self):
        self.index = self.index if self.index is not None else list(range(self.frames))
        self.total = self.total or self.index[-1] + 1

    def pictures(self):
        """uint8 [height, width, 3], one for each frame."""
        return [base.picture(self.height, self.width, self.seed + i) for i in range(self.frames)]

    def json(self):
        return {key: value for key, value in dataclasses.asdict(self).items()}


CLIPS = [Clip(2, 40, 60, 5, "Which way does the first object move? (A) up (B) left (C) right (D) down", [0, 9], 24.0, 20),
         Clip(5, 53, 37, 11, "Is there a red square in the café?", [0, 7, 14, 22, 29], 30000 / 1001, 37),
         Clip(8, 96, 128, 23, "Describe the video.", [1, 7, 13, 19, 25, 31, 37, 43], 25.0, 50)]
# clip, question, chosen and rejected as alternating plain and marked pieces (the odd ones are marked)
PAIRS = [(0, *base.PAIRS[0][1:]), (1, *base.PAIRS[1][1:]), (1, *base.PAIRS[2][1:])]
PAIRS[1] = (1, PAIRS[1][1], PAIRS[1][2], ["In this video, a ", "blue circle", " moves ", "up", "."])


class FamilyOracle:
    """One family. A subclass sets the attributes and defines the hooks below; `checkpoint` is the folder it works on."""
    name = ""
    clips, pairs = CLIPS, PAIRS
    end_of_turn = "<|im_end|>"
    rms_norms = []            # classes whose forward is replaced by exact_rms_norm
    adapters = {"adapter": (3, 7)}  # folder: rank, alpha
    whole = True              # gradients at every weight of the model too
    packages = base.PACKAGES

    def __init__(self, checkpoint):
        self.checkpoint = Path(checkpoint)
        self.open()

    @classmethod
    def options(cls, parser):
        """Options of the family's own on the command line; their values come as self.arguments."""

    # --- hooks -------------------------------------------------------------------------------------------------------------
    @classmethod
    def make(cls, folder):
        """Writes the random checkpoint with tokenizer and processor files to `folder`."""
        raise NotImplementedError

    def open(self):
        """Reads tokenizer and processor: sets self.tokenizer."""
        from transformers import AutoTokenizer
        self.tokenizer = AutoTokenizer.from_pretrained(self.checkpoint)

    def model(self, dtype, folder=None):
        """The original in `dtype`, eval(), from `folder` (the checkpoint)."""
        raise NotImplementedError

    def pixels(self, clip):
        """For each tower, numpy float32 [F, 3, H, W] (before patches are taken), by the resize of Pillow."""
        raise NotImplementedError

    def prompt(self, question, clip):
        """Ids of the whole prompt, visual tokens as any of the ids `self.visual_ids`; the original's template and processor."""
        raise NotImplementedError

    def visual(self, model, clip):
        """Visual tokens [N, D] and a list of what is added to them behind decoder layers 0, 1, ... (may be empty)."""
        raise NotImplementedError

    def forward(self, model, clip, sequence):
        """Logits [T, V] of a prompt's ids and the answer's: one full pass without a cache."""
        raise NotImplementedError

    def positions(self, model, clip, sequence):
        """Tensor [T, 1] or [T, 3] (time, height, width): where each row stands in the decoder."""
        import torch
        return torch.arange(len(sequence)).unsqueeze(1)

    def adapter_targets(self, model, adapter):
        """Full module names of the linears that the adapter `adapter` sits on."""
        leaves = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        return [n for n, _ in model.named_modules() if "language_model.layers" in n and n.endswith(leaves)]

    def stages(self):
        """Smaller models made of the same checkpoint, to see the tower stage by stage: {"name", "set": {JSON pointer into
        config.json: value}, "without": [beginnings of tensor names on disk that are left out], "copy": {new name: name of an existing
        tensor} (may be absent)}. The first clip's visual tokens of each are kept."""
        return []

    def more(self, tensors):
        """What the family's own tests read besides: a JSON object; tensors may be added."""
        return {}

    def end_ids(self):
        """What an answer ends with, beyond its text."""
        return [self.tokenizer.convert_tokens_to_ids(self.end_of_turn)]

    # --- what is common ----------------------------------------------------------------------------------------------------
    def folded(self, ids):
        """Runs of visual ids as one negative number."""
        out = []
        for one in ids:
            if one not in self.visual_ids:
                out.append(one)
            elif out and out[-1] < 0:
                out[-1] -= 1
            else:
                out.append(-1)
        return out

    def answer(self, pieces):
        """Text, byte spans, ids with the end, and the 1-based number of the span that marks each token."""
        @dataclasses.dataclass
        class Reads:
            tokenizer: object
            end_of_turn: int
        side = base.answer_of(Reads(self.tokenizer, -1), pieces)
        end = self.end_ids()
        return side | {"ids": side["ids"][:-1] + end, "phrase": side["phrase"][:-1] + [0] * len(end)}

    def answer_logits(self, model, clip, prompt, ids):
        """Logits [len(ids), V] of the rows that predict `ids`."""
        return self.forward(model, clip, prompt + ids[:-1])[len(prompt) - 1:]


def exact_rms_norm(self, hidden):
    """The formula of the original, in float64 where the model is: there it would round to float32 on the way."""
    import torch
    wide = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
    return self.weight * wide.to(hidden.dtype)


def toy_tokenizer(extra=(), attributes=None):
    """The toy tokenizer with a family's special tokens behind its own; `attributes` name some (`{"image_token": "<image>"}`)."""
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "data" / "toy" / "tokenizer", extra_special_tokens=attributes or {})
    tokenizer.add_special_tokens({"additional_special_tokens": list(extra)}, replace_extra_special_tokens=False)
    return tokenizer


def make_adapter(oracle, model, folder, rank, alpha, seed):
    """A PEFT adapter with B != 0 on the linears that the family names."""
    import torch
    from peft import LoraConfig, get_peft_model
    targets = sorted(oracle.adapter_targets(model, folder.name))
    adapted = get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_A" in name:
                p.copy_(torch.randn(p.shape, generator=generator) / math.sqrt(p.shape[1]))
            elif "lora_B" in name:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = ""  # a path of this machine
    config["target_modules"] = targets
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def pixels_json(values):
    """Shape, check sum and 24 values of float32 [F, 3, H, W]."""
    import numpy as np
    assert values.dtype == np.float32
    flat = np.ascontiguousarray(values).reshape(-1)
    where = np.linspace(0, flat.size - 1, 24).astype(int)
    return {"shape": list(values.shape), "crc32": zlib.crc32(flat.tobytes()), "at": where.tolist(), "values": [float(v) for v in flat[where]]}


def greedy(oracle, model, clip, prompt):
    """Ids and the least distance between the best and the second best logit."""
    ids, margin = [], math.inf
    for _ in range(GREEDY_TOKENS):
        best = oracle.answer_logits(model, clip, prompt, ids + [0])[-1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
    return ids, margin


def clip_goldens(oracle, tensors):
    """Visual tokens and logits are computed in float64 and kept in float32; greedy tokens are those of float32."""
    import torch
    model, exact = oracle.model(torch.float32), oracle.model(torch.float64)
    for i, clip in enumerate(oracle.clips):
        prompt = oracle.prompt(clip.question, clip)
        ids, margin = greedy(oracle, model, clip, prompt)
        if margin < 1e-3:
            print(f"{oracle.name}, clip {i}: greedy margin {margin}: float32 may choose otherwise; take another seed")
        tokens, deep = oracle.visual(exact, clip)
        tensors[f"visual.{i}"] = tokens.float().contiguous()
        for k, one in enumerate(deep):
            tensors[f"deep.{i}.{k}"] = one.float().contiguous()
        tensors[f"positions.{i}"] = oracle.positions(exact, clip, prompt + ids[:LOGIT_ROWS]).float().contiguous()
        tensors[f"logits.{i}"] = oracle.answer_logits(exact, clip, prompt, ids[:LOGIT_ROWS]).float().contiguous()
        yield clip.json() | {"pixels": [pixels_json(values) for values in oracle.pixels(clip)], "prompt": oracle.folded(prompt),
                             "greedy": ids, "greedy_margin": margin, "text": oracle.tokenizer.decode(ids, skip_special_tokens=True)}


def prompt_goldens(oracle):
    """QUESTIONS about the clips in turn."""
    for i, question in enumerate(QUESTIONS):
        at = i % len(oracle.clips)
        yield {"clip": at, "question": question, "ids": oracle.folded(oracle.prompt(question, oracle.clips[at]))}


def stage_goldens(oracle, tensors):
    """The first clip's visual tokens of smaller models."""
    import torch
    for stage in oracle.stages():
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "checkpoint"
            shutil.copytree(oracle.checkpoint, folder)
            shrink(folder, stage)
            tensors[f"stage.{stage['name']}"] = oracle.visual(oracle.model(torch.float64, folder), oracle.clips[0])[0].float().contiguous()
        yield stage


def shrink(folder, stage):
    """Sets values in config.json and leaves tensors out; the tests do the same."""
    from safetensors.torch import load_file, save_file
    config = json.loads((folder / "config.json").read_text())
    for pointer, value in stage["set"].items():
        inner = config
        *path, last = pointer.strip("/").split("/")
        for key in path:
            inner = inner[key]
        inner[last] = value
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    kept = {n: t for n, t in tensors.items() if not n.startswith(tuple(stage["without"]))}
    kept |= {new: tensors[old].clone() for new, old in stage.get("copy", {}).items()}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def statistics(oracle, model, pair, side, prompt):
    """Policy log-probabilities [n] (with graph), and those of the reference and KL(reference || policy), all float64."""
    import torch
    ids, clip = pair[side]["ids"], oracle.clips[pair["clip"]]
    labels = torch.tensor(ids).unsqueeze(1)
    with torch.no_grad(), model.disable_adapter():
        reference = oracle.answer_logits(model, clip, prompt, ids).log_softmax(-1)
    policy = oracle.answer_logits(model, clip, prompt, ids).log_softmax(-1)
    kl = (reference.exp() * (reference - policy)).sum(-1)
    return policy.gather(1, labels)[:, 0], reference.gather(1, labels)[:, 0], kl


def train(oracle, name, pairs, prompts, tensors):
    """Statistics, loss and gradients at one adapter, then three steps of AdamW: constant rate, no clipping, no decay."""
    import torch
    from peft import PeftModel
    settings = base.ADAMW
    model = PeftModel.from_pretrained(oracle.model(torch.float64), oracle.golden / name, is_trainable=True,
                                      autocast_adapter_dtype=False).eval()
    weights = {n.replace(".default.", "."): p for n, p in sorted(model.named_parameters()) if p.requires_grad}
    assert all(p.dtype == torch.float64 for p in weights.values()), "an adapter in float64 is expected"
    start = {n: p.detach().clone() for n, p in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=settings["lr"], betas=settings["betas"], eps=settings["eps"],
                                  weight_decay=settings["weight_decay"])
    losses, seen = [], []
    for step in range(base.ADAMW_STEPS):
        stats = [[statistics(oracle, model, pair, side, prompt) for side in ("chosen", "rejected")] for pair, prompt in zip(pairs, prompts)]
        total, denominator = base.losses(OBJECTIVE, stats, pairs)
        optimizer.zero_grad()
        (total / denominator).backward()
        if step == 0:
            tensors[f"gradient.{name}"] = torch.stack([base.fingerprint(p.grad) for p in weights.values()])
            seen = [{side: {key: value.detach().tolist() for key, value in zip(("logp", "ref_logp", "kl"), one)}
                     for side, one in zip(("chosen", "rejected"), sides)} for sides in stats]
        losses.append(float((total / denominator).detach()))
        optimizer.step()
    tensors[f"movement.{name}"] = torch.stack([base.fingerprint(p - start[n]) for n, p in weights.items()])
    return {"adapter": name, "objective": {"name": OBJECTIVE} | base.OBJECTIVES[OBJECTIVE], "denominator": denominator, "losses": losses,
            "pairs": seen, "parameters": list(weights)}


def whole_model_gradients(oracle, pairs, prompts, tensors):
    """Gradients of the supervised loss at every weight of the model, tower and embedding too; returns their names."""
    import torch
    model = oracle.model(torch.float64)
    total, count = 0.0, 0
    for pair, prompt in zip(pairs, prompts):
        ids = pair["chosen"]["ids"]
        logp = oracle.answer_logits(model, oracle.clips[pair["clip"]], prompt, ids).log_softmax(-1)
        total, count = total - logp.gather(1, torch.tensor(ids).unsqueeze(1)).sum(), count + len(ids)
    (total / count).backward()
    reached = {n: p.grad for n, p in sorted(model.named_parameters()) if p.grad is not None}
    tensors["gradient.whole"] = torch.stack([base.fingerprint(g) for g in reached.values()])
    return {"denominator": count, "loss": float((total / count).detach()), "weights": list(reached)}


def goldens(oracle):
    """Everything of one family: the JSON object and the tensors."""
    import torch
    for norm in oracle.rms_norms:
        norm.forward = exact_rms_norm
    tensors = {}
    torch.set_grad_enabled(False)
    clips = list(clip_goldens(oracle, tensors))
    prompts_json = list(prompt_goldens(oracle))
    stages = list(stage_goldens(oracle, tensors))
    torch.set_grad_enabled(True)
    pairs = [{"clip": clip, "question": question, "chosen": oracle.answer(chosen), "rejected": oracle.answer(rejected)}
             for clip, question, chosen, rejected in oracle.pairs]
    prompts = [oracle.prompt(p["question"], oracle.clips[p["clip"]]) for p in pairs]
    for pair, prompt in zip(pairs, prompts):
        pair["prompt"] = oracle.folded(prompt)
    runs = [train(oracle, name, pairs, prompts, tensors) for name in oracle.adapters]
    golden = {"recipe": f"scripts/oracles/{oracle.name}.py", "versions": base.versions(), "projections": base.PROJECTIONS,
              "adamw": base.ADAMW | {"steps": base.ADAMW_STEPS, "schedule": "constant", "max_grad_norm": None},
              "clips": clips, "prompts": prompts_json, "stages": stages, "pairs": pairs, "runs": runs}
    if oracle.whole:
        golden["whole"] = whole_model_gradients(oracle, pairs, prompts, tensors)
    return golden | oracle.more(tensors), tensors


def parameter_count(build):
    """How many parameters `build()` gives a model, on the meta device; tied ones count once."""
    import torch
    with torch.device("meta"):
        model = build()
    model.tie_weights()
    return sum(p.numel() for p in model.parameters())


def run(family):
    """The command line of a family's script."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the random checkpoint and the adapters anew")
    parser.add_argument("--out", type=Path, help=f"folder of the golden files instead of tests/golden/{family.name}")
    family.options(parser)
    arguments = parser.parse_args()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    if hasattr(transformers.utils.logging, "disable_progress_bar"):
        transformers.utils.logging.disable_progress_bar()
    folder = arguments.out or ROOT / "tests" / "golden" / family.name
    if arguments.new or not (folder / "checkpoint").exists():
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
        family.make(folder / "checkpoint")
    oracle = family(folder / "checkpoint")
    oracle.golden, oracle.arguments = folder, arguments
    for k, (name, (rank, alpha)) in enumerate(family.adapters.items()):
        if arguments.new or not (folder / name).exists():
            make_adapter(oracle, oracle.model(torch.float32), folder / name, rank, alpha, 77 + k)
    golden, tensors = goldens(oracle)
    if arguments.check:
        base.compare(folder, golden, tensors)
        return
    base.write(folder, golden, tensors)
    print(f"{folder}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file())} bytes")
