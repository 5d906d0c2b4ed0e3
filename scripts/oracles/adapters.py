#!/usr/bin/env python3
"""Writes tests/golden/adapters/: adapters that PEFT wrote, what they make of the logits, and what PEFT merges them to.

    python3 scripts/oracles/adapters.py              writes the golden files, and the adapters that are missing
    python3 scripts/oracles/adapters.py --new        makes all adapters anew as well
    python3 scripts/oracles/adapters.py --check      computes everything again from the committed adapters and compares
    python3 scripts/oracles/adapters.py --ours DIR   our adapter in PEFT and our merged folders in transformers, with the programs
                                                     of the build folder DIR

The base is tests/golden/onevision/tiny/checkpoint (scripts/oracles/onevision.py). Each case of CASES is one adapter folder:
  golden.json         versions, PEFT's scale of every module, and which modules its regular expressions match
  golden.safetensors  logits.CASE [3, V] with the adapter; merged.* the weights that merge_and_unload leaves, of float32 and
                      bfloat16 bases; merged_logits.* of the saved and loaded merged model, merged_eye.* likewise of the cases
                      that change tower or projector
Logits are computed in float64 (see onevision.py) and kept in float32.
"""
import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onevision as base  # noqa: E402

ROOT = base.ROOT
GOLDEN = ROOT / "tests" / "golden" / "adapters"
CHECKPOINT = base.GOLDEN / "tiny" / "checkpoint"
CLIP, QUESTION = 0, base.CLIPS[0][4]
ANSWER = "(C)"
# Unsloth's expression for all layers (the last parts are those of the model's linears that occur more than once), and for those
# of the tower alone.
UNSLOTH_PARTS = r"(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)"
UNSLOTH_ALL = (r"(?:.*?(?:vision|image|visual|patch|language|text).*?" + UNSLOTH_PARTS + r".*?(?:k_proj|v_proj|q_proj|out_proj|fc1|fc2|o_proj|"
               r"gate_proj|up_proj|down_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\." + UNSLOTH_PARTS + r"\.(?:(?:k_proj|v_proj|q_proj|out_proj|fc1|"
               r"fc2|o_proj|gate_proj|up_proj|down_proj)))")
UNSLOTH_VISION = r".*?(?:vision|image|visual|patch).*?" + UNSLOTH_PARTS + r".*?(?:k_proj|v_proj|q_proj|out_proj|fc1|fc2).*?"
LEAVES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Settings of PEFT's LoraConfig; `decoder` stands for the full names of the decoder's linears with these leaves.
CASES = {
    "patterns": {"r": 3, "lora_alpha": 8, "target_modules": {"decoder": LEAVES},
                 "rank_pattern": {"q_proj": 2, "layers.1.mlp.down_proj": 5, "model.language_model.layers.2.self_attn.v_proj": 1},
                 "alpha_pattern": {"k_proj": 3, r"layers\.[02]\.mlp\..*": 5, "gate_proj": 11}},
    "rslora": {"r": 3, "lora_alpha": 4, "use_rslora": True,
               "target_modules": r".*language_model\.layers\.\d+\.(self_attn\.(q|v)_proj|mlp\.down_proj)"},
    "layers": {"r": 2, "lora_alpha": 5, "target_modules": ["o_proj", "gate_proj", "up_proj", "down_proj"],
               "layers_to_transform": [0, 2], "layers_pattern": "layers", "exclude_modules": r".*layers\.0\.mlp\.up_proj"},
    "lookahead": {"r": 2, "lora_alpha": 3.5, "target_modules": r"^(?!.*vision).*\.(?:k_proj|up_proj)$"},
    "eye": {"r": 2, "lora_alpha": 5, "target_modules": ["v_proj", "out_proj", "fc2", "linear_1", "linear_2", "up_proj"],
            "rank_pattern": {r"vision_tower\..*\.fc2": 3}, "alpha_pattern": {"linear_2": 7}},
    "unsloth": {"r": 1, "lora_alpha": 2, "target_modules": UNSLOTH_ALL},
    "unsloth_vision": {"r": 2, "lora_alpha": 2, "target_modules": UNSLOTH_VISION},
    "saved": {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "linear_1", "gate_proj"], "exclude_modules": r".*vision_tower.*",
              "modules_to_save": ["multi_modal_projector"]},
}
HALF = {"layers"}  # stored in bfloat16
MERGED, MERGED_EYES = "patterns", ("eye", "saved")
# Expressions of the kinds that trainers write into adapter_config.json, and some traps.
EXPRESSIONS = [
    r".*", r"", r"q_proj", r".*q_proj", r".*\.(q_proj|v_proj)", r".*\.[qk]_proj", r".*\.[^qk]_proj", r"model.language_model.*_proj",
    r"^(model\.language_model(?=\.).*\.(up_proj|o_proj))$", r"^(?!.*(?:vision|self_attn)).*(?:down_proj|q_proj).*$",
    r"model\.language_model\.layers\.(0|2)\.(?P<part>self_attn|mlp)\.\w+", r".*\.layers\.\d\..*gate.*", r".*\.layers\.\d{2}\..*",
    r".*\.layers\.[1-9]+\.mlp\.[a-z]+_[a-z]{4}", r"(.*\.)?(layers.1.mlp.up_proj)$", r"(a|b)*.*\.self_attn\.(?:q|k|v|o)_proj?",
    r".+?\.layers\.\S*o\S*", r"(?:[a-z_]+\.)+[a-z]_proj", r"model(\.\w+){4}\.(?:k|down)_proj", r".*\D\.\d\.\D*", r"(x?)*model.*v_proj",
    r"[\w.]+mlp[.]up_proj", r".*(?<!x)q_proj",
    UNSLOTH_ALL, UNSLOTH_VISION, r"(?:.*?(?:language|text).*?" + UNSLOTH_PARTS + r".*?(?:q_proj|up_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\."
    + UNSLOTH_PARTS + r"\.(?:(?:q_proj|up_proj)))", r"^(?!.*(?:patch_embed|multi_modal_projector)).*(?:fc1|q_proj|linear_2).*",
    r"^(model\.vision_tower(?=\.).*\.(out_proj|fc2))$"]


def decoder_linears(model):
    return [n for n, _ in model.named_modules() if "language_model.layers" in n and n.endswith(LEAVES)]


def all_linears(model):
    import torch
    return [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]


def settings_of(name, model):
    settings = dict(CASES[name])
    targets = settings["target_modules"]
    if isinstance(targets, dict):
        settings["target_modules"] = [n for n in decoder_linears(model) if n.endswith(targets["decoder"])]
    return settings


def make_adapter(folder, case, name):
    """An adapter as PEFT writes it, with B != 0."""
    import torch
    from peft import LoraConfig, get_peft_model
    model = case.model(torch.float32)
    adapted = get_peft_model(model, LoraConfig(lora_dropout=0.05, task_type="CAUSAL_LM", **settings_of(name, model)))
    generator = torch.Generator().manual_seed(len(name))
    with torch.no_grad():
        for key, p in adapted.named_parameters():
            if "lora_A" in key:
                p.copy_(torch.randn(p.shape, generator=generator) / math.sqrt(p.shape[1]))
            elif "lora_B" in key:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
            elif "modules_to_save" in key:
                p.add_(torch.randn(p.shape, generator=generator) * 0.2)
    if name in HALF:
        adapted.to(torch.bfloat16)
    shutil.rmtree(folder, ignore_errors=True)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = ""  # a path of this machine
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config[key], list):
            config[key].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def logits(model, case):
    """[3, V] of the rows that predict ANSWER after QUESTION about CLIP."""
    import torch
    with torch.no_grad():
        prompt = case.prompt_ids(QUESTION, CLIP, len(base.visual_tokens(model, case.pixels[CLIP])))
        ids = case.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
        return base.answer_logits(model, case, CLIP, prompt, ids), ids


def adapted_logits(case, folder):
    """Logits under an adapter, in float64, and PEFT's scale of each module."""
    model = base.adapted_model(case, folder)
    scales = {n.removeprefix("base_model.model."): m.scaling["default"] for n, m in model.named_modules() if isinstance(getattr(m, "scaling", None), dict)}
    inner = model.base_model.model
    return logits(inner, case)[0].float(), scales


def merged(case, folder, dtype, tensors):
    """PEFT's merge_and_unload on a base of `dtype`, saved and loaded again. One layer's weights are kept whole, others as a
    fingerprint."""
    import torch
    from peft import PeftModel
    kind = str(dtype).removeprefix("torch.")
    model = PeftModel.from_pretrained(case.model(dtype), folder).merge_and_unload()
    for name in decoder_linears(model):
        weight = model.get_submodule(name).weight.detach()
        if ".layers.1." in name:
            tensors[f"merged.{kind}.{name}"] = weight.clone()
        else:
            tensors[f"merged.{kind}.{name}.fingerprint"] = base.fingerprint(weight)
    tensors[f"merged_logits.{kind}"] = saved_logits(model, case)


def saved_logits(model, case):
    """Logits of a model that was saved and loaded again, in float64."""
    import torch
    from transformers import LlavaOnevisionForConditionalGeneration
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        again = LlavaOnevisionForConditionalGeneration.from_pretrained(saved, dtype=torch.float64, attn_implementation="sdpa").eval()
        return logits(again, case)[0].float()


def merged_eye(case, folder, name, tensors):
    """The same of an adapter that changes tower or projector: the logits, and fingerprints of what it changes there."""
    import torch
    from peft import PeftModel
    before = case.model(torch.float32).state_dict()
    model = PeftModel.from_pretrained(case.model(torch.float32), folder).merge_and_unload()
    for key, weight in model.state_dict().items():
        if "language_model" not in key and not torch.equal(weight, before[key]):
            tensors[f"merged_eye.{name}.{key}"] = base.fingerprint(weight)
    tensors[f"merged_eye_logits.{name}"] = saved_logits(model, case)


def expression_matches(names):
    return [{"pattern": pattern, "matches": [bool(re.fullmatch(pattern, name)) for name in names]} for pattern in EXPRESSIONS]


def goldens(folder):
    """Everything from the adapters in `folder`."""
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    Qwen2RMSNorm.forward = base.exact_rms_norm
    case, tensors, cases = base.Case(CHECKPOINT), {}, {}
    exact = case.model(torch.float64)
    names = all_linears(exact)
    plain, ids = logits(exact, case)
    tensors["logits.none"] = plain.float()
    for name in CASES:
        tensors[f"logits.{name}"], scales = adapted_logits(case, folder / name)
        cases[name] = {"scales": scales}
    for dtype in (torch.float32, torch.bfloat16):
        merged(case, folder / MERGED, dtype, tensors)
    for name in MERGED_EYES:
        merged_eye(case, folder / name, name, tensors)
    count, height, width, seed, _ = base.CLIPS[CLIP]
    return {"recipe": "scripts/oracles/adapters.py", "versions": base.versions(), "projections": base.PROJECTIONS,
            "clip": {"frames": count, "height": height, "width": width, "seed": seed, "question": QUESTION}, "answer": ids,
            "cases": cases, "modules": names, "expressions": expression_matches(names)}, tensors


# --- our files in their programs -------------------------------------------------------------------------------------------

def probe_logits(model, probe):
    """Logits of the probe rows that `rrpo-train merge` records (its pictures are a formula), [rows, V]."""
    import numpy as np
    import torch
    f, c, y, x = np.meshgrid(*(np.arange(n) for n in probe["pixels"]), indexing="ij")
    pixels = torch.from_numpy(((x * 31 + y * 17 + c * 101 + f * 7) & 255) / 127.5 - 1)
    with torch.no_grad():
        ids = probe["before"] + [model.config.video_token_id] * probe["visual_tokens"] + probe["after"]
        out = model(input_ids=torch.tensor([ids]), pixel_values_videos=pixels.to(base.dtype_of(model)).unsqueeze(0)).logits[0]
    return out[-len(probe["token"]):]


def compare_probe(what, model, probe, tolerance):
    """The best token of each probe row and its logit."""
    import torch
    rows = probe_logits(model.double(), probe)
    theirs = torch.tensor(probe["logit"], dtype=torch.float64)
    mine = rows.gather(1, torch.tensor(probe["token"]).unsqueeze(1))[:, 0]
    worst = float((mine - theirs).abs().max() / rows.abs().max())
    best = rows.argmax(-1).tolist() == probe["token"]
    print(f"{what}: {len(theirs)} rows, worst difference {worst:.2e} of the largest logit (tolerance {tolerance:g})")
    if worst > tolerance or not best:
        raise SystemExit(f"{what}: logits differ" + ("" if best else ", and so does the best token"))


def train_adapter(build, work, out, *settings):
    """Clips, and an adapter that our program trained on them."""
    run = lambda *words: subprocess.run([str(w) for w in words], check=True, stdout=subprocess.DEVNULL)
    if not (work / "world").exists():
        run(build / "rrpo-gen", "scenes", "--out", work / "world", "count=2", "--quiet")
    pairs = [{"id": str(i), "video": f"videos/0000{i}.mp4", "question": "Describe the video.",
              "chosen": {"text": "A red circle.", "spans": [[2, 5]]}, "rejected": {"text": "A blue circle.", "spans": [[2, 6]]}} for i in range(2)]
    (work / "pairs.jsonl").write_text("".join(json.dumps(p) + "\n" for p in pairs))
    run(build / "rrpo-train", "--out", work / out, f"model.path={CHECKPOINT}", f"data.pairs={work}/pairs.jsonl",
        f"data.video_root={work}/world", "video.frames=2", "device=cpu", "train.batch_pairs=2", "lora.rank=3", "lora.alpha=7",
        "train.steps=6", "train.micro_pairs=2", "optim.lr=0.05", *settings, "--quiet")
    return work / out / "adapter"


def half_checkpoint(folder):
    """The tiny checkpoint in bfloat16, in shards."""
    import torch
    base.Case(CHECKPOINT).model(torch.float32).to(torch.bfloat16).save_pretrained(folder, max_shard_size="80KB")
    for file in CHECKPOINT.iterdir():
        if not (folder / file.name).exists() and file.suffix != ".safetensors":
            shutil.copy(file, folder)


def check_ours(build, work):
    import torch
    from peft import PeftModel
    from transformers import LlavaOnevisionForConditionalGeneration
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    Qwen2RMSNorm.forward = base.exact_rms_norm
    load = lambda folder, dtype: LlavaOnevisionForConditionalGeneration.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()
    half_checkpoint(work / "half")
    adapters = {"decoder": train_adapter(build, work, "run"),
                "eye": train_adapter(build, work, "run_eye", 'lora.targets=["q_proj","vision:fc1","projector:all-linear"]'),
                "saved": GOLDEN / "saved"}
    for kind, adapter in adapters.items():
        for name, folder in (("float32", CHECKPOINT), ("bfloat16, sharded", work / "half")):
            out = work / f"merged-{kind}-{name[:8]}"
            subprocess.run([str(build / "rrpo-train"), "merge", f"model.path={folder}", f"model.adapter={adapter}", "device=cpu", "--out",
                            str(out), "--quiet"], check=True, stdout=subprocess.DEVNULL)
            proof = json.loads((out / "run.json").read_text())["result"]["probe"]
            if proof["effect"] < 0.05:
                raise SystemExit(f"the adapter changes the probe's logits by {proof['effect']} only: nothing is proved")
            with_adapter = PeftModel.from_pretrained(load(folder, torch.float32), adapter)
            missing = [n for n, p in with_adapter.named_parameters() if "lora_B" in n and not p.abs().max()]
            if missing or not any("lora_B" in n for n, _ in with_adapter.named_parameters()):
                raise SystemExit(f"our adapter in PEFT: {len(missing)} tensors stayed empty")
            compare_probe(f"our adapter ({kind}) in PEFT, {name}", with_adapter, proof["adapter"], 2e-5)
            compare_probe(f"our merged folder ({kind}) in transformers, {name}", load(out, torch.float32), proof["merged"], 2e-5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the adapters anew")
    parser.add_argument("--ours", type=Path, metavar="BUILD", help="check our own files with the programs of this build folder")
    arguments = parser.parse_args()
    base.ensure_packages()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if arguments.ours:
        with tempfile.TemporaryDirectory() as work:
            check_ours(arguments.ours.resolve(), Path(work))
        return
    for name in CASES:
        if not arguments.check and (arguments.new or not (GOLDEN / name).exists()):
            make_adapter(GOLDEN / name, base.Case(CHECKPOINT), name)
    golden, tensors = goldens(GOLDEN)
    if arguments.check:
        base.compare(GOLDEN, golden, tensors)
        return
    base.write(GOLDEN, golden, tensors)
    print(f"{GOLDEN}: {sum(f.stat().st_size for f in GOLDEN.rglob('*') if f.is_file())} bytes")


if __name__ == "__main__":
    main()
