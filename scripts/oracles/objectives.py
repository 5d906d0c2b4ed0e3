#!/usr/bin/env python3
"""Writes tests/golden/objectives/golden.json: losses, rewards and gradients of preference objectives by the originals' own code.

    python3 scripts/oracles/objectives.py --rrpo-source DIR --dpo-source DIR --tdpo-source DIR --muffin-source DIR --halva-source DIR
    python3 scripts/oracles/objectives.py --check [--rrpo-source DIR …]    computes again what it has and compares

Each DIR is a clone of the repository that SOURCES names; the file is read at the commit given there, whatever is checked out.
TRL is fetched as a wheel by pip. Of each file only the functions at work are compiled: their modules import trainers and
frameworks that no loss needs. Models are stand-ins that answer with the logits below; everything from logits to loss is theirs,
but for TRL 1.16.0, whose models hand out log-probabilities.

Logits are random, float64, rounded to four digits; answers have unequal lengths. No label is 0, which TRL 0.28.0 leaves out of
its likelihood term. Numbers that depend on who shares a micro-batch are those of one pair per micro-batch, except for dpa: there all
pairs run together, and every pair has the phrases 1 and 2 in one of its answers.
"""
import __future__
import argparse
import ast
import contextlib
import json
import subprocess
import sys
import tempfile
import typing
import zipfile
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

from onevision import ROOT, differences, ensure_packages

GOLDEN = ROOT / "tests" / "golden" / "objectives" / "golden.json"
SOURCES = {"rrpo": ("pritamqu/RRPO", "a90557376ee10b93b5e07a698a46da652dfebeb7"),
           "dpo": ("eric-mitchell/direct-preference-optimization", "f8b8c0f49dc92a430bae41585f9d467d3618fe2f"),
           "tdpo": ("Vance0124/Token-level-Direct-Preference-Optimization", "2a736ecb285394a8419b461816bce1ba3b093cc9"),
           "muffin": ("thunlp/Muffin", "85d72b4b04035b6b1cf4168814739ae9e5e6e1dc"),
           "halva": ("pritamqu/HALVA", "059b086f7b4d3d5af436f043d5c9eb9cc627c3e0")}
TRL = ("0.28.0", "1.16.0")  # the last release with rpo_alpha and with label smoothing for sigmoid, and the newest

WORDS = 9
PROMPT = [1, 2]
# phrase numbers of the tokens of the chosen and of the rejected answer
PHRASES = [([0, 1, 1, 0, 2, 0], [1, 2, 0]),
           ([1, 0, 2], [0, 0, 1, 1, 0, 2, 0]),
           ([1, 2, 2, 0], [0, 1, 0, 0, 0]),
           ([0, 2, 0, 1, 1], [2, 2, 0, 1])]


# --- what everybody is asked about -----------------------------------------------------------------------------------------

class Rows:
    """Answers 0..P-1 are chosen, P..2P-1 rejected. `policy` and `reference` hold the logits of the M rows that predict a label."""

    def __init__(self, seed):
        import torch
        generator = torch.Generator().manual_seed(seed)
        answers = [pair[0] for pair in PHRASES] + [pair[1] for pair in PHRASES]
        self.phrase = [p for answer in answers for p in answer]
        self.row = [i for i, answer in enumerate(answers) for _ in answer]
        count = len(self.row)
        self.labels = torch.randint(1, WORDS, (count,), generator=generator).tolist()
        draw = lambda: (torch.randn(count, WORDS, generator=generator, dtype=torch.float64) * 1.5).mul(1e4).round().div(1e4)
        self.policy, self.reference = draw(), draw()
        self.policy.requires_grad_()

    def batch(self, pairs):
        return Batch(self, pairs)


class Batch:
    """Some pairs padded as a trainer has them: [2B, T] with the prompt before and at least one padded place behind an answer."""

    def __init__(self, rows, pairs):
        import torch
        total = len(PHRASES)
        answers = [*pairs, *(p + total for p in pairs)]
        places = [[m for m, row in enumerate(rows.row) if row == answer] for answer in answers]
        length = len(PROMPT) + max(map(len, places)) + 1
        shape = (len(answers), length)
        self.pairs, self.half = pairs, len(pairs)
        self.ids, self.labels = torch.zeros(shape, dtype=torch.long), torch.full(shape, -100)
        self.signs, self.mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        self.completion = torch.zeros(shape, dtype=torch.long)
        where = torch.full(shape, -1)
        for b, own in enumerate(places):
            begin, end = len(PROMPT), len(PROMPT) + len(own)
            self.ids[b, :begin] = torch.tensor(PROMPT)
            self.ids[b, begin:end] = self.labels[b, begin:end] = torch.tensor([rows.labels[m] for m in own])
            self.signs[b, begin:end] = torch.tensor([rows.phrase[m] for m in own])
            self.mask[b, :end], self.completion[b, begin:end] = 1, 1
            where[b, begin - 1:end - 1] = torch.tensor(own)  # row t predicts t + 1
        filler = torch.linspace(-1, 1, WORDS, dtype=torch.float64)
        self.policy = self.spread(rows.policy, where, filler)
        self.reference = self.spread(rows.reference, where, filler)

    @staticmethod
    def spread(values, where, filler):
        import torch
        chosen = values[where.clamp_min(0)]
        return torch.where((where >= 0).unsqueeze(-1), chosen, filler)

    def halves(self, values):
        return values[:self.half], values[self.half:]


# --- the originals ---------------------------------------------------------------------------------------------------------

class Originals:
    """Reads files of the originals and compiles single functions of them."""

    def __init__(self, folders, wheels=None):
        self.folders, self.wheels = folders, wheels

    def text(self, name, path):
        """A file of a repository at its commit."""
        repository, commit = SOURCES[name]
        shown = subprocess.run(["git", "-C", str(self.folders[name]), "show", f"{commit}:{path}"], capture_output=True, text=True)
        if shown.returncode:
            raise SystemExit(f"{self.folders[name]} is no clone of {repository} with commit {commit}: {shown.stderr.strip()}")
        return shown.stdout

    def trl(self, version, path):
        wheel = self.wheels / f"trl-{version}-py3-none-any.whl"
        if not wheel.exists():
            subprocess.check_call([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                                   "--dest", str(self.wheels), f"trl=={version}"])
        return zipfile.ZipFile(wheel).read(path).decode()


def functions(text, names, **known):
    """The functions and methods called `names` of a Python file, compiled without the rest of it. Annotations are not evaluated."""
    import torch
    import torch.nn.functional as F
    wanted = []
    for node in ast.parse(text).body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef) and inner.name in names:
                inner.decorator_list = []
                wanted.append(inner)
    assert sorted(n.name for n in wanted) == sorted(names), names
    space = {"torch": torch, "F": F, **vars(typing), **known}
    module = ast.Module(wanted, type_ignores=[])
    exec(compile(module, "original", "exec", flags=__future__.annotations.compiler_flag), space)
    return SimpleNamespace(**{name: space[name] for name in names})


def bound(owner, methods):
    """`owner` with functions as its methods."""
    for name, method in vars(methods).items():
        setattr(owner, name, method.__get__(owner))
    return owner


class Accelerator:
    device = "cpu"

    @staticmethod
    def gather(value):
        return value

    gather_for_metrics = gather


def authors_class(originals):
    """The class RRPO of the authors; its file stands alone."""
    space = {}
    exec(compile(originals.text("rrpo", "llava/losses.py"), "losses.py", "exec"), space)
    return space["RRPO"]


def rrpo(originals):
    """The authors' class; without phrase rewards every label token is one phrase, without KL alpha is 0."""
    loss_class = authors_class(originals)

    def run(batch, alpha, beta, phrase_rewards=True):
        signs = batch.signs if phrase_rewards else (batch.labels != -100).long()
        align = {"logits": batch.policy, "targets": batch.labels, "signs": signs}
        original = loss_class(alpha=alpha, beta=beta)
        loss, _ = original(align, {"logits": batch.reference}, 0, 1)
        parts = original.concatenated_forward(align, {"logits": batch.reference})
        _, chosen, rejected = original.loss(*parts[:4], beta=beta, alpha=alpha)
        return loss, chosen, rejected
    return run


def dpo(originals):
    f = functions(originals.text("dpo", "trainers.py"), ["preference_loss", "_get_batch_logps"])

    def run(batch, beta, label_smoothing=0.0, ipo=False):
        policy = batch.halves(f._get_batch_logps(batch.policy, batch.labels))
        reference = batch.halves(f._get_batch_logps(batch.reference, batch.labels))
        losses, chosen, rejected = f.preference_loss(*policy, *reference, beta=beta, label_smoothing=label_smoothing, ipo=ipo)
        return losses.mean(), chosen, rejected
    return run


def trl_old(originals):
    """TRL 0.28.0: get_batch_loss_metrics with its own batching and log-probabilities; the model answers with logits."""
    from torch import nn
    utils = functions(originals.trl("0.28.0", "trl/trainer/utils.py"), ["pad_to_length", "flush_left", "selective_log_softmax"])
    f = functions(originals.trl("0.28.0", "trl/trainer/dpo_trainer.py"),
                  ["concatenated_inputs", "concatenated_forward", "dpo_loss", "get_batch_loss_metrics"], nn=nn,
                  FDivergenceType=SimpleNamespace(ALPHA_DIVERGENCE="alpha", JS_DIVERGENCE="js"), **vars(utils))
    inputs = f.concatenated_inputs
    del f.concatenated_inputs  # a static method

    def run(batch, beta, loss_type="sigmoid", label_smoothing=0.0, rpo_alpha=None):
        trainer = bound(SimpleNamespace(
            args=SimpleNamespace(use_liger_kernel=False, rpo_alpha=rpo_alpha, ld_alpha=None), accelerator=Accelerator, beta=beta,
            loss_type=[loss_type], loss_weights=None, label_smoothing=label_smoothing, reference_free=False, is_encoder_decoder=False,
            f_divergence_type="reverse_kl", max_length=None, use_logits_to_keep=False, padding_free=False, use_weighting=False,
            aux_loss_enabled=False, pad_token_id=0, concatenated_inputs=inputs), f)
        begin = len(PROMPT)
        chosen, rejected = batch.halves(batch.ids[:, begin:])
        chosen_mask, rejected_mask = batch.halves(batch.completion[:, begin:])
        prompt = batch.ids[:batch.half, :begin]
        given = {"prompt_input_ids": prompt, "prompt_attention_mask": prompt.clamp_max(1), "chosen_input_ids": chosen,
                 "chosen_attention_mask": chosen_mask, "rejected_input_ids": rejected, "rejected_attention_mask": rejected_mask}

        def model(logits):
            # TRL cuts padding that nobody needs.
            return lambda ids, **_: SimpleNamespace(logits=logits[:, :ids.shape[1]])
        reference = trainer.concatenated_forward(model(batch.reference), given, is_ref_model=True)
        given |= {"ref_chosen_logps": reference["chosen_logps"], "ref_rejected_logps": reference["rejected_logps"]}
        loss, _ = trainer.get_batch_loss_metrics(model(batch.policy), given)
        return loss, None, None
    return run


def trl_new(originals):
    """TRL 1.16.0: _compute_loss; its models hand out the log-probabilities of labels, 0 where there is none."""
    import math
    import torch
    f = functions(originals.trl("1.16.0", "trl/trainer/dpo_trainer.py"), ["_compute_loss"], math=math, is_peft_model=lambda model: False,
                  disable_gradient_checkpointing=lambda *_: contextlib.nullcontext())

    class Model:
        training = True

        def __init__(self, logits):
            self.logits = logits

        def __call__(self, labels, **_):
            label = labels[:, 1:].unsqueeze(-1)
            logp = self.logits[:, :-1].log_softmax(-1).gather(-1, label.clamp_min(0)).squeeze(-1) * (label >= 0).squeeze(-1)
            unused = torch.zeros_like(logp)
            return SimpleNamespace(log_probs=logp, entropy=unused, mean_logits=unused, is_top1=unused.bool())

    def run(batch, beta=0.1, loss_type="sigmoid", label_smoothing=0.0):
        metrics = {"train": defaultdict(list)}
        trainer = bound(SimpleNamespace(
            model=Model(batch.policy), ref_model=Model(batch.reference), accelerator=Accelerator, aux_loss_enabled=False, ld_alpha=None,
            precompute_ref_logps=False, args=SimpleNamespace(gradient_checkpointing_kwargs=None), f_divergence_type="reverse_kl",
            loss_types=[loss_type], loss_weights=[1.0], beta=beta, label_smoothing=label_smoothing, use_weighting=False, _metrics=metrics,
            _total_train_tokens=0, _tp_size=1), f)
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask, "completion_mask": batch.completion}
        loss = trainer._compute_loss(trainer.model, inputs, False)
        if batch.half > 1:
            return loss, None, None
        return loss, *(torch.tensor(metrics["train"][f"rewards/{side}"], dtype=torch.float64) for side in ("chosen", "rejected"))
    return run


def tdpo(originals):
    f = functions(originals.text("tdpo", "trainers.py"), ["tdpo_loss", "_tdpo_get_batch_logps"])

    def run(batch, beta, alpha=0.5, variant=2):
        margin, kl, _ = f._tdpo_get_batch_logps(batch.policy, batch.reference, batch.labels)
        losses, chosen, rejected = f.tdpo_loss(*batch.halves(margin), *batch.halves(kl), beta=beta, alpha=alpha, if_tdpo2=variant == 2)
        return losses.mean(), chosen, rejected
    return run


def ddpo(originals):
    """Muffin weights the runs that differ in token ids; here the weights are given, by the marks."""
    import torch
    f = functions(originals.text("muffin", "muffin/train/trainers.py"), ["dpo_loss", "compute_weighted_logp"])
    logps = functions(originals.text("muffin", "muffin/eval/muffin_inference_logp.py"), ["get_batch_logps"]).get_batch_logps

    def run(batch, beta, gamma, average):
        weight = torch.where(batch.signs[:, 1:] > 0, gamma, 1.0)
        one = lambda logits: f.compute_weighted_logp(logps(logits, batch.labels, return_per_token_logp=True), batch.labels, weight, average)
        losses, chosen, rejected = f.dpo_loss(*batch.halves(one(batch.policy)), *batch.halves(one(batch.reference)), beta=beta)
        return losses.mean(), chosen, rejected
    return run


def dpa(originals):
    """HALVA takes the KL on rows of its own; here these are the chosen answers."""
    f = functions(originals.text("halva", "llava/train/halva_trainer.py"), ["cal_batch_logp", "accumulate_logps", "compute_loss"])

    def run(batch, alpha):
        trainer = bound(SimpleNamespace(loss_alpha=alpha, is_encoder_decoder=False, label_pad_token_id=-100, model=batch.policy,
                                        ref_model=batch.reference), f)
        shifted = batch.labels[:, 1:].clone()
        trainer.concatenated_forward = lambda logits, _: (*batch.halves(trainer.cal_batch_logp(logits, batch.labels)), shifted,
                                                          logits[:, :-1], batch.signs[:, 1:].clone())
        trainer.reference_forward = lambda logits, _: (None, shifted[:batch.half], logits[:batch.half, :-1])
        return trainer.compute_loss(trainer.model, {}), None, None
    return run


# name of the case, our configuration, the original, its arguments, all pairs at once
def cases():
    yield "rrpo", {"name": "rrpo", "alpha": 0.05, "beta": 0.5}, "rrpo", {"alpha": 0.05, "beta": 0.5}, False
    for name, kl in (("", {}), ("-kl-off", {"alpha": 0.0})):
        for marks in (True, False):
            own = {"alpha": 0.01, "beta": 0.1} | kl | {"phrase_rewards": marks}
            yield "rrpo-published" + name + ("" if marks else "-whole-answers"), {"name": "rrpo"} | own, "rrpo", own, False
    for loss_type, smoothing in (("sigmoid", 0.0), ("hinge", 0.0), ("ipo", 0.0), ("robust", 0.0), ("robust", 0.2)):
        own = {"beta": 0.1, "loss_type": loss_type, "label_smoothing": smoothing}
        yield f"dpo-{loss_type}" + ("-smoothed" if smoothing else ""), {"name": "dpo"} | own, "trl_new", own, False
    own = {"beta": 0.3, "label_smoothing": 0.1}
    yield "dpo-smoothed", {"name": "dpo"} | own, "dpo", own, False
    yield "dpo-smoothed-trl", {"name": "dpo"} | own, "trl_old", own, False
    yield "dpo-ipo-trl", {"name": "dpo", "beta": 0.2, "loss_type": "ipo"}, "trl_old", {"beta": 0.2, "loss_type": "ipo"}, False
    yield "dpo-ipo-sums", {"name": "dpo", "beta": 0.1, "loss_type": "ipo", "ipo_average": False}, "dpo", {"beta": 0.1, "ipo": True}, False
    own = {"beta": 0.1, "rpo_alpha": 0.7}
    yield "dpo-likelihood", {"name": "dpo"} | own, "trl_old", own, False
    own = {"beta": 0.1, "loss_type": "hinge", "rpo_alpha": 1.0}
    yield "dpo-hinge-likelihood", {"name": "dpo"} | own, "trl_old", own, False
    for own in ({"beta": 0.1, "variant": 1}, {"beta": 0.1, "alpha": 0.5, "variant": 2}, {"beta": 0.4, "alpha": 1.3, "variant": 2}):
        yield f"tdpo{own['variant']}-{own['beta']}", {"name": "tdpo"} | own, "tdpo", own, False
    for own in ({"beta": 0.5, "gamma": 3.0, "average": False}, {"beta": 0.5, "gamma": 5.0, "average": True}):
        yield "ddpo" + ("-average" if own["average"] else ""), {"name": "ddpo"} | own, "muffin", own, False
    for own in ({"alpha": 0.4}, {"alpha": 0.0}):
        yield f"dpa-{own['alpha']}", {"name": "dpa"} | own, "halva", own, True
    yield "sft", {"name": "sft"}, "trl_new", {"loss_type": "sft"}, True


# what runs it, and where it comes from
WHERE = {"rrpo": (rrpo, "llava/losses.py"), "dpo": (dpo, "trainers.py"), "tdpo": (tdpo, "trainers.py"),
         "muffin": (ddpo, "muffin/train/trainers.py"), "halva": (dpa, "llava/train/halva_trainer.py"),
         "trl_old": (trl_old, "TRL 0.28.0 DPOTrainer"), "trl_new": (trl_new, "TRL 1.16.0 DPOTrainer")}


def title(original):
    if original not in SOURCES:
        return WHERE[original][1]
    repository, commit = SOURCES[original]
    return f"{repository} {commit[:7]} {WHERE[original][1]}"


def answer(run, rows, settings, together):
    """Loss, per-pair losses and rewards where they have any, and the gradient of the loss at the logits [M, WORDS]."""
    import torch
    rows.policy.grad = None
    groups = [list(range(len(PHRASES)))] if together else [[p] for p in range(len(PHRASES))]
    results = [run(rows.batch(group), **settings) for group in groups]
    loss = torch.stack([r[0] for r in results]).mean()
    loss.backward()
    out = {"loss": float(loss.detach())}
    if not together:
        out["losses"] = [float(r[0].detach()) for r in results]
        if results[0][1] is not None:
            out |= {side: [float(r[i]) for r in results] for i, side in ((1, "chosen_rewards"), (2, "rejected_rewards"))}
    return out | {"gradient": rows.policy.grad.flatten().tolist()}


def golden(originals, left_out):
    import torch
    rows = Rows(20264)
    made, runs = [], {}
    for name, objective, original, settings, together in cases():
        if original in left_out:
            continue
        if original not in runs:
            runs[original] = WHERE[original][0](originals)
        made.append({"name": name, "original": title(original), "objective": objective} | answer(runs[original], rows, settings, together))
    return {"recipe": "scripts/oracles/objectives.py", "versions": {"torch": torch.__version__},
            "sources": {repository: commit for repository, commit in SOURCES.values()} | {"trl": list(TRL)},
            "pairs": len(PHRASES), "words": WORDS, "labels": rows.labels, "row": rows.row, "phrase": rows.phrase,
            "policy": rows.policy.detach().flatten().tolist(), "reference": rows.reference.flatten().tolist(), "cases": made}


def write(value):
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    rows = [f" {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items() if key != "cases"]
    rows.append(' "cases": [\n' + ",\n".join("  " + json.dumps(case) for case in value["cases"]) + "\n ]")
    GOLDEN.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(f"{GOLDEN}: {len(value['cases'])} cases, {GOLDEN.stat().st_size} bytes")


def check(value, left_out):
    """Throws SystemExit listing what the committed file says otherwise."""
    old = json.loads(GOLDEN.read_text())
    gone = {title(name) for name in left_out}
    old["cases"] = [case for case in old["cases"] if case["original"] not in gone]
    faults = list(differences(old, value))
    if faults:
        raise SystemExit(f"{GOLDEN}: {len(faults)} differences\n" + "\n".join(faults[:20]))
    for name in sorted(left_out):
        print(f"{title(name)}: not compared, give --{name}-source")
    print(f"{GOLDEN}: {len(value['cases'])} cases agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (repository, _) in SOURCES.items():
        parser.add_argument(f"--{name}-source", type=Path, help=f"clone of {repository}")
    parser.add_argument("--wheels", type=Path, help="folder that keeps the wheels of TRL")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    ensure_packages()
    folders = {name: getattr(arguments, f"{name}_source") for name in SOURCES}
    left_out = {name for name, folder in folders.items() if folder is None}
    if left_out and not arguments.check:
        parser.error("to write the golden file, give " + ", ".join(f"--{name}-source" for name in sorted(left_out)))
    with tempfile.TemporaryDirectory() as temporary:
        value = golden(Originals(folders, arguments.wheels or Path(temporary)), left_out)
    if arguments.check:
        check(value, left_out)
    else:
        write(value)


if __name__ == "__main__":
    main()
