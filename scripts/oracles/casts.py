#!/usr/bin/env python3
"""Writes tests/golden/casts.safetensors: RMSNorm, RoPE and the gated MLP's product of transformers' Qwen2 in bfloat16, bit for bit.

    python3 scripts/oracles/casts.py            computes the golden file
    python3 scripts/oracles/casts.py --check    computes it again and compares with the committed one

Each result depends on the order in which values are rounded: RMSNorm rounds before it multiplies by the weight; angles, cosines and
sines are float32 and rounded before they meet q and k; both products of the rotation are rounded. The script asserts that other
orders give other bits, so that the test can fail. Inputs are bfloat16; everything is kept in float32, which holds them exactly.
"""
import argparse
import json
from pathlib import Path

import onevision

GOLDEN = onevision.ROOT / "tests" / "golden" / "casts.safetensors"
POSITIONS = [0, 1, 2, 17, 255, 256, 257, 1000, 3359, 6719, 13439]
WIDTH, HEADS, HEAD_WIDTH, THETA, EPS = 40, 3, 10, 1e6, 1e-6


def goldens():
    import torch
    from transformers import Qwen2Config
    from transformers.activations import ACT2FN
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm, Qwen2RotaryEmbedding, apply_rotary_pos_emb, rotate_half
    torch.manual_seed(5)
    bf16 = torch.bfloat16
    count = len(POSITIONS)
    x, q = torch.randn(count, WIDTH).to(bf16) * 3, torch.randn(1, HEADS, count, HEAD_WIDTH).to(bf16)
    norm = Qwen2RMSNorm(WIDTH, EPS).to(bf16)
    norm.weight.copy_(1 + 0.3 * torch.randn(WIDTH))
    config = Qwen2Config(hidden_size=HEADS * HEAD_WIDTH, num_attention_heads=HEADS, num_key_value_heads=HEADS,
                         rope_parameters={"rope_type": "default", "rope_theta": THETA}, max_position_embeddings=32768)
    cos, sin = Qwen2RotaryEmbedding(config)(x, torch.tensor([POSITIONS]))
    turned, _ = apply_rotary_pos_emb(q, q, cos, sin)
    gate, up = torch.randn(count, WIDTH).to(bf16) * 2, torch.randn(count, WIDTH).to(bf16)
    made = {"x": x, "weight": norm.weight, "normed": norm(x), "cos": cos[0, :, :HEAD_WIDTH // 2], "sin": sin[0, :, :HEAD_WIDTH // 2],
            "q": q[0].transpose(0, 1), "turned": turned[0].transpose(0, 1), "gate": gate, "up": up, "gated": ACT2FN["silu"](gate) * up}
    check_others(made, x, norm, q, cos, sin, turned, rotate_half)
    assert all(t.dtype == bf16 for t in made.values())
    return {name: t.detach().float().contiguous() for name, t in made.items()} | {"positions": torch.tensor(POSITIONS).double()}


def check_others(made, x, norm, q, cos, sin, turned, rotate_half):
    """Other orders of rounding must show."""
    import torch
    wide = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + EPS)
    assert not torch.equal((wide * norm.weight.float()).to(x.dtype), made["normed"]), "RMSNorm: the weight before the cast"
    exact = (q.float() * cos.float() + rotate_half(q).float() * sin.float()).to(q.dtype)
    assert not torch.equal(exact, turned), "RoPE: the rotation in float32"
    half = torch.arange(0, HEAD_WIDTH, 2).float() / HEAD_WIDTH
    rough = (torch.tensor(POSITIONS).to(x.dtype)[:, None] * (1 / THETA ** half).to(x.dtype)).cos()
    assert not torch.equal(rough, made["cos"]), "RoPE: angles in bfloat16"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    onevision.ensure_packages()
    import torch
    from safetensors.torch import load_file, save_file
    torch.set_grad_enabled(False)
    made = goldens()
    if not arguments.check:
        save_file(made, GOLDEN, metadata={"recipe": "scripts/oracles/casts.py", "versions": json.dumps(onevision.versions())})
        return
    old = load_file(GOLDEN)
    faults = [name for name in sorted(old.keys() | made.keys()) if name not in old or name not in made or not torch.equal(old[name], made[name])]
    if faults:
        raise SystemExit(f"{GOLDEN}: other bits in {', '.join(faults)}")
    print(f"{GOLDEN}: all bits agree")


if __name__ == "__main__":
    main()
