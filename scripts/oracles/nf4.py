#!/usr/bin/env python3
"""Writes tests/golden/nf4.safetensors: matrices in four bits as bitsandbytes makes them on a CPU, for the C++ tests, bit for bit.

    python3 scripts/oracles/nf4.py            computes the golden file
    python3 scripts/oracles/nf4.py --check    computes it again and compares with the committed one

Run it with any Python 3.10+: it makes the virtual environment of onevision.py when packages are missing, and installs bitsandbytes there.

Each case is a matrix in float32, bfloat16 or float16: `NAME.input`, `NAME.packed` (two numbers a byte), `NAME.absmax` (one a block of 64),
and what comes back in each of the three types, `NAME.float32` and so on. Among them are a rest behind the last whole block, an odd number
of elements, blocks of zeros, denormals, the largest numbers, and every border between two codes with its neighbours on both sides.

bitsandbytes has several programs for the way back. On processors with AVX-512 for bfloat16 that instruction makes zeros of denormal
results; its other programs, on GPUs too, keep them, and so does what is written here. All else must agree, or the script fails.
"""
import argparse
import json
import os
import subprocess
import sys

import onevision

GOLDEN = onevision.ROOT / "tests" / "golden" / "nf4.safetensors"
PACKAGE = "bitsandbytes==0.50.2"
BLOCK = 64
TYPES = ("float32", "bfloat16", "float16")


def ensure_bitsandbytes():
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # it compiles its fallbacks otherwise, for minutes
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        if sys.prefix == sys.base_prefix:
            raise SystemExit(f"{PACKAGE} is missing")  # nothing is installed outside a virtual environment
        subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE])
        os.execv(sys.executable, [sys.executable, *sys.argv])


def borders():
    """One block of [-1, 1] for each: the codes, the middles between neighbours, and the next numbers below and above those."""
    import torch
    from bitsandbytes.functional import get_4bit_type
    code = get_4bit_type("nf4", device="cpu")
    middles = (code[:-1] + code[1:]) / 2
    rows = [code, middles, torch.nextafter(middles, torch.tensor(-2.0)), torch.nextafter(middles, torch.tensor(2.0))]
    return torch.stack([torch.cat([torch.tensor([1.0, -0.0, 0.0]), row, torch.zeros(BLOCK - 3 - len(row))]) for row in rows])


def cases():
    import torch
    draw = torch.Generator().manual_seed(15)
    normal = torch.randn(24, 128, generator=draw) * 0.03
    some = torch.randn(6, BLOCK, generator=draw)
    for name in TYPES:
        dtype = getattr(torch, name)
        info = torch.finfo(dtype)
        yield f"normal_{name}", normal.to(dtype)
        yield f"rest_{name}", normal[:10, :90].contiguous().to(dtype)        # 900 numbers: 14 blocks and 4
        yield f"odd_{name}", normal[:7, :13].contiguous().to(dtype)          # 91 numbers: one block and 27
        yield f"small_{name}", normal[:1, :3].contiguous().to(dtype)         # no whole block
        yield f"scales_{name}", (some * torch.tensor([0.0, 1e-3, 1.0, 1e4, 1e-20, -1.0]).view(-1, 1)).clamp(info.min, info.max).to(dtype)
        # the largest numbers, the smallest normal and denormal ones, and a rest of zeros
        most, least, tiny = torch.full((1, BLOCK), info.max), some[:1] * info.tiny, some[:1].sign() * info.tiny / 4
        most[0, ::2] *= -0.5
        yield f"ends_{name}", torch.cat([most, least, tiny]).to(dtype)
        yield f"zeros_{name}", torch.zeros(5, 15, dtype=dtype)               # a block and 11
        yield f"borders_{name}", borders().to(dtype)


def values(packed, state, fast):
    """What the portable program of bitsandbytes makes of it; `fast` is what this processor's made."""
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute
    import torch
    portable = _dequantize_4bit_compute(packed.flatten(), state.absmax, state.code, BLOCK, fast.shape, state.dtype)
    denormal = portable.abs() < torch.finfo(state.dtype).tiny
    assert same(portable.masked_fill(denormal, 0), fast.masked_fill(denormal, 0)), state.dtype
    return portable


def goldens():
    import torch
    from bitsandbytes import functional
    made = {}
    for name, matrix in cases():
        assert matrix.isfinite().all(), name
        packed, state = functional.quantize_4bit(matrix, blocksize=BLOCK, quant_type="nf4", compress_statistics=False)
        assert state.absmax.dtype == torch.float32 and packed.dtype == torch.uint8
        made |= {f"{name}.input": matrix, f"{name}.packed": packed.flatten(), f"{name}.absmax": state.absmax}
        for wanted in TYPES:
            state.dtype = getattr(torch, wanted)
            made[f"{name}.{wanted}"] = values(packed, state, functional.dequantize_4bit(packed, state).reshape(matrix.shape))
    return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in made.items()}


def same(a, b):
    """Bit for bit: zeros of both signs differ."""
    import torch
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.view(torch.uint8), b.view(torch.uint8))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    onevision.ensure_packages()
    ensure_bitsandbytes()
    import torch
    from safetensors.torch import load_file, save_file
    torch.set_grad_enabled(False)
    made = goldens()
    if not arguments.check:
        versions = {"torch": torch.__version__.split("+")[0], "bitsandbytes": PACKAGE.split("==")[1]}
        save_file(made, GOLDEN, metadata={"recipe": "scripts/oracles/nf4.py", "versions": json.dumps(versions)})
        return
    old = load_file(GOLDEN)
    faults = [name for name in sorted(old.keys() | made.keys()) if name not in old or name not in made or not same(old[name], made[name])]
    if faults:
        raise SystemExit(f"{GOLDEN}: other bits in {', '.join(faults)}")
    print(f"{GOLDEN}: all bits agree")


if __name__ == "__main__":
    main()
