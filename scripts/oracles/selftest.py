#!/usr/bin/env python3
"""Writes tests/golden/selftest/golden.json: the values that `rrpo-train selftest` carries inside and compares a machine with.

    python3 scripts/oracles/selftest.py              writes the file
    python3 scripts/oracles/selftest.py --check      computes everything again and compares

A small LLaVA-OneVision of transformers with an adapter of PEFT whose weights are a formula of their names (see `values`), all
exact in bfloat16; pictures, ids and marks stand in the file itself. Everything is computed in float64 (see onevision.py), one
answer at a time, in full and without a cache.
"""
import argparse
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import onevision as base  # noqa: E402

GOLDEN = base.ROOT / "tests" / "golden" / "selftest" / "golden.json"
VIDEO, IMAGE, VOCABULARY = 62, 63, 64
FRAMES, SIDE = 2, 35
LORA = {"rank": 3, "alpha": 8}
PROMPT = {"before": [1, 20], "after": [5, 9, 33, 7]}
PAIRS = [{"chosen": {"ids": [11, 12, 40, 13, 2], "phrase": [0, 1, 1, 0, 0]}, "rejected": {"ids": [11, 50, 13, 2], "phrase": [0, 1, 0, 0]}},
         {"chosen": {"ids": [21, 8, 2], "phrase": [1, 0, 0]}, "rejected": {"ids": [30, 31, 32, 8, 55, 2], "phrase": [1, 1, 0, 2, 2, 0]}}]
GRADIENTS = ["layers.0.self_attn.q_proj.lora_A", "layers.2.mlp.down_proj.lora_B"]
OBJECTIVES = {"rrpo": {"alpha": 0.05, "beta": 0.5}, "dpo": {"beta": 0.1}, "sft": {}}


def config():
    from transformers import LlavaOnevisionConfig, Qwen2Config, SiglipVisionConfig
    text = Qwen2Config(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                       num_key_value_heads=2, rms_norm_eps=1e-6, max_position_embeddings=512, tie_word_embeddings=False,
                       rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    vision = SiglipVisionConfig(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE,
                                patch_size=7, layer_norm_eps=1e-6, vision_use_head=False)
    return LlavaOnevisionConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, video_token_index=VIDEO,
                                image_grid_pinpoints=[[SIDE, SIDE]], tie_word_embeddings=False)


def config_json():
    """What our program needs of it."""
    keep = {"text_config": ["model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                            "num_key_value_heads", "hidden_act", "rms_norm_eps", "rope_parameters", "tie_word_embeddings"],
            "vision_config": ["model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
                              "patch_size", "hidden_act", "layer_norm_eps"]}
    whole = config().to_dict()
    small = {key: whole[key] for key in ("model_type", "image_token_index", "video_token_index",
                                         "image_grid_pinpoints", "vision_aspect_ratio", "projector_hidden_act", "vision_feature_layer", "vision_feature_select_strategy",
                                         "tie_word_embeddings")}
    return small | {part: {key: whole[part][key] for key in keys} for part, keys in keep.items()}


def steps(name, count):
    """Integers from -128 to 127: a hash of the tensor's name and the element's number."""
    import numpy as np
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & (1 << 64) - 1
    with np.errstate(over="ignore"):
        x = np.uint64(h) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x ^= x >> np.uint64(31)
        x *= np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(29)
        x *= np.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> np.uint64(32)
    return (x >> np.uint64(56)).astype(np.int64) - 128


def values(name, shape):
    """Matrices: steps/128 times a power of two near 2.2 / sqrt(fan in); embedding and positions: steps/64; vectors: steps/512, norms'
    weights 1 + floor(steps/16)/32."""
    import numpy as np
    import torch
    k = steps(name, math.prod(shape))
    if len(shape) == 1:
        norm = "norm" in name and name.endswith("weight")
        value = 1 + np.floor_divide(k, 16) / 32 if norm else k / 512
    elif "embed_tokens" in name or "position_embedding" in name:
        value = k / 64
    else:
        value = k / 128 * 2.0 ** round(math.log2(2.2 / math.sqrt(math.prod(shape[1:]))))
    return torch.from_numpy(np.asarray(value, dtype=np.float64)).reshape(shape)


def make_model():
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlavaOnevisionForConditionalGeneration
    model = LlavaOnevisionForConditionalGeneration(config())
    leaves = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    targets = [n for n, _ in model.named_modules() if "language_model.layers" in n and n.endswith(leaves)]
    model = get_peft_model(model, LoraConfig(r=LORA["rank"], lora_alpha=LORA["alpha"], lora_dropout=0.0, target_modules=targets)).double().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            name = key.removeprefix("base_model.model.").replace(".base_layer", "").replace(".default", "")
            p.copy_(values(name, tuple(p.shape)) * (0.25 if "lora_B" in name else 1))
    model.set_adapter("default")
    return model


class Case:
    """What base.statistics asks for."""

    def __init__(self):
        import numpy as np
        import torch
        f, c, y, x = np.meshgrid(*(np.arange(n) for n in (FRAMES, 3, SIDE, SIDE)), indexing="ij")
        self.pixels = [torch.from_numpy(((x * 31 + y * 17 + c * 101 + f * 7) & 255) / 127.5 - 1)]


def terms(model, case, prompt):
    """Each objective's mean, the KL's, and the gradient of rrpo at GRADIENTS."""
    found = {}
    pairs = [pair | {"clip": 0} for pair in PAIRS]
    for name, settings in OBJECTIVES.items():
        base.OBJECTIVES[name] = settings
        model.zero_grad()
        stats = [[base.statistics(model, case, pair, side, prompt) for side in ("chosen", "rejected")] for pair in pairs]
        total, denominator = base.losses(name, stats, pairs)
        found[name] = float((total / denominator).detach())
        if name == "rrpo":
            (total / denominator).backward()
            found["kl"] = float(sum(chosen[2].sum() for chosen, _ in stats).detach()) / len(pairs)
            gradient = {key: p.grad for key, p in model.named_parameters() for g in GRADIENTS if g in key}
            found["gradient"] = [value for g in GRADIENTS for key in gradient if g in key for value in gradient[key].reshape(-1).tolist()]
    return found


def short(value):
    """Ten significant digits are more than float32 can tell apart."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    return [short(v) for v in value] if isinstance(value, list) else value


def golden():
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    Qwen2RMSNorm.forward = base.exact_rms_norm
    case, model = Case(), make_model()
    inner = model.base_model.model
    with torch.no_grad():
        visual = base.visual_tokens(inner, case.pixels[0])
        prompt = PROMPT["before"] + [VIDEO] * len(visual) + PROMPT["after"]
        logits = base.answer_logits(inner, case, 0, prompt, PAIRS[0]["chosen"]["ids"])
    expected = {"tower": visual.reshape(-1).tolist(), "decoder": logits.reshape(-1).tolist()} | terms(model, case, prompt)
    return {"recipe": "scripts/oracles/selftest.py", "versions": base.versions(), "config": config_json(), "frames": FRAMES, "lora": LORA,
            "prompt": PROMPT, "pairs": PAIRS, "objectives": OBJECTIVES, "gradients": GRADIENTS,
            "expected": {key: short(value) for key, value in expected.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    arguments = parser.parse_args()
    base.ensure_packages()
    import torch
    torch.set_num_threads(1)
    made = json.loads(json.dumps(golden()))
    if arguments.check:
        faults = list(base.differences(json.loads(GOLDEN.read_text()), made))
        if faults:
            raise SystemExit(f"{GOLDEN}: {len(faults)} differences\n" + "\n".join(faults[:20]))
        print(f"{GOLDEN}: all numbers agree")
        return
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in made.items()) + "\n}\n")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
