#!/usr/bin/env python3
"""Writes tests/golden/llava_qwen/: what the authors' own `llava` package makes of an lmms-lab checkpoint, for the C++ tests.

    python3 scripts/oracles/llava_qwen.py --rrpo-source DIR             computes the golden files
    python3 scripts/oracles/llava_qwen.py --rrpo-source DIR --check     computes them again and compares with the committed ones
    python3 scripts/oracles/llava_qwen.py --rrpo-source DIR --new       makes the random checkpoint anew as well

DIR is a checkout of the authors' repository at COMMIT. Run it with any Python 3.11: it makes its own virtual environment
.venv-oracle-llava beside the sources when packages are missing.

The checkpoint (tests/golden/llava_qwen/checkpoint) is a LlavaQwenForCausalLM as the package saves it: random values, unusual
dimensions, bfloat16, a tower of three layers of which the package runs two, a grid of 27 x 27 patches of which one pixel row and
column stay unused. Its config.json alone says more than an lmms-lab one: `vision_config`, the tower's size, which the package
takes from the tower's own folder. That folder stands in a temporary Hugging Face cache, with other values than the checkpoint's.

What stands in for what, everything that computes being the package's:
  cv2, imageio      empty modules: imported at the top of llava/utils.py, used by functions that are not called
  decord            VideoReader (length, rate, frames) over PyAV, for process_video_with_decord's sampling and times
  preprocess_qwen   taken out of train_llavavideo.py by its syntax tree, the module needing DeepSpeed; likewise the two statements
                    of llava/train/train.py that write the time sentence
  softmax, RMSNorm  in float64 without their casts to float32; the tables of RoPE stay in float32
  image processor   the package's class with size=55 (its default, 384, belongs to the real tower)
  tower.config      for stills: that of the tower that is there, the package asking its own constants for the side of a tile

Values are computed in float64 and kept in float32; greedy tokens are those of float32, by the package's `generate`.
"""
import argparse
import ast
import copy
import json
import math
import os
import subprocess
import sys
import tempfile
import types
import typing
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "llava_qwen"
CHECKPOINT = GOLDEN / "checkpoint"
COMMIT = "a90557376ee10b93b5e07a698a46da652dfebeb7"
PACKAGES = ["torch==2.11.0", "torchvision==0.26.0", "transformers==4.40.0", "tokenizers==0.19.1", "huggingface_hub==0.28.1",
            "safetensors==0.8.0", "einops==0.8.1", "Pillow==11.2.1", "numpy==2.4.6", "av==18.1.0", "jinja2==3.1.6"]
SIDE = 55
TOWER = {"hidden_size": 20, "intermediate_size": 26, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": SIDE,
         "patch_size": 2, "layer_norm_eps": 1e-4}
TOWER_NAME = "google/siglip-so400m-patch14-384"
POOLS = ("bilinear", "average", "max")
NEWLINES = ("grid", "frame", "one_token", "no_token")
LAYOUTS = [("bilinear", "grid"), ("average", "grid")]  # those that the decoder runs on: training, and the authors' evaluation

# frames, height, width, seed; question
CLIPS = [(2, 40, 60, 5, "Which way does the first object move? (A) up (B) left (C) right (D) down"),
         (3, 96, 71, 11, "Is there a red square in the café?")]
CONVERSATIONS = [("Which way does it move?", "(C) right"),
                 ("Describe the video.", "In this video, a red square\nmoves to the left.\n\nThen it stops."),
                 ("Line one\nline two?", "Yes, it does.\n")]
PINPOINTS = [[SIDE * width, SIDE * height] for width in (1, 2) for height in (1, 2, 3)]
# height, width, seed of stills: long ones, a square, one that is shrunk, one whose size meets a whole number of patches but for rounding
PICTURES = [(60, 150, 1), (170, 61, 2), (50, 50, 3), (180, 119, 4), (187, 198, 5), (27, 81, 6)]
PICTURE_ROWS = 401
VIDEO, VIDEO_FRAMES = ROOT / "tests" / "fixtures" / "bframes.mp4", 4
GREEDY_TOKENS = 32
LOGIT_ROWS = 3
PROJECTIONS = 4


def picture(height, width, seed):
    """uint8 [height, width, 3], the same integers in C++."""
    import numpy as np
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    value = x * 31 + y * 17 + c * 101 + seed * 7 + (x * x + 3 * y * y + x * y * seed) // 8
    return (value.astype(np.int64) & 255).astype(np.uint8)


def signs(count, projection):
    """+1 or -1 for each of `count` elements, from a hash of 64 bits that C++ computes too."""
    import numpy as np
    with np.errstate(over="ignore"):
        h = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
             + np.uint64(projection + 1) * np.uint64(0xBF58476D1CE4E5B9))
        h ^= h >> np.uint64(31)
        h *= np.uint64(0x94D049BB133111EB)
        h ^= h >> np.uint64(29)
    return (h & np.uint64(1)).astype(np.float64) * 2 - 1


def fingerprint(tensor):
    """Norm and PROJECTIONS products with signs."""
    import torch
    flat = tensor.detach().double().reshape(-1)
    return [float(flat.norm())] + [float(flat @ torch.from_numpy(signs(flat.numel(), k))) for k in range(PROJECTIONS)]


# --- the package -----------------------------------------------------------------------------------------------------------

class VideoReader:
    """The part of decord's that process_video_with_decord reads."""

    def __init__(self, file, ctx=None, num_threads=1):
        import av
        with av.open(str(file)) as container:
            self.rate = float(container.streams.video[0].average_rate)
            self.frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    def __len__(self):
        return len(self.frames)

    def get_avg_fps(self):
        return self.rate

    def get_batch(self, indices):
        import numpy as np
        batch = np.stack([self.frames[i] for i in indices])
        return types.SimpleNamespace(asnumpy=lambda: batch)

    def seek(self, _):
        pass


def open_package(source):
    """Makes `import llava` the authors'."""
    for name in ("cv2", "imageio"):
        sys.modules[name] = types.ModuleType(name)
    decord = types.ModuleType("decord")
    decord.VideoReader, decord.cpu = VideoReader, lambda number: number
    sys.modules["decord"] = decord
    sys.path.insert(0, str(source))
    with silence():
        import llava.model.language_model.llava_qwen  # noqa: F401


def silence():
    import contextlib
    return contextlib.redirect_stdout(open(os.devnull, "w"))


def check_source(source):
    """The folder must be a checkout at COMMIT."""
    head = subprocess.run(["git", "-C", str(source), "rev-parse", "HEAD"], capture_output=True, text=True)
    top = subprocess.run(["git", "-C", str(source), "rev-parse", "--show-toplevel"], capture_output=True, text=True)
    if head.returncode != 0 or Path(top.stdout.strip()).resolve() != source.resolve():
        raise SystemExit(f"{source}: no checkout of the authors' repository (pritamqu/RRPO at {COMMIT})")
    if head.stdout.strip() != COMMIT:
        raise SystemExit(f"{source}: is at {head.stdout.strip()}, not at {COMMIT}")


def tower_cache(folder):
    """A cache that holds a random tower under the name that lmms-lab's configurations give, as LlavaQwenModel fetches it."""
    import torch
    from llava.model.multimodal_encoder.siglip_encoder import SigLipVisionConfig, SigLipVisionModel
    repository = folder / "hub" / ("models--" + TOWER_NAME.replace("/", "--"))
    snapshot = repository / "snapshots" / "0"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text("0")
    torch.manual_seed(3)
    SigLipVisionModel(SigLipVisionConfig(**TOWER)).save_pretrained(snapshot)


def configuration(vocabulary):
    from llava.model.language_model.llava_qwen import LlavaQwenConfig
    return LlavaQwenConfig(
        vocab_size=vocabulary, hidden_size=36, intermediate_size=38, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=777.0, max_position_embeddings=2048, use_sliding_window=False,
        mm_vision_tower=TOWER_NAME, mm_hidden_size=TOWER["hidden_size"], mm_projector_type="mlp2x_gelu", mm_vision_select_layer=-2,
        mm_vision_select_feature="patch", mm_patch_merge_type="spatial_unpad", mm_newline_position="grid",
        mm_spatial_pool_mode="bilinear", mm_spatial_pool_stride=2, image_aspect_ratio="anyres_max_4",
        image_grid_pinpoints=PINPOINTS, add_faster_video=False, mm_use_im_start_end=False, mm_use_im_patch_token=False,
        mm_tunable_parts="mm_vision_tower,mm_mlp_adapter,mm_language_model", tokenizer_model_max_length=32768,
        tokenizer_padding_side="right", use_pos_skipping=False, pos_skipping_range=4096,
        vision_config=TOWER | {"model_type": "siglip_vision_model"})


# Qwen2's own template, in which no video occurs: it stands in the tokenizer's file of every model that was made from one.
QWEN2_TEMPLATE = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
                  "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
                  "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
                  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def write_tokenizer(folder):
    """The toy tokenizer with Qwen2's special tokens only, in the form of transformers 4."""
    toy = ROOT / "data" / "toy" / "tokenizer"
    tokenizer = json.loads((toy / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["content"].startswith("<|")]
    model = tokenizer["model"]
    model["merges"] = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n")
    settings = json.loads((toy / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"] = {k: v for k, v in settings["added_tokens_decoder"].items() if v["content"].startswith("<|")}
    settings |= {"additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "model_max_length": 32768, "chat_template": QWEN2_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def make_checkpoint(folder):
    """Values large enough that every part of the model shows in the logits."""
    import torch
    from llava.model.language_model.llava_qwen import LlavaQwenForCausalLM
    from transformers import AutoTokenizer
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with silence():
        model = LlavaQwenForCausalLM(configuration(len(tokenizer) + 3))
    generator = torch.Generator().manual_seed(20265)
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
                p.copy_(centre + (0.8 if name.endswith("image_newline") else 0.2) * value)
            else:
                gain = 1.0 if "embed_tokens" in name or "position" in name else 1.3 / math.sqrt(p[0].numel())
                p.copy_(gain * value)
    ids = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = ids, ids[1]
    model.to(torch.bfloat16).save_pretrained(folder)


class Original:
    """The checkpoint in the package, in float32 or float64."""

    def __init__(self, dtype):
        from llava.model.language_model.llava_qwen import LlavaQwenForCausalLM
        with silence():
            self.model = LlavaQwenForCausalLM.from_pretrained(CHECKPOINT, torch_dtype=dtype, attn_implementation="sdpa").eval()
        self.dtype = dtype
        layers = self.model.get_vision_tower().vision_tower.vision_model.encoder.layers
        assert len(layers) == TOWER["num_hidden_layers"] - 1

    def lay(self, pool, newline):
        self.model.config.mm_spatial_pool_mode, self.model.config.mm_newline_position = pool, newline

    def splice(self, ids, pixels):
        """Embeddings of the whole prompt and the number of visual rows in it."""
        import torch
        embeds = self.model.prepare_inputs_labels_for_multimodal(torch.tensor([ids]), None, None, None, None, [pixels.to(self.dtype)],
                                                                 ["video"])[4]
        return embeds, embeds.shape[1] - len(ids) + 1

    def logits(self, ids, pixels):
        return self.model(inputs_embeds=self.splice(ids, pixels)[0]).logits[0]


def lift_casts():
    """Softmax and RMSNorm of the package in float64 where they are given float64."""
    import torch
    from transformers.models.qwen2 import modeling_qwen2
    softmax = torch.nn.functional.softmax

    def wide_softmax(x, dim=None, dtype=None, **rest):
        return softmax(x, dim=dim, dtype=None if x.dtype == torch.float64 else dtype, **rest)

    def wide_rms_norm(self, hidden):
        wide = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * wide.to(hidden.dtype)

    torch.nn.functional.softmax = wide_softmax
    modeling_qwen2.Qwen2RMSNorm.forward = wide_rms_norm


# --- prompts and labels ----------------------------------------------------------------------------------------------------

def extract(file, wanted, scope):
    """Statements and functions of a Python file that `wanted` accepts, compiled one by one; functions are defined in `scope`."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if not wanted(node):
            continue
        code = compile(ast.Module([node], []), str(file), "exec")
        found.append(code)
        if isinstance(node, ast.FunctionDef):
            exec(code, scope)
    return found


def preprocess_qwen(source):
    import torch
    import transformers
    from llava.constants import IGNORE_INDEX, IMAGE_TOKEN_INDEX
    scope = {"copy": copy, "torch": torch, "transformers": transformers, "Dict": typing.Dict, "IGNORE_INDEX": IGNORE_INDEX,
             "IMAGE_TOKEN_INDEX": IMAGE_TOKEN_INDEX}
    extract(source / "train_llavavideo.py", lambda node: isinstance(node, ast.FunctionDef) and node.name == "preprocess_qwen", scope)
    return scope["preprocess_qwen"]


def time_statements(source):
    """The sentence, then the human's turn with it."""
    def assigns(node):
        if not isinstance(node, ast.Assign):
            return False
        target = ast.unparse(node.targets[0])
        return target == "time_instruciton" or (target.startswith("sources[0]") and "time_instruciton" in ast.unparse(node.value))
    found = extract(source / "llava" / "train" / "train.py", assigns, {})
    assert len(found) == 2
    return found


def timed_question(source, question):
    """The human's turn of LLaVA-NeXT's training set for VIDEO, and what it is made of."""
    from llava.constants import DEFAULT_IMAGE_TOKEN
    from llava.utils import process_video_with_decord
    settings = types.SimpleNamespace(video_fps=1, frames_upbound=VIDEO_FRAMES, force_sample=True)
    _, video_time, frame_time, number = process_video_with_decord(str(VIDEO), settings)
    scope = {"video_time": video_time, "num_frames_to_sample": number, "frame_time": frame_time, "DEFAULT_IMAGE_TOKEN": DEFAULT_IMAGE_TOKEN,
             "sources": [{"conversations": [{"value": f"{DEFAULT_IMAGE_TOKEN}\n{question}"}]}]}
    for statement in time_statements(source):
        exec(statement, scope)
    return scope["sources"][0]["conversations"][0]["value"], scope["time_instruciton"], video_time


def evaluation_prompt(tokenizer, human):
    """As llava/load_llavavideo.py writes it."""
    from llava.constants import IMAGE_TOKEN_INDEX
    from llava.conversation import conv_templates
    from llava.mm_utils import tokenizer_image_token
    conversation = conv_templates["qwen_1_5"].copy()
    conversation.append_message(conversation.roles[0], human)
    conversation.append_message(conversation.roles[1], None)
    text = conversation.get_prompt()
    return text, tokenizer_image_token(text, tokenizer, IMAGE_TOKEN_INDEX)


def conversation_goldens(tokenizer, source):
    """Ids and labels of training; the video is one id, -200."""
    from llava.constants import IGNORE_INDEX
    train = preprocess_qwen(source)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    for question, answer in CONVERSATIONS:
        made = train([[{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]], tokenizer, has_image=True)
        ids, labels = made["input_ids"][0].tolist(), made["labels"][0].tolist()
        text, prompt = evaluation_prompt(tokenizer, f"<image>\n{question}")
        assert ids[:len(prompt)] == prompt, "training and evaluation write other prompts"
        last = len(ids) - 1 - ids[::-1].index(end)
        yield {"question": question, "answer": answer, "prompt": text, "ids": ids,
               "official": [i for i, label in enumerate(labels) if label != IGNORE_INDEX],
               "answer_eos": list(range(len(prompt), last + 1))}


def time_goldens(tokenizer, source):
    question = "What happens first?"
    human, sentence, seconds = timed_question(source, question)
    text, ids = evaluation_prompt(tokenizer, human)
    return {"video": str(VIDEO.relative_to(ROOT)), "frames": VIDEO_FRAMES, "sampling": "linspace", "question": question,
            "duration_s": seconds, "sentence": sentence, "prompt": text, "ids": ids}


# --- stages ----------------------------------------------------------------------------------------------------------------

def image_processor():
    from llava.model.multimodal_encoder.siglip_encoder import SigLipImageProcessor
    return SigLipImageProcessor(size=(SIDE, SIDE), crop_size={"height": SIDE, "width": SIDE})


def to_pixels(clip):
    import torch
    count, height, width, seed, _ = clip
    values = image_processor().preprocess([picture(height, width, seed + i) for i in range(count)], return_tensors="pt")["pixel_values"]
    assert values.dtype == torch.float32
    return values


def some_rows(tensor, step=37):
    """Rows of [N, D] that both sides pick: every 37th, and the last."""
    import torch
    rows = list(range(0, tensor.shape[0], step)) + [tensor.shape[0] - 1]
    return tensor[torch.tensor(rows)].float().contiguous()


def stage_goldens(exact, pixels, number, tensors):
    """Tower, projector, and visual tokens in every pooling and layout."""
    features = exact.model.get_vision_tower()(pixels.to(exact.dtype))
    projected = exact.model.get_model().mm_projector(features)
    stages = {"tower": features.flatten(0, 1), "projector": projected.flatten(0, 1)}
    for pool in POOLS:
        for newline in NEWLINES:
            exact.lay(pool, newline)
            embeds, count = exact.splice([0, -200], pixels)
            stages[f"{pool}.{newline}"] = embeds[0, 1:]
            assert count == len(embeds[0]) - 1
    for name, value in stages.items():
        tensors[f"{name}.{number}"] = some_rows(value)
    return {name: {"rows": len(value), "fingerprint": fingerprint(value)} for name, value in stages.items()}


def greedy(model, ids, pixels):
    """32 tokens by the package's generate, and the least distance between the best and the second best logit."""
    import torch
    made = model.model.generate(torch.tensor([ids]), images=[pixels], modalities=["video"], do_sample=False, temperature=None, top_p=None,
                                top_k=None, num_beams=1, use_cache=True, max_new_tokens=GREEDY_TOKENS, eos_token_id=-1, pad_token_id=0)[0].tolist()
    rows = model.logits(ids + made, pixels)[-len(made) - 1:-1]
    assert rows.argmax(-1).tolist() == made
    best = rows.topk(2).values
    return made, float((best[:, 0] - best[:, 1]).min())


def run_goldens(model, exact, ids, pixels, number, tensors):
    for pool, newline in LAYOUTS:
        for one in (model, exact):
            one.lay(pool, newline)
        tokens, margin = greedy(model, ids, pixels)
        assert margin > 1e-3, f"clip {number}: greedy margin {margin}"
        logits = exact.logits(ids + tokens[:LOGIT_ROWS - 1], pixels)[-LOGIT_ROWS:]
        tensors[f"logits.{pool}.{number}"] = logits.float().contiguous()
        yield pool, {"greedy": tokens, "greedy_margin": margin}


def clip_goldens(tokenizer, tensors):
    import numpy as np
    import torch
    model, exact = Original(torch.float32), Original(torch.float64)
    for number, clip in enumerate(CLIPS):
        count, height, width, seed, question = clip
        pixels = to_pixels(clip)
        flat = pixels.numpy().reshape(-1)
        where = np.linspace(0, flat.size - 1, 24).astype(int)
        text, ids = evaluation_prompt(tokenizer, f"<image>\n{question}")
        yield {"frames": count, "height": height, "width": width, "seed": seed, "question": question, "prompt": text, "ids": ids,
               "pixels": {"shape": list(pixels.shape), "crc32": zlib.crc32(pixels.numpy().tobytes()), "at": where.tolist(),
                          "values": [float(v) for v in flat[where]]},
               "stages": stage_goldens(exact, pixels, number, tensors),
               "runs": dict(run_goldens(model, exact, ids, pixels, number, tensors))}


def picture_goldens(tensors):
    """Stills as process_anyres_image cuts them and prepare_inputs_labels_for_multimodal puts them together."""
    import torch
    from llava.mm_utils import process_anyres_image
    from PIL import Image
    exact = Original(torch.float64)
    tower = exact.model.get_vision_tower()
    tower.config = tower.vision_tower.config
    for number, (height, width, seed) in enumerate(PICTURES):
        tiles = process_anyres_image(Image.fromarray(picture(height, width, seed)), image_processor(), PINPOINTS)
        embeds = exact.model.prepare_inputs_labels_for_multimodal(torch.tensor([[0, -200]]), None, None, None, None, [tiles.to(exact.dtype)],
                                                                  ["image"], [(width, height)])[4]
        visual = embeds[0, 1:]
        tensors[f"picture.{number}"] = some_rows(visual, PICTURE_ROWS)
        yield {"height": height, "width": width, "seed": seed, "tiles": len(tiles), "crc32": zlib.crc32(tiles.numpy().tobytes()),
               "rows": len(visual), "fingerprint": fingerprint(visual)}


def goldens(source):
    import torch
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    tensors = {}
    with torch.no_grad():
        clips = list(clip_goldens(tokenizer, tensors))
        pictures = list(picture_goldens(tensors))
    return {"recipe": "scripts/oracles/llava_qwen.py --rrpo-source DIR", "commit": COMMIT, "versions": versions(), "clips": clips, "pictures": pictures,
            "conversations": list(conversation_goldens(tokenizer, source)), "time": time_goldens(tokenizer, source)}, tensors


# --- files -----------------------------------------------------------------------------------------------------------------

def versions():
    import av, numpy, PIL, tokenizers, torch, transformers
    return {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, PIL, numpy, av)}


def write(golden, tensors):
    from safetensors.torch import save_file
    rows = []
    for key, value in golden.items():
        inner = "[\n" + ",\n".join("  " + json.dumps(v) for v in value) + "\n ]" if isinstance(value, list) else json.dumps(value)
        rows.append(f" {json.dumps(key)}: {inner}")
    (GOLDEN / "golden.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    save_file({k: v.detach().clone() for k, v in tensors.items()}, GOLDEN / "golden.safetensors")
    print(f"{GOLDEN}: {sum(f.stat().st_size for f in GOLDEN.rglob('*') if f.is_file())} bytes")


def differences(old, new, at=""):
    """Places where two JSON values differ: numbers by more than a millionth of their size, anything else at all."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in ("versions", "greedy_margin"):
                yield from differences(old.get(key), new.get(key), f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new)):
            yield from differences(a, b, f"{at}[{i}]")
    elif isinstance(old, float) and isinstance(new, float):
        if abs(old - new) > 1e-6 * max(1, abs(old)):
            yield f"{at}: {old} is now {new}"
    elif old != new:
        yield f"{at}: {old} is now {new}"


def compare(golden, tensors):
    from safetensors.torch import load_file
    faults = list(differences(json.loads((GOLDEN / "golden.json").read_text()), json.loads(json.dumps(golden))))
    old = load_file(GOLDEN / "golden.safetensors")
    for name in sorted(old.keys() | tensors.keys()):
        if name not in old or name not in tensors or old[name].shape != tensors[name].shape:
            faults.append(f"{name}: another shape, or only on one side")
        elif float((old[name] - tensors[name]).abs().max()) > 2e-6 * float(old[name].abs().max()):
            faults.append(f"{name}: differs by {float((old[name] - tensors[name]).abs().max())}")
    if faults:
        raise SystemExit(f"{GOLDEN}: {len(faults)} differences\n" + "\n".join(faults[:20]))
    print(f"{GOLDEN}: {len(tensors)} tensors and all numbers agree")


def ensure_packages():
    """Runs this script again inside the virtual environment when its packages are missing here."""
    try:
        import av, einops, numpy, PIL, torch, transformers  # noqa: E401, F401
        if transformers.__version__.startswith("4.40."):
            return
    except ImportError:
        pass
    python = ROOT / ".venv-oracle-llava" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, required=True, help="checkout of the authors' repository")
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the random checkpoint anew")
    arguments = parser.parse_args()
    check_source(arguments.rrpo_source)
    with tempfile.TemporaryDirectory() as cache:
        os.environ |= {"HF_HOME": cache, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": "1"}
        ensure_packages()
        import torch
        torch.set_num_threads(1)
        open_package(arguments.rrpo_source)
        tower_cache(Path(cache))
        if arguments.new or not CHECKPOINT.exists():
            make_checkpoint(CHECKPOINT)
        lift_casts()
        golden, tensors = goldens(arguments.rrpo_source)
        if arguments.check:
            compare(golden, tensors)
        else:
            write(golden, tensors)


if __name__ == "__main__":
    main()
