"""Joins the three folders of a LongVU model into one; scripts/convert_checkpoint.py calls it.

The model's own folder (Vision-CAIR/LongVU_Qwen2_7B) holds the decoder and the connector but no towers; the authors' code
fetches those by name: google/siglip-so400m-patch14-384 and facebook/dinov2-giant. The joined folder holds
  model-00001-of-0000N.safetensors …, model.safetensors.index.json   the tensors of all three, no value or type changed: the
      model's under their own names, SigLIP's as model.vision_tower_aux_0.vision_model.…, DINOv2's as
      model.vision_tower_aux_1.…
  config.json      the model's, with the towers' as vision_config_aux_0 and vision_config_aux_1
  preprocessor_config_aux_0.json, preprocessor_config_aux_1.json      the towers' own, where they have one
  tokenizer files, generation_config.json      the model's
Left out: SigLIP's text half, its pooling head and its two scalars, DINOv2's mask token: the model uses none of them.
"""
import json
import shutil
from pathlib import Path

TOPS = ("model.vision_tower_aux_0.", "model.vision_tower_aux_1.")
COPIED = ("tokenizer*.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json", "generation_config.json",
          "chat_template.jinja")
SHARD_BYTES = 5 << 30


class BadInput(Exception):
    """One line about a folder that is not what it should be, and what to do."""

    def __init__(self, problem, fix):
        super().__init__(problem)
        self.problem, self.fix = problem, fix


def read_json(file):
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: {error}", "download the folder again") from error


def files_of(folder):
    """The safetensors files of a checkpoint folder."""
    index = folder / "model.safetensors.index.json"
    names = sorted(set(read_json(index).get("weight_map", {}).values())) if index.exists() else ["model.safetensors"]
    if any(Path(name).name != name for name in names):
        raise BadInput(f"{index}: names files outside the folder", "download the folder again")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise BadInput(f"{folder}: has no {missing[0]}", "convert a folder of pickles by itself first")
    return [folder / name for name in names]


def joined_name(part, name):
    """What the tensor `name` of MODEL (0), SIGLIP (1) or DINOV2 (2) is called in the joined folder; empty: left out."""
    if part == 0:
        return name
    if part == 1:
        known = name.startswith("vision_model.") and not name.startswith("vision_model.head.") and not name.endswith(".position_ids")
        return TOPS[0] + name if known else ""
    bare = name.removeprefix("dinov2.")
    return TOPS[1] + bare if bare.startswith(("embeddings.", "encoder.", "layernorm.")) and bare != "embeddings.mask_token" else ""


def configuration(model, siglip, dino):
    config, eye, other = (read_json(folder / "config.json") for folder in (model, siglip, dino))
    if config.get("model_type") != "cambrian_qwen":
        raise BadInput(f"{model}/config.json: model_type is {config.get('model_type')!r}, not 'cambrian_qwen'", "give LongVU_Qwen2_7B")
    eye = eye.get("vision_config", eye)
    if eye.get("model_type") != "siglip_vision_model":
        raise BadInput(f"{siglip}/config.json: no vision_config of the type siglip_vision_model", "give siglip-so400m-patch14-384")
    if other.get("model_type") != "dinov2":
        raise BadInput(f"{dino}/config.json: model_type is {other.get('model_type')!r}, not 'dinov2'", "give dinov2-giant")
    return config | {"vision_config_aux_0": eye, "vision_config_aux_1": other}


class Shards:
    """Writes tensors to files of at most SHARD_BYTES each."""

    def __init__(self, out, save):
        self.out, self.save, self.files, self.waiting, self.bytes, self.total = out, save, [], {}, 0, 0

    def add(self, name, tensor):
        size = tensor.numel() * tensor.element_size()
        if self.waiting and self.bytes + size > SHARD_BYTES:
            self.flush()
        self.waiting[name] = tensor.contiguous()
        self.bytes, self.total = self.bytes + size, self.total + size

    def flush(self):
        file = self.out / f"part-{len(self.files)}.safetensors"
        self.save(self.waiting, file)
        self.files.append((file, list(self.waiting)))
        self.waiting, self.bytes = {}, 0

    def close(self):
        if self.waiting:
            self.flush()
        if len(self.files) == 1:
            self.files[0][0].rename(self.out / "model.safetensors")
            return
        where = {}
        for number, (file, names) in enumerate(self.files):
            name = f"model-{number + 1:05}-of-{len(self.files):05}.safetensors"
            file.rename(self.out / name)
            where |= dict.fromkeys(names, name)
        index = {"metadata": {"total_size": self.total}, "weight_map": dict(sorted(where.items()))}
        (self.out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def join(model, siglip, dino, out, save):
    """Joins three folders; see above. `save(tensors, file)` writes one file. Returns the bytes taken of each folder; raises
    BadInput."""
    from safetensors import safe_open
    config = configuration(model, siglip, dino)
    out.mkdir(parents=True, exist_ok=True)
    shards, counts = Shards(out, save), []
    for part, folder in enumerate((model, siglip, dino)):
        before = shards.total
        for file in files_of(folder):
            with safe_open(file, framework="pt") as tensors:
                for name in tensors.keys():
                    if joined_name(part, name):
                        shards.add(joined_name(part, name), tensors.get_tensor(name))
        counts.append(shards.total - before)
        if not counts[-1]:
            raise BadInput(f"{folder}: none of its tensors belongs here", "give the folders in the order model, SigLIP, DINOv2")
    shards.close()
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for number, folder in enumerate((siglip, dino)):
        if (folder / "preprocessor_config.json").exists():
            shutil.copyfile(folder / "preprocessor_config.json", out / f"preprocessor_config_aux_{number}.json")
    for pattern in COPIED:
        for file in model.glob(pattern):
            shutil.copyfile(file, out / file.name)
    return counts
