#!/usr/bin/env python3
"""Writes tests/golden/spans/loss.json: what the authors' loss class makes of whole conversations with their labels and marks.

    python3 scripts/oracles/official_loss.py --rrpo-source DIR             DIR: a clone of pritamqu/RRPO
    python3 scripts/oracles/official_loss.py --rrpo-source DIR --check     computes everything again and compares

Ids, labels and signs of the pairs are those of tests/golden/spans/golden.json (scripts/oracles/spans.py), with the visual
tokens of a clip in the place of the image. The model is the random one of scripts/oracles/onevision.py with its adapter;
the reference is the same model without it. Both run over each whole conversation, one by one, in float64, and their logits go
through RRPO of llava/losses.py. Kept are loss, rewards, KL and log-probabilities of each pair, and of the mean loss's gradient
at each LoRA tensor the norm and products with random signs. Runs in the virtual environment of onevision.py.
"""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onevision  # noqa: E402
from objectives import SOURCES, Originals, authors_class  # noqa: E402

SPANS = onevision.ROOT / "tests" / "golden" / "spans" / "golden.json"
GOLDEN = SPANS.parent / "loss.json"
# name of a pair of spans.py, clip
PAIRS = [("word in the middle", 0), ("at the start", 0), ("several words", 1), ("line breaks", 1), ("three phrases", 0),
         ("adjacent phrases", 1)]
ALPHA, BETA = 0.05, 0.5


def conversation(case, side, visual):
    """Ids, labels and signs with `visual` places for the image."""
    at = side["ids"].index(-200)
    fill = lambda row, value: row[:at] + [value] * visual + row[at + 1:]  # noqa: E731
    return fill(side["ids"], case.video_id), fill(side["labels"], -100), fill(side["signs"], 0)


def logits_of(model, case, clip, ids):
    import torch
    pixels = case.pixels[clip].to(onevision.dtype_of(model)).unsqueeze(0)
    return model(input_ids=torch.tensor([ids]), pixel_values_videos=pixels).logits[0]


def padded(rows, value):
    import torch
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def one_pair(loss, model, case, pair, clip, visual):
    """The authors' numbers of a pair; the loss carries its graph."""
    import torch
    parts = [conversation(case, pair[side], visual) for side in ("chosen", "rejected")]
    policy = padded([logits_of(model, case, clip, ids) for ids, _, _ in parts], 0.0)
    with torch.no_grad(), model.disable_adapter():
        reference = padded([logits_of(model, case, clip, ids) for ids, _, _ in parts], 0.0)
    targets = padded([torch.tensor(labels) for _, labels, _ in parts], -100)
    signs = padded([torch.tensor(s) for _, _, s in parts], -100)
    margins = loss.concatenated_forward({"logits": policy, "targets": targets, "signs": signs}, {"logits": reference})
    chosen, rejected, kl, rejected_kl, logp, rejected_logp = margins
    losses, chosen_reward, rejected_reward = loss.loss(chosen, rejected, kl, rejected_kl, beta=BETA, alpha=ALPHA)
    numbers = {"loss": losses, "reward_chosen": chosen_reward, "reward_rejected": rejected_reward, "kl_chosen": kl,
               "kl_rejected": rejected_kl, "logp_chosen": logp, "logp_rejected": rejected_logp}
    return losses[0], {key: float(value.detach()) for key, value in numbers.items()}


def goldens(source):
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    Qwen2RMSNorm.forward = onevision.exact_rms_norm
    case = onevision.Case(onevision.CASES["tiny"][0])
    model = onevision.adapted_model(case, onevision.GOLDEN / "tiny" / "adapter")
    loss = authors_class(Originals({"rrpo": source}))(alpha=ALPHA, beta=BETA)
    spans = {pair["name"]: pair for pair in json.loads(SPANS.read_text())["pairs"]}
    total, pairs = 0.0, []
    for name, clip in PAIRS:
        with torch.no_grad():
            visual = len(onevision.visual_tokens(model.get_base_model(), case.pixels[clip]))
        value, numbers = one_pair(loss, model, case, spans[name], clip, visual)
        total = total + value / len(PAIRS)
        pairs.append({"name": name, "clip": clip, **numbers})
    total.backward()
    gradients = {n.replace(".default.", "."): onevision.fingerprint(p.grad).tolist()
                 for n, p in sorted(model.named_parameters()) if p.requires_grad}
    versions = onevision.versions() | {"pritamqu/RRPO": SOURCES["rrpo"][1][:7]}
    return {"recipe": "scripts/oracles/official_loss.py", "versions": versions, "alpha": ALPHA, "beta": BETA, "pairs": pairs,
            "gradients": gradients}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, required=True, help="clone of pritamqu/RRPO")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="the golden file to write")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    onevision.ensure_packages()
    golden = goldens(arguments.rrpo_source)
    if arguments.check:
        found = list(onevision.differences(json.loads(arguments.out.read_text()), golden))
        print("\n".join(found[:20]) or f"{arguments.out}: equal")
        sys.exit(1 if found else 0)
    rows = ",\n".join(f" {json.dumps(key)}: " + json.dumps(value) for key, value in golden.items())
    arguments.out.write_text("{\n" + rows + "\n}\n")
    print(f"{arguments.out}: {len(golden['pairs'])} pairs, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
