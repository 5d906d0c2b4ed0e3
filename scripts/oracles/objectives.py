#!/usr/bin/env python3
"""Writes tests/golden/objectives/golden.json: losses, rewards and gradients of preference objectives by the originals' own code.

    python3 scripts/oracles/objectives.py --rrpo-source DIR --dpo-source DIR --tdpo-source DIR --muffin-source DIR --halva-source DIR \
      --mdpo-source DIR --sympo-source DIR
    python3 scripts/oracles/objectives.py --check [--rrpo-source DIR …]    computes again what it has and compares

Each DIR is a clone of the repository that SOURCES names; the file is read at the commit given there, whatever is checked out.
TRL is fetched as a wheel by pip. Of each file only the functions at work are compiled: their modules import trainers and
frameworks that no loss needs. Models are stand-ins that answer with the logits below; everything from logits to loss is theirs,
but for TRL 1.16.0's DPOTrainer, whose models hand out log-probabilities, and mDPO and SymMPO, whose losses are given those of
whole answers: both take them from the trainer that they build on.

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
           "halva": ("pritamqu/HALVA", "059b086f7b4d3d5af436f043d5c9eb9cc627c3e0"),
           "mdpo": ("luka-group/mDPO", "2221bb317a29dfe0f8d2c710cd8572e9d7ec101a"),
           "sympo": ("Liuwq-bit/SymMPO", "a4a1a392571b4a303f5445a9020aa61e9294cc72")}
TRL = ("0.28.0", "1.16.0")  # the last release with rpo_alpha and with label smoothing for sigmoid, and the newest

WORDS = 9
PROMPT = [1, 2]
# phrase numbers of the tokens of the chosen and of the rejected answer
PHRASES = [([0, 1, 1, 0, 2, 0], [1, 2, 0]),
           ([1, 0, 2], [0, 0, 1, 1, 0, 2, 0]),
           ([1, 2, 2, 0], [0, 1, 0, 0, 0]),
           ([0, 2, 0, 1, 1], [2, 2, 0, 1])]
# the same of the right answers of the other clips
OTHER_PHRASES = [[0, 1, 1, 0], [1, 0, 0, 2, 0], [0, 1], [2, 0, 1]]


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
        self.others = self.draw_others(torch.Generator().manual_seed(seed + 1))

    def draw_others(self, generator):
        """The roles that stand under another clip, or are its answer, in the order of our enumeration."""
        import torch
        chosen = [[label for label, row in zip(self.labels, self.row) if row == pair] for pair in range(len(PHRASES))]
        right = [torch.randint(1, WORDS, (len(phrases),), generator=generator).tolist() for phrases in OTHER_PHRASES]
        own = [pair[0] for pair in PHRASES]
        return {"chosen|other": OtherRows(chosen, own, generator), "other_chosen|other": OtherRows(right, OTHER_PHRASES, generator),
                "other_chosen|video": OtherRows(right, OTHER_PHRASES, generator)}

    def batch(self, pairs):
        return Batch(self, pairs)

    def sums(self, role, which, pairs):
        """Log-probabilities of whole answers by the policy or the reference, one for each of `pairs`."""
        import torch
        first = {"chosen|video": 0, "rejected|video": len(PHRASES)}
        rows = self if role in first else self.others[role]
        logp = getattr(rows, which).log_softmax(-1).gather(-1, torch.tensor(rows.labels).unsqueeze(-1)).squeeze(-1)
        answers = torch.tensor(rows.row)
        return torch.stack([logp[answers == first.get(role, 0) + pair].sum() for pair in pairs])


class OtherRows:
    """The rows of one more role; `row` is the number of the pair."""

    def __init__(self, labels, phrases, generator):
        import torch
        self.labels, self.phrase = [label for answer in labels for label in answer], [p for answer in phrases for p in answer]
        self.row = [pair for pair, answer in enumerate(labels) for _ in answer]
        draw = lambda: (torch.randn(len(self.row), WORDS, generator=generator, dtype=torch.float64) * 1.5).mul(1e4).round().div(1e4)
        self.policy, self.reference = draw(), draw()
        self.policy.requires_grad_()

    def json(self):
        return {"labels": self.labels, "row": self.row, "phrase": self.phrase, "policy": self.policy.detach().flatten().tolist(),
                "reference": self.reference.flatten().tolist()}


class Batch:
    """Some pairs padded as a trainer has them: [2B, T] with the prompt before and at least one padded place behind an answer."""

    def __init__(self, rows, pairs):
        import torch
        total = len(PHRASES)
        answers = [*pairs, *(p + total for p in pairs)]
        places = [[m for m, row in enumerate(rows.row) if row == answer] for answer in answers]
        length = len(PROMPT) + max(map(len, places)) + 1
        shape = (len(answers), length)
        self.rows, self.pairs, self.half = rows, pairs, len(pairs)
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

    def sums(self, which, *roles):
        return [self.rows.sums(role, which, self.pairs) for role in roles]


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

    def run(batch, beta, loss_type="sigmoid", label_smoothing=0.0, rpo_alpha=None, loss_weights=None, delta=0.0):
        trainer = bound(SimpleNamespace(
            args=SimpleNamespace(use_liger_kernel=False, rpo_alpha=rpo_alpha, ld_alpha=None), accelerator=Accelerator, beta=beta,
            running=SimpleNamespace(mean=delta, update=lambda rewards: None),  # the mean of its steps before, given
            loss_type=loss_type.split("+"), loss_weights=loss_weights, label_smoothing=label_smoothing, reference_free=False, is_encoder_decoder=False,
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

    def run(batch, beta=0.1, loss_type="sigmoid", label_smoothing=0.0, loss_weights=(1.0,)):
        metrics = {"train": defaultdict(list)}
        trainer = bound(SimpleNamespace(
            model=Model(batch.policy), ref_model=Model(batch.reference), accelerator=Accelerator, aux_loss_enabled=False, ld_alpha=None,
            precompute_ref_logps=False, args=SimpleNamespace(gradient_checkpointing_kwargs=None), f_divergence_type="reverse_kl",
            loss_types=loss_type.split("+"), loss_weights=loss_weights, beta=beta, label_smoothing=label_smoothing, use_weighting=False, _metrics=metrics,
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


def mdpo(originals):
    f = functions(originals.text("mdpo", "mdpo_trainer.py"), ["dpo_loss"])

    def run(batch, beta):
        roles = ("chosen|video", "rejected|video", "chosen|other")
        losses, chosen, rejected, _ = bound(SimpleNamespace(beta=beta), f).dpo_loss(*batch.sums("policy", *roles),
                                                                                    *batch.sums("reference", *roles))
        return losses.mean(), chosen, rejected
    return run


def sympo(originals):
    """In its names the first number is that of the picture; w and l are the answers to the first, 2 is that to the second."""
    f = functions(originals.text("sympo", "muffin/train/trainers.py"), ["dpo_loss"])
    roles = {"1_w": "chosen|video", "1_l": "rejected|video", "1_2": "other_chosen|video", "2_w": "chosen|other",
             "2_2": "other_chosen|other"}

    def run(batch, beta, pair_weight):
        logps = lambda which, name: {f"{name}_logp_{key}": value for key, value in zip(roles, batch.sums(which, *roles.values()))}
        losses, chosen, rejected, *_ = f.dpo_loss(logps("policy", "policy"), logps("reference", "ref"), beta_1=beta, beta_2=beta,
                                                  lamda=pair_weight)
        return losses.mean(), chosen, rejected
    return run


@contextlib.contextmanager
def without_casts():
    """TRL's ORPO casts log-probabilities to float32, where nothing can be compared in double."""
    import torch
    cast = torch.Tensor.float
    torch.Tensor.float = lambda self: self if self.is_floating_point() else cast(self)
    try:
        yield
    finally:
        torch.Tensor.float = cast


def trl_without_reference(originals, name, loss, helpers=()):
    """get_batch_loss_metrics of a trainer that has no reference, with its own batching and log-probabilities."""
    from torch import nn
    utils = functions(originals.trl("1.16.0", "trl/trainer/utils.py"), ["selective_log_softmax"], is_triton_available=lambda: False)
    pad = functions(originals.trl("1.16.0", "trl/experimental/utils.py"), ["pad_to_length"])
    text = originals.trl("1.16.0", f"trl/experimental/{name}/{name}_trainer.py")
    known = vars(functions(text, helpers)) if helpers else {}
    static = functions(text, ["concatenated_inputs", "get_batch_logps"], **vars(utils), **vars(pad))
    f = functions(text, ["concatenated_forward", loss, "get_batch_loss_metrics"], nn=nn, is_torch_xla_available=lambda: False, **known)

    def run(batch, **settings):
        trainer = bound(SimpleNamespace(accelerator=Accelerator, is_encoder_decoder=False, aux_loss_enabled=False, pad_token_id=0,
                                        padding_value=0, **vars(static), **settings), f)
        # Behind a prompt of one token the likelihood of a whole sequence, which is ORPO's, is that of the answer.
        begin = len(PROMPT) - 1
        cut = lambda values: batch.halves(values[:, begin:])
        given = {f"{side}_{key}": half[i] for key, half in (("input_ids", cut(batch.ids)), ("labels", cut(batch.labels)),
                                                            ("attention_mask", cut(batch.mask)))
                 for i, side in enumerate(("chosen", "rejected"))}
        with without_casts():
            loss_value, metrics = trainer.get_batch_loss_metrics(lambda *_, **__: SimpleNamespace(logits=batch.policy[:, begin:]), given)
        import torch
        if batch.half > 1:
            return loss_value, None, None
        return loss_value, *(torch.tensor([metrics[f"rewards/{side}"]], dtype=torch.float64) for side in ("chosen", "rejected"))
    return run


def simpo(originals):
    run = trl_without_reference(originals, "cpo", "cpo_loss")
    return lambda batch, **settings: run(batch, loss_type="simpo", alpha=0.0, **settings)


def orpo(originals):
    return trl_without_reference(originals, "orpo", "odds_ratio_loss", ["log1mexp"])


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
    for beta in (0.1, 0.7):
        yield f"mdpo-{beta}", {"name": "mdpo", "beta": beta}, "mdpo", {"beta": beta}, False
    for own in ({"beta": 0.1, "pair_weight": 0.5}, {"beta": 0.5, "pair_weight": 0.8}):
        # The code squares log-ratios, the paper and we rewards.
        yield f"sympo-{own['beta']}", {"name": "sympo", "margin_weight": 1e-4 / own["beta"]**2} | own, "sympo", own, False
    for own in ({"beta": 2.0, "simpo_gamma": 1.0, "label_smoothing": 0.0, "cpo_alpha": 0.0},
                {"beta": 2.5, "simpo_gamma": 0.3, "label_smoothing": 0.1, "cpo_alpha": 0.7}):
        yield f"simpo-{own['beta']}", {"name": "simpo"} | own, "simpo", own, False
    for beta in (0.1, 0.6):
        yield f"orpo-{beta}", {"name": "orpo", "beta": beta}, "orpo", {"beta": beta}, False
    yield from mpo_cases()


def mpo_cases():
    """TRL 1.16.0 has no delta, 0.28.0 one that includes the batch at hand; its mean is given."""
    kinds = {"loss_type": "sigmoid+bco_pair+sft"}
    for own in ({"beta": 0.1, "sigmoid_loss_weight": 0.8, "bco_pair_loss_weight": 0.2, "rpo_alpha": 1.0},
                {"beta": 0.4, "sigmoid_loss_weight": 0.3, "bco_pair_loss_weight": 0.9, "rpo_alpha": 0.5}):
        weights = [own["sigmoid_loss_weight"], own["bco_pair_loss_weight"], own["rpo_alpha"]]
        yield f"mpo-{own['beta']}", {"name": "mpo"} | own, "trl_new", kinds | {"beta": own["beta"], "loss_weights": weights}, False
        yield (f"mpo-shifted-{own['beta']}", {"name": "mpo"} | own, "trl_old",
               {"loss_type": "sigmoid+bco_pair", "beta": own["beta"], "loss_weights": weights[:2], "rpo_alpha": weights[2], "delta": 0.375},
               False)


# roles that an objective reads beside the answers under their own clip
OTHER_ROLES = {"mdpo": ["chosen|other"], "sympo": ["chosen|other", "other_chosen|other", "other_chosen|video"]}


# what runs it, and where it comes from
WHERE = {"rrpo": (rrpo, "llava/losses.py"), "dpo": (dpo, "trainers.py"), "tdpo": (tdpo, "trainers.py"),
         "muffin": (ddpo, "muffin/train/trainers.py"), "halva": (dpa, "llava/train/halva_trainer.py"),
         "mdpo": (mdpo, "mdpo_trainer.py"), "sympo": (sympo, "muffin/train/trainers.py"),
         "simpo": (simpo, "TRL 1.16.0 CPOTrainer"), "orpo": (orpo, "TRL 1.16.0 ORPOTrainer"),
         "trl_old": (trl_old, "TRL 0.28.0 DPOTrainer"), "trl_new": (trl_new, "TRL 1.16.0 DPOTrainer")}


def title(original):
    if original not in SOURCES:
        return WHERE[original][1]
    repository, commit = SOURCES[original]
    return f"{repository} {commit[:7]} {WHERE[original][1]}"


def answer(run, rows, others, settings, together):
    """Loss, per-pair losses and rewards where they have any, and the gradient of the loss at the logits [M, WORDS]: those of the
    answers under their own clip, then those of the roles `others`."""
    import torch
    leaves = [rows.policy, *(rows.others[role].policy for role in others)]
    for leaf in leaves:
        leaf.grad = None
    groups = [list(range(len(PHRASES)))] if together else [[p] for p in range(len(PHRASES))]
    results = [run(rows.batch(group), **settings) for group in groups]
    loss = torch.stack([r[0] for r in results]).mean()
    loss.backward()
    out = {"loss": float(loss.detach())}
    if not together:
        out["losses"] = [float(r[0].detach()) for r in results]
        if results[0][1] is not None:
            out |= {side: [float(r[i]) for r in results] for i, side in ((1, "chosen_rewards"), (2, "rejected_rewards"))}
    return out | {"gradient": torch.cat([leaf.grad.flatten() for leaf in leaves]).tolist()}


def golden(originals, left_out):
    import torch
    rows = Rows(20264)
    made, runs = [], {}
    for name, objective, original, settings, together in cases():
        if original in left_out:
            continue
        if original not in runs:
            runs[original] = WHERE[original][0](originals)
        others = OTHER_ROLES.get(objective["name"], [])
        case = {"name": name, "original": title(original), "objective": objective}
        if others:
            case["others"] = others
        if "delta" in settings:
            case["past"] = settings["delta"]
        made.append(case | answer(runs[original], rows, others, settings, together))
    return {"recipe": "scripts/oracles/objectives.py", "versions": {"torch": torch.__version__},
            "sources": {repository: commit for repository, commit in SOURCES.values()} | {"trl": list(TRL)},
            "pairs": len(PHRASES), "words": WORDS, "labels": rows.labels, "row": rows.row, "phrase": rows.phrase,
            "policy": rows.policy.detach().flatten().tolist(), "reference": rows.reference.flatten().tolist(),
            "others": {role: part.json() for role, part in rows.others.items()}, "cases": made}


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
