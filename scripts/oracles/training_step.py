#!/usr/bin/env python3
"""Writes tests/golden/training_step/: three optimizer steps of RRPO by transformers' Trainer with the authors' loss and settings.

    python3 scripts/oracles/training_step.py --rrpo-source DIR            DIR: a clone of pritamqu/RRPO
    python3 scripts/oracles/training_step.py --rrpo-source DIR --check    computes again and compares with what is committed

The model is the tiny checkpoint of onevision.py with its PEFT adapter, in float64; the reference is the same model with the
adapter off. The pairs are those of onevision.py and the same with chosen and rejected exchanged, in that order, one per
micro-batch, ACCUMULATE micro-batches per step. The loop, the accumulation, clipping, AdamW and the schedule are the Trainer's;
the loss is the class of the authors' llava/losses.py; SETTINGS are those of their scripts/llavavideo/run.sh but for a learning
rate at which the weights move. The gradients are clipped in every step.

  golden.json         settings; per step the loss, the norm of the gradients before clipping and the learning rate; rates of
                      whole schedules
  golden.safetensors  fingerprints (see onevision.py) of the LoRA gradients of each step and of the movement over all steps
"""
import argparse
import tempfile
from pathlib import Path

from objectives import Originals, authors_class
from onevision import CASES, GOLDEN as ONEVISION, PROJECTIONS, ROOT, Case, adapted_model, answer_logits, compare, ensure_packages
from onevision import exact_rms_norm, fingerprint, pairs_of, versions, visual_tokens, write

GOLDEN = ROOT / "tests" / "golden" / "training_step"
ADAPTER = ONEVISION / "tiny" / "adapter"
ACCUMULATE = 2
OBJECTIVE = {"name": "rrpo", "alpha": 0.01, "beta": 0.1}
SETTINGS = {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0, "schedule": "cosine", "warmup_ratio": 0.03,
            "max_grad_norm": 1.0}
RUNS = {"published": SETTINGS, "varied": SETTINGS | {"warmup_ratio": 0.5, "schedule": "linear", "max_grad_norm": 0.05,
                                                     "weight_decay": 0.02, "betas": [0.8, 0.98], "eps": 1e-6}}
# schedule, share of warm-up, steps
SCHEDULES = [("cosine", 0.03, 250), ("cosine", 0.03, 34), ("linear", 0.3, 7), ("constant", 0.25, 5), ("cosine", 0.0, 4)]


def exchanged(pair):
    return pair | {"chosen": pair["rejected"], "rejected": pair["chosen"]}


class Forward:
    """Logits, labels and signs of one pair as the authors' trainer hands them to the loss: [2, T, V] and [2, T], padded."""

    def __init__(self, case, pairs, prompts):
        self.case, self.pairs, self.prompts = case, pairs, prompts

    def __call__(self, model, index):
        import torch
        pair, prompt = self.pairs[index], self.prompts[index]
        sides = [pair["chosen"], pair["rejected"]]
        length = max(len(side["ids"]) for side in sides) + 1
        labels, signs = torch.full((2, length), -100), torch.zeros((2, length), dtype=torch.long)
        rows = []
        for b, side in enumerate(sides):
            count = len(side["ids"])
            labels[b, 1:count + 1], signs[b, 1:count + 1] = torch.tensor(side["ids"]), torch.tensor(side["phrase"])
            logits = answer_logits(model, self.case, pair["clip"], prompt, side["ids"])
            rows.append(torch.nn.functional.pad(logits, (0, 0, 0, length - count)))
        return {"logits": torch.stack(rows), "targets": labels, "signs": signs}


def trainer_of(model, forward, loss, settings, folder):
    """A Trainer that keeps what it sees in `steps`: losses of micro-batches, gradients before clipping, norms, rates."""
    import torch
    import transformers

    class Trainer(transformers.Trainer):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.losses, self.gradients, self.norms, self.rates = [], [], [], []

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            index = int(inputs["index"])
            align = forward(model, index)
            with torch.no_grad(), model.disable_adapter():
                reference = forward(model, index)
            value, _ = loss(align, reference, 0, 1)
            self.losses.append(float(value.detach()))
            return value

        def _clip_grad_norm(self, model):
            self.gradients.append([fingerprint(p.grad) for _, p in weights_of(model)])
            self.rates.append(self.optimizer.param_groups[0]["lr"])
            norm = super()._clip_grad_norm(model)
            self.norms.append(float(norm))
            return norm

    schedule = settings["schedule"] if settings["schedule"] != "constant" else "constant_with_warmup"
    arguments = transformers.TrainingArguments(
        output_dir=folder, num_train_epochs=1, per_device_train_batch_size=1, gradient_accumulation_steps=ACCUMULATE,
        learning_rate=settings["lr"], adam_beta1=settings["betas"][0], adam_beta2=settings["betas"][1], adam_epsilon=settings["eps"],
        weight_decay=settings["weight_decay"], lr_scheduler_type=schedule, warmup_steps=settings["warmup_ratio"],
        max_grad_norm=settings["max_grad_norm"], optim="adamw_torch", dataloader_drop_last=True, train_sampling_strategy="sequential",
        use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no", remove_unused_columns=False, disable_tqdm=True)
    trainer = Trainer(model=model, args=arguments, train_dataset=[{"index": i} for i in range(len(forward.pairs))],
                      data_collator=lambda batch: {"index": torch.tensor(batch[0]["index"])})
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def weights_of(model):
    """The trained tensors by our names, sorted."""
    return sorted((n.replace(".default.", "."), p) for n, p in model.named_parameters() if p.requires_grad)


def run(case, loss, forward, name, settings, tensors):
    import torch
    model = adapted_model(case, ADAPTER)
    start = [p.detach().clone() for _, p in weights_of(model)]
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(model, forward, loss, settings, folder)
        trainer.train()
    steps = len(forward.pairs) // ACCUMULATE
    assert len(trainer.norms) == steps and len(trainer.losses) == len(forward.pairs)
    assert min(trainer.norms) > settings["max_grad_norm"], f"{name}: a step is not clipped, the norms are {trainer.norms}"
    tensors[f"gradients.{name}"] = torch.stack([torch.stack(step) for step in trainer.gradients])
    tensors[f"movement.{name}"] = torch.stack([fingerprint(p - s) for (_, p), s in zip(weights_of(model), start)])
    means = [sum(trainer.losses[i:i + ACCUMULATE]) / ACCUMULATE for i in range(0, len(trainer.losses), ACCUMULATE)]
    return {"settings": settings, "losses": means, "norms": trainer.norms, "rates": trainer.rates}, [n for n, _ in weights_of(model)]


def rates(schedule, ratio, steps):
    """Every rate of a run as the Trainer makes them, with a peak of 1."""
    import torch
    import transformers
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    arguments = transformers.TrainingArguments(output_dir=".", warmup_steps=ratio, use_cpu=True, report_to=[])
    scheduler = transformers.get_scheduler(schedule if schedule != "constant" else "constant_with_warmup", optimizer,
                                           num_warmup_steps=arguments.get_warmup_steps(steps), num_training_steps=steps)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"schedule": schedule, "warmup_ratio": ratio, "rates": values}


def golden(originals):
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    Qwen2RMSNorm.forward = exact_rms_norm
    loss = authors_class(originals)(alpha=OBJECTIVE["alpha"], beta=OBJECTIVE["beta"])
    case = Case(CASES["tiny"][0])
    with torch.no_grad():
        counts = [len(visual_tokens(case.model(torch.float32), pixels)) for pixels in case.pixels]
    pairs = pairs_of(case)
    pairs += [exchanged(pair) for pair in pairs]
    prompts = [case.prompt_ids(pair["question"], pair["clip"], counts[pair["clip"]]) for pair in pairs]
    tensors, runs, names = {}, {}, []
    for name, settings in RUNS.items():
        runs[name], names = run(case, loss, Forward(case, pairs, prompts), name, settings, tensors)
    import accelerate
    return {"recipe": "scripts/oracles/training_step.py", "versions": versions() | {"accelerate": accelerate.__version__},
            "projections": PROJECTIONS, "objective": OBJECTIVE, "accumulate": ACCUMULATE, "runs": runs, "parameters": names,
            "schedules": [rates(*one) for one in SCHEDULES]}, tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, required=True, help="clone of pritamqu/RRPO")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="folder of the golden files")
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    arguments = parser.parse_args()
    ensure_packages()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    made = golden(Originals({"rrpo": arguments.rrpo_source}))
    (compare if arguments.check else write)(arguments.out, *made)
    if not arguments.check:
        print(f"{arguments.out}: {sum(f.stat().st_size for f in arguments.out.iterdir())} bytes")


if __name__ == "__main__":
    main()
