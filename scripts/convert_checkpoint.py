#!/usr/bin/env python3
"""Turns pickled checkpoints (.bin, .pth, .pt) into safetensors folders that rrpo-gen, rrpo-train and rrpo-eval load.

    python3 scripts/convert_checkpoint.py SOURCE OUT
    python3 scripts/convert_checkpoint.py videochat2_mistral_7b_stage3.pth OUT --mistral Mistral-7B-Instruct-v0.2 --bert bert-base-uncased
    python3 scripts/convert_checkpoint.py LongVU_Qwen2_7B OUT --siglip siglip-so400m-patch14-384 --dinov2 dinov2-giant

SOURCE is a folder or one file; what it is, is seen from what lies there:
  an adapter    adapter_config.json beside adapter_model.bin or model.pth (RRPO's authors, older PEFT)
                -> adapter_config.json, adapter_model.safetensors with PEFT's names
  a checkpoint  pytorch_model.bin.index.json with its shards, or a single .bin, .pth, .pt
                -> model.safetensors, or shards with model.safetensors.index.json, and copies of *.json, *.txt, *.model, *.jinja
  VideoChat2    its pickle, with --mistral and --bert: the three pieces become one folder (join_videochat2.py says how)
  LongVU        its folder, with --siglip and --dinov2: the three folders become one (join_longvu.py says how)
Weights that an adapter's folder holds beside LoRA (non_lora_trainables.bin, buffers) are kept by name in
non_lora_trainables.safetensors, which our programs do not load: the script says so.

Files are read by torch.load(weights_only=True) only: a pickle that wants to run code is refused. Values and types are not
changed; after writing, every tensor is read again and compared. Needs torch and safetensors; --venv makes a virtual
environment .venv-convert with them beside the sources.

Exit codes: 0 done, 2 usage, 3 bad input, 4 environment.
"""
import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"torch": "torch==2.11.0", "safetensors": "safetensors==0.8.0", "numpy": "numpy==2.4.6"}
COPIED = ("*.json", "*.txt", "*.model", "*.jinja")
WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "module.")
PREFIX = "base_model.model."


class Fault(Exception):
    """`code` is the exit code; the text is one line."""

    def __init__(self, code, problem, fix):
        super().__init__(f"error: convert: {problem}; fix: {fix}")
        self.code = code


def say(text):
    print(text, file=sys.stderr)


# --- reading ---------------------------------------------------------------------------------------------------------------

def load(file):
    """The named tensors of a pickle: a dictionary, or one inside `state_dict`, `model` or `module`."""
    import torch
    try:
        try:
            data = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # a file of the format before zip archives cannot be mapped
            data = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch throws at hostile files is of many types
        reason = " ".join(str(error).split())[:160]
        raise Fault(3, f"{file}: torch.load(weights_only=True) refuses it: {reason}", "get the checkpoint as safetensors") from error
    for name in ("state_dict", "model", "module"):
        if isinstance(data, dict) and isinstance(data.get(name), dict):
            say(f"{file}: the weights are under '{name}'; beside it, left out: {', '.join(sorted(set(data) - {name})) or 'nothing'}")
            data = data[name]
            break
    if not isinstance(data, dict):
        raise Fault(3, f"{file}: holds a {type(data).__name__}, not named tensors", "give a state dictionary")
    strange = [str(name) for name, value in data.items() if not (isinstance(name, str) and torch.is_tensor(value))]
    if strange:
        raise Fault(3, f"{file}: {strange[0]} is no named tensor", "give a state dictionary")
    return data


def shards_of(index):
    """Shard name -> tensor names, by the index."""
    try:
        weight_map = json.loads(index.read_text())["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise Fault(3, f"{index}: has no weight_map", "download the folder again") from error
    shards = {}
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise Fault(3, f"{index}#{name}: {shard!r} is not a plain file name", "download the folder again")
        shards.setdefault(shard, set()).add(name)
    return dict(sorted(shards.items()))


# --- writing ---------------------------------------------------------------------------------------------------------------

def save(tensors, file):
    """Writes tensors and reads them again; returns their bytes. Views of one storage become tensors of their own."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file
    seen, own = set(), {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        whole = tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
        own[name] = tensor.contiguous() if whole and storage not in seen else tensor.clone().contiguous()
        seen.add(storage)
    save_file(own, file, metadata={"format": "pt"})
    with safe_open(file, framework="pt") as written:
        if set(written.keys()) != set(tensors):
            raise Fault(4, f"{file}: other names came back than were written", "check the disk")
        for name, tensor in tensors.items():
            again = written.get_tensor(name)
            if again.dtype != tensor.dtype or again.shape != tensor.shape or not torch.equal(bits(again), bits(tensor)):
                raise Fault(4, f"{file}#{name}: another value came back than was written", "check the disk")
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def bits(tensor):
    """The bytes of a tensor, so that NaN equals NaN."""
    import torch
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def copy_descriptions(source, out):
    for pattern in COPIED:
        for file in sorted(source.glob(pattern)):
            if not file.name.endswith(".index.json"):
                shutil.copyfile(file, out / file.name)


# --- the two layouts -------------------------------------------------------------------------------------------------------

def adapter_key(name):
    """PEFT's name of an adapter tensor, or None for a tensor that is not LoRA's."""
    for wrapper in WRAPPERS:
        name = name.replace("." + wrapper, ".")
        name = name.removeprefix(wrapper)
    if ".lora_A." not in name and ".lora_B." not in name:
        return None
    at = name.find(PREFIX)
    name = name[at:] if at >= 0 else PREFIX + name
    for part in ("lora_A", "lora_B"):
        name = name.replace(f".{part}.default.", f".{part}.")
    return name


def convert_adapter(source, out):
    files = [source / name for name in ("adapter_model.bin", "model.pth") if (source / name).exists()]
    lora, extra = {}, {}
    for name, tensor in load(files[0]).items():
        if name.endswith(".position_ids"):  # a count from 0, which the authors' VideoChat2 saves beside its adapter
            continue
        key = adapter_key(name)
        if key is None:
            extra[name] = tensor
        elif key in lora:
            raise Fault(3, f"{files[0]}: {name} stands there twice, as {key}", "keep one adapter")
        else:
            lora[key] = tensor
    if not lora:
        raise Fault(3, f"{files[0]}: holds no LoRA tensors", "is it an adapter?")
    if (source / "non_lora_trainables.bin").exists():
        extra.update(load(source / "non_lora_trainables.bin"))
    shutil.copyfile(source / "adapter_config.json", out / "adapter_config.json")
    size = save(lora, out / "adapter_model.safetensors")
    say(f"adapter: {len(lora)} LoRA tensors, {size:,} bytes, equal to torch.load's")
    if extra:
        save(extra, out / "non_lora_trainables.safetensors")
        names = ", ".join(sorted(extra)[:4]) + (", …" if len(extra) > 4 else "")
        say(f"warning: {len(extra)} tensors beside LoRA are kept in non_lora_trainables.safetensors, which our programs do not "
            f"load: {names}")


def convert_sharded(source, index, out):
    shards = shards_of(index)
    weight_map, total = {}, 0
    for number, (shard, names) in enumerate(shards.items(), 1):
        if not (source / shard).exists():
            raise Fault(3, f"{source / shard}: the index names this shard, but it is missing", "download it")
        tensors = load(source / shard)
        if set(tensors) != names:
            odd = sorted(set(tensors) ^ names)[0]
            raise Fault(3, f"{source / shard}#{odd}: index and shard disagree", "download the folder again")
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        total += save(tensors, out / file)
        weight_map.update({name: file for name in tensors})
    (out / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}, indent=2) + "\n")
    copy_descriptions(source, out)
    say(f"checkpoint: {len(weight_map)} tensors in {len(shards)} shards, {total:,} bytes, equal to torch.load's")


def convert_single(file, out):
    tensors = load(file)
    size = save(tensors, out / "model.safetensors")
    copy_descriptions(file.parent, out)
    say(f"checkpoint: {len(tensors)} tensors, {size:,} bytes, equal to torch.load's")


def convert_videochat2(arguments, out):
    import join_videochat2
    file = arguments.source / "videochat2_mistral_7b_stage3.pth" if arguments.source.is_dir() else arguments.source
    if arguments.mistral is None or arguments.bert is None:
        raise Fault(2, "--mistral and --bert go together", "give both folders")
    if not file.exists():
        raise Fault(3, f"{file}: is missing", "give the pickle of the last stage")
    count, size = join_videochat2.join(load(file), arguments.mistral, arguments.bert, arguments.settings, out, save, Fault)
    say(f"checkpoint: {count} tensors of VideoChat2 and Mistral, {size:,} bytes")


def convert_longvu(arguments, out):
    import join_longvu
    if arguments.siglip is None or arguments.dinov2 is None:
        raise Fault(2, "--siglip and --dinov2 go together", "give both folders")
    try:
        model, siglip, dino = join_longvu.join(arguments.source, arguments.siglip, arguments.dinov2, out, save)
    except join_longvu.BadInput as error:
        raise Fault(3, error.problem, error.fix) from error
    say(f"checkpoint: {model:,} bytes of LongVU, {siglip:,} of SigLIP, {dino:,} of DINOv2")


def convert(source, out):
    """Recognises what `source` is and fills the empty folder `out`."""
    if source.is_file():
        return convert_single(source, out)
    if not source.is_dir():
        raise Fault(3, f"{source}: is neither a file nor a folder", "check the path")
    if (source / "adapter_config.json").exists():
        if not any((source / name).exists() for name in ("adapter_model.bin", "model.pth")):
            raise Fault(3, f"{source}: holds neither adapter_model.bin nor model.pth", "nothing is pickled here")
        return convert_adapter(source, out)
    index = source / "pytorch_model.bin.index.json"
    if index.exists():
        return convert_sharded(source, index, out)
    files = sorted(file for pattern in ("*.bin", "*.pth", "*.pt") for file in source.glob(pattern))
    if len(files) != 1:
        raise Fault(3, f"{source}: holds {len(files)} pickled files and no pytorch_model.bin.index.json",
                    "name the one file that is the checkpoint")
    return convert_single(files[0], out)


# --- command line ----------------------------------------------------------------------------------------------------------

def ensure_packages(make_venv):
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    venv = ROOT / ".venv-convert"
    if not make_venv or Path(sys.prefix) == venv:
        raise Fault(4, f"this Python ({sys.executable}) has no {', '.join(missing)}",
                    f"pip install {' '.join(PACKAGES[name] for name in missing)}, or --venv")
    if not (venv / "bin" / "python").exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(venv)])
    python = str(venv / "bin" / "python")
    subprocess.check_call([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES.values()])
    os.execv(python, [python, *sys.argv])


def run(arguments):
    ensure_packages(arguments.venv)
    out = arguments.out
    if out.exists():
        raise Fault(4, f"{out}: exists", "remove it, or choose another folder")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        if arguments.mistral or arguments.bert:
            convert_videochat2(arguments, part)
        elif arguments.siglip or arguments.dinov2:
            convert_longvu(arguments, part)
        else:
            convert(arguments.source, part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    part.rename(out)
    print(out)


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder or file")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--mistral", type=Path, help="of VideoChat2: the folder of its decoder")
    parser.add_argument("--bert", type=Path, help="of VideoChat2: the folder with vocab.txt and config.json of bert-base-uncased")
    parser.add_argument("--settings", type=Path, help="of VideoChat2: the authors' config_mistral.json, for other sizes than the published")
    parser.add_argument("--siglip", type=Path, help="of LongVU: the folder of google/siglip-so400m-patch14-384")
    parser.add_argument("--dinov2", type=Path, help="of LongVU: the folder of facebook/dinov2-giant")
    parser.add_argument("--venv", action="store_true", help="make a virtual environment where packages are missing")
    try:
        run(parser.parse_args(words))
    except Fault as fault:
        say(str(fault))
        sys.exit(fault.code)
    except OSError as error:
        say(f"error: convert: {error}; fix: check paths, permissions and disk")
        sys.exit(4)


if __name__ == "__main__":
    main()
