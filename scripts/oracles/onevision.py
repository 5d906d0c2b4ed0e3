#!/usr/bin/env python3
"""Writes tests/golden/onevision/: what transformers, PEFT and torch make of LLaVA-OneVision checkpoints, for the C++ tests.

    python3 scripts/oracles/onevision.py                        all cases whose checkpoint is there
    python3 scripts/oracles/onevision.py --case toy             one case
    python3 scripts/oracles/onevision.py --check                computes everything again and compares with what is committed
    python3 scripts/oracles/onevision.py --new                  makes the random checkpoint and the adapters anew as well

Run it with any Python 3.10+: it makes its own virtual environment .venv-oracle beside the sources when one is missing.

A case is a checkpoint folder and a folder of golden files: `tiny` (a random model with unusual dimensions, made here and
committed under tests/golden/onevision/tiny/checkpoint) and `toy` (data/toy/base). Each holds
  golden.json         prompts, pairs, ids, check sums, per-token numbers, losses, versions
  golden.safetensors  visual tokens, logits, gradients and movements
  adapter/            a PEFT adapter with B != 0
Clips are integer formulas that both sides compute (see `picture`). Answers run one by one through the model, in full and
without a cache, so nothing here resembles the packed rows that are tested. All but the greedy tokens is computed in float64:
RMSNorm, which casts to float32 in transformers, is replaced by the same formula in float64; the tables of RoPE stay in float32.

Gradients and movements of a tensor are kept as its norm and its products with PROJECTIONS vectors of random signs: the mean
square of the products of a difference is the expectation of its squared norm.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "onevision"
# The wheel of torch links the CUDA libraries. Where they are not installed, every one of NVIDIA's packages that torch names is
# needed; `pip install torch==2.11.0` with dependencies does it.
PACKAGES = ["torch==2.11.0", "torchvision==0.26.0", "transformers==5.23.0", "peft==0.21.2", "accelerate==1.15.0", "tokenizers==0.23.3",
            "safetensors==0.8.0", "Pillow==11.2.1", "numpy==2.4.6", "av==18.1.0"]
CASES = {"tiny": (GOLDEN / "tiny" / "checkpoint", 3, 7), "toy": (ROOT / "data" / "toy" / "base", 1, 3)}

# frames, height, width, seed; question
CLIPS = [(2, 40, 60, 5, "Which way does the first object move? (A) up (B) left (C) right (D) down"),
         (5, 53, 37, 11, "Is there a red square in the café?"),
         (8, 96, 128, 23, "Describe the video.")]
# clip, question, chosen and rejected as alternating plain and marked pieces (the odd ones are marked)
PAIRS = [(0, "Which way does the first object move? (A) up (B) left (C) right (D) down", ["", "(C) right"], ["", "(B) left"]),
         (2, "Describe the video.",
          ["In this video, the ", "red", " object is a ", "square", " and it moves ", "to the left", "."],
          ["In this video, a ", "blue circle", " at the café moves ", "up", ", then a second object appears in the corner."]),
         (2, "Is there a green triangle?", ["No, there is ", "none", "."], ["", "Yes", "."])]
GREEDY_TOKENS = 20
LOGIT_ROWS = 3
OBJECTIVES = {"rrpo": {"alpha": 0.05, "beta": 0.5}, "dpo": {"beta": 0.1}, "sft": {}}
ADAMW = {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}
ADAMW_STEPS = 3
PROJECTIONS = 4


def picture(height, width, seed):
    """uint8 [height, width, 3]: smooth in places, sharp in others, the same integers in C++."""
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
    """Norm and PROJECTIONS products with signs, float64."""
    import torch
    flat = tensor.detach().double().reshape(-1)
    products = [float(flat @ torch.from_numpy(signs(flat.numel(), k))) for k in range(PROJECTIONS)]
    return torch.tensor([float(flat.norm()), *products], dtype=torch.float64)


# --- the random checkpoint -------------------------------------------------------------------------------------------------

def tiny_config(vocabulary, video_id, image_id, tied):
    from transformers import LlavaOnevisionConfig, Qwen2Config, SiglipVisionConfig
    text = Qwen2Config(vocab_size=vocabulary, hidden_size=36, intermediate_size=38, num_hidden_layers=3, num_attention_heads=6,
                       num_key_value_heads=2, rms_norm_eps=1e-5, max_position_embeddings=512, tie_word_embeddings=tied,
                       rope_parameters={"rope_type": "default", "rope_theta": 777.0})
    vision = SiglipVisionConfig(hidden_size=30, intermediate_size=34, num_hidden_layers=3, num_attention_heads=3, image_size=37,
                                patch_size=5, layer_norm_eps=1e-4, vision_use_head=False)
    return LlavaOnevisionConfig(vision_config=vision, text_config=text, image_token_index=image_id, video_token_index=video_id,
                                image_grid_pinpoints=[[37, 37]], tie_word_embeddings=tied)


def randomise(model, seed):
    """Values large enough that every part of the model shows in the logits."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
                p.copy_(centre + 0.2 * value)
            else:
                fan_in = p[0].numel()
                gain = 1.0 if "embed_tokens" in name or "position" in name else 1.3 / math.sqrt(fan_in)
                p.copy_(gain * value)


def make_tiny(folder):
    from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "data" / "toy" / "tokenizer")
    video_id, image_id = (tokenizer.convert_tokens_to_ids(t) for t in ("<video>", "<image>"))
    vocabulary = len(tokenizer) + 3
    model = LlavaOnevisionForConditionalGeneration(tiny_config(vocabulary, video_id, image_id, tied=False))
    randomise(model, 20264)
    model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids("<|im_end|>"), tokenizer.convert_tokens_to_ids("<|endoftext|>")]
    model.save_pretrained(folder)
    settings = {"size": {"height": 37, "width": 37}, "image_mean": [0.48, 0.45, 0.41], "image_std": [0.27, 0.26, 0.28]}
    LlavaOnevisionProcessor(LlavaOnevisionImageProcessorPil(image_grid_pinpoints=[[37, 37]], **settings), tokenizer,
                            LlavaOnevisionVideoProcessor(**settings), num_image_tokens=49, vision_feature_select_strategy="full",
                            chat_template=tokenizer.chat_template).save_pretrained(folder)
    tied = folder.parent / "tied_config.json"
    tied.write_text(tiny_config(vocabulary, video_id, image_id, tied=True).to_json_string())


def make_adapter(folder, model, rank, alpha, seed):
    """Full module names as targets: bare leaf names would also hit the vision tower."""
    import torch
    from peft import LoraConfig, get_peft_model
    leaves = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    targets = [n for n, _ in model.named_modules() if "language_model.layers" in n and n.endswith(leaves)]
    adapted = get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_A" in name:
                p.copy_(torch.randn(p.shape, generator=generator) / math.sqrt(p.shape[1]))
            elif "lora_B" in name:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = ""  # a path of this machine
    config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


# --- one case --------------------------------------------------------------------------------------------------------------

class Case:
    """A checkpoint with its tokenizer, its pixels and its model in float32 or float64."""

    def __init__(self, folder):
        from transformers import AutoTokenizer
        self.folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        jinja = folder / "chat_template.jinja"
        self.template = jinja.read_text() if jinja.exists() else None
        self.end_of_turn = self.tokenizer.convert_tokens_to_ids("<|im_end|>")
        self.video_id = self.tokenizer.convert_tokens_to_ids("<video>")
        self.pixels = [self.to_pixels(clip) for clip in CLIPS]

    def model(self, dtype):
        from transformers import LlavaOnevisionForConditionalGeneration
        model = LlavaOnevisionForConditionalGeneration.from_pretrained(self.folder, dtype=dtype, attn_implementation="sdpa")
        return model.eval()

    def processor_settings(self):
        nested = self.folder / "processor_config.json"
        json_of = json.loads(nested.read_text())["video_processor"] if nested.exists() else \
            json.loads((self.folder / "preprocessor_config.json").read_text())
        return {key: json_of[key] for key in ("size", "image_mean", "image_std", "resample", "rescale_factor")}

    def to_pixels(self, clip):
        """[F, 3, S, S] float32 by the image processor that resizes with Pillow."""
        import torch
        from PIL import Image
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
        count, height, width, seed, _ = clip
        frames = [Image.fromarray(picture(height, width, seed + i)) for i in range(count)]
        values = SiglipImageProcessorPil(**self.processor_settings())(images=frames, return_tensors="pt")["pixel_values"]
        assert values.dtype == torch.float32
        return values

    def prompt_ids(self, question, clip, visual_tokens):
        content = [{"type": "video"}, {"type": "text", "text": question}]
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], chat_template=self.template,
                                                  tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(text.replace("<video>", "<video>" * visual_tokens), add_special_tokens=False)["input_ids"]
        self.check_with_processor(text, clip, ids)
        return ids

    def check_with_processor(self, text, clip, ids):
        """Where the folder has a video processor, the whole processor must write the same ids."""
        if not (self.folder / "processor_config.json").exists():
            return
        from transformers import AutoProcessor
        count, height, width, seed, _ = CLIPS[clip]
        frames = [picture(height, width, seed + i) for i in range(count)]
        import numpy as np
        theirs = AutoProcessor.from_pretrained(self.folder)(text=[text], videos=[np.stack(frames)])["input_ids"][0]
        assert list(theirs) == ids, "the processor writes other ids"


def answer_of(case, pieces):
    """Text, byte spans, ids with end of turn, and the 1-based number of the span that marks each token."""
    text, spans = "", []
    for i, piece in enumerate(pieces):
        if i % 2 == 1:
            spans.append([len(text.encode()), len((text + piece).encode())])
        text += piece
    encoded = case.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    phrase = []
    for begin, end in encoded["offset_mapping"]:
        solid = [i for i in range(begin, end) if not text[i].isspace()]
        bytes_of = {b for i in solid for b in range(len(text[:i].encode()), len(text[:i + 1].encode()))}
        phrase.append(next((n + 1 for n, (b, e) in enumerate(spans) if bytes_of & set(range(b, e))), 0))
    return {"text": text, "spans": spans, "ids": encoded["input_ids"] + [case.end_of_turn], "phrase": phrase + [0]}


def pairs_of(case):
    return [{"clip": clip, "question": question, "chosen": answer_of(case, chosen), "rejected": answer_of(case, rejected)}
            for clip, question, chosen, rejected in PAIRS]


def exact_rms_norm(self, hidden):
    import torch
    wide = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
    return self.weight * wide.to(hidden.dtype)


def dtype_of(model):
    return model.get_input_embeddings().weight.dtype


def visual_tokens(model, pixels):
    return model.model.get_video_features(pixels.to(dtype_of(model)).unsqueeze(0)).pooler_output[0]


def answer_logits(model, case, clip, prompt, ids):
    """Logits [len(ids), V] of the rows that predict `ids`."""
    import torch
    sequence = torch.tensor([prompt + ids[:-1]])
    logits = model(input_ids=sequence, pixel_values_videos=case.pixels[clip].to(dtype_of(model)).unsqueeze(0)).logits[0]
    return logits[len(prompt) - 1:]


def greedy(model, case, clip, prompt):
    """Ids and the least distance between the best and the second best logit."""
    ids, margin = [], math.inf
    for _ in range(GREEDY_TOKENS):
        best = answer_logits(model, case, clip, prompt, ids + [0])[-1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
    return ids, margin


def clip_goldens(case, tensors):
    """Visual tokens and logits are computed in float64 and kept in float32; greedy tokens are those of float32."""
    import numpy as np
    import torch
    model, exact = case.model(torch.float32), case.model(torch.float64)
    for i, (count, height, width, seed, question) in enumerate(CLIPS):
        pixels = case.pixels[i].numpy()
        flat = pixels.reshape(-1)
        visual = visual_tokens(exact, case.pixels[i])
        prompt = case.prompt_ids(question, i, len(visual))
        ids, margin = greedy(model, case, i, prompt)
        assert margin > 1e-3, f"clip {i}: greedy margin {margin}"
        tensors[f"visual.{i}"] = visual.float().contiguous()
        tensors[f"logits.{i}"] = answer_logits(exact, case, i, prompt, ids[:LOGIT_ROWS]).float().contiguous()
        at = prompt.index(case.video_id)
        where = np.linspace(0, flat.size - 1, 24).astype(int)
        yield {"frames": count, "height": height, "width": width, "seed": seed, "question": question,
               "pixels": {"shape": list(pixels.shape), "crc32": zlib.crc32(pixels.tobytes()), "sum": float(flat.astype(np.float64).sum()),
                          "at": where.tolist(), "values": [float(v) for v in flat[where]]},
               "visual_tokens": len(visual), "before": prompt[:at], "after": prompt[at + len(visual):],
               "greedy": ids, "greedy_margin": margin, "text": case.tokenizer.decode(ids, skip_special_tokens=True)}


def tied_goldens(case, tensors):
    """The same weights with the embedding for a head."""
    import torch
    model = case.model(torch.float64)
    model.lm_head.weight = model.get_input_embeddings().weight
    prompt = case.prompt_ids(CLIPS[0][4], 0, len(visual_tokens(model, case.pixels[0])))
    tensors["tied_logits.0"] = answer_logits(model, case, 0, prompt, [0]).float().contiguous()


def statistics(model, case, pair, side, prompt):
    """Policy log-probabilities [n] (with graph), and those of the reference and KL(reference || policy), all float64."""
    import torch
    ids = pair[side]["ids"]
    labels = torch.tensor(ids).unsqueeze(1)
    with torch.no_grad(), model.disable_adapter():
        reference = answer_logits(model, case, pair["clip"], prompt, ids).log_softmax(-1)
    policy = answer_logits(model, case, pair["clip"], prompt, ids).log_softmax(-1)
    kl = (reference.exp() * (reference - policy)).sum(-1)
    return policy.gather(1, labels)[:, 0], reference.gather(1, labels)[:, 0], kl


def losses(name, stats, pairs):
    """Sum of the loss and what it is divided by; formulas: DESIGN 5 and TRL's of the same names."""
    import torch
    settings = OBJECTIVES[name]
    if name == "sft":
        return -sum(chosen[0].sum() for chosen, _ in stats), sum(len(chosen[0]) for chosen, _ in stats)
    total = 0.0
    for pair, (chosen, rejected) in zip(pairs, stats):
        ratio = {}
        for side, (logp, ref, _) in (("chosen", chosen), ("rejected", rejected)):
            marked = torch.tensor([float(p > 0) for p in pair[side]["phrase"]]).double()
            ratio[side] = ((logp - ref) * (marked if name == "rrpo" else 1.0)).sum()
        total = total - torch.nn.functional.logsigmoid(settings["beta"] * (ratio["chosen"] - ratio["rejected"]))
        if name == "rrpo":
            total = total + settings["alpha"] * chosen[2].sum()
    return total, len(pairs)


def adapted_model(case, folder):
    import torch
    from peft import PeftModel
    model = PeftModel.from_pretrained(case.model(torch.float32), folder, is_trainable=True).double().eval()
    return model


def train(case, folder, name, pairs, prompts, tensors):
    """Loss and gradients at the adapter, then three steps of AdamW: constant rate, no clipping, no decay."""
    import torch
    model = adapted_model(case, folder)
    weights = {n.replace(".default.", "."): p for n, p in sorted(model.named_parameters()) if p.requires_grad}
    start = {n: p.detach().clone() for n, p in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=ADAMW["lr"], betas=ADAMW["betas"], eps=ADAMW["eps"], weight_decay=ADAMW["weight_decay"])
    history = []
    for step in range(ADAMW_STEPS):
        stats = [[statistics(model, case, pair, side, prompt) for side in ("chosen", "rejected")] for pair, prompt in zip(pairs, prompts)]
        total, denominator = losses(name, stats, pairs)
        loss = total / denominator
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors[f"gradient.{name}"] = torch.stack([fingerprint(p.grad) for p in weights.values()])
            if name == "rrpo":
                record(pairs, stats)
        history.append(float(loss.detach()))
        optimizer.step()
    tensors[f"movement.{name}"] = torch.stack([fingerprint(p - start[n]) for n, p in weights.items()])
    return {"settings": OBJECTIVES[name], "denominator": denominator, "losses": history}, list(weights)


def whole_model_gradients(case, pairs, prompts, tensors):
    """Gradients of the supervised loss at every weight of the model, tower and embedding too; returns their names."""
    import torch
    model = case.model(torch.float64)
    total, count = 0.0, 0
    for pair, prompt in zip(pairs, prompts):
        ids = pair["chosen"]["ids"]
        logp = answer_logits(model, case, pair["clip"], prompt, ids).log_softmax(-1)
        total, count = total - logp.gather(1, torch.tensor(ids).unsqueeze(1)).sum(), count + len(ids)
    (total / count).backward()
    reached = {n: p.grad for n, p in sorted(model.named_parameters()) if p.grad is not None}
    tensors["gradient.whole"] = torch.stack([fingerprint(g) for g in reached.values()])
    return list(reached)


def record(pairs, stats):
    for pair, sides in zip(pairs, stats):
        for side, (logp, ref, kl) in zip(("chosen", "rejected"), sides):
            pair[side] |= {"logp": logp.tolist(), "ref_logp": ref.tolist(), "kl": kl.tolist()}


def goldens(name, checkpoint, adapter):
    """Everything of one case: the JSON object and the tensors."""
    import torch
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm
    case = Case(checkpoint)
    tensors = {}
    Qwen2RMSNorm.forward = exact_rms_norm
    torch.set_grad_enabled(False)
    clips = list(clip_goldens(case, tensors))
    if name == "tiny":
        tied_goldens(case, tensors)
    torch.set_grad_enabled(True)
    pairs = pairs_of(case)
    prompts = [case.prompt_ids(p["question"], p["clip"], clips[p["clip"]]["visual_tokens"]) for p in pairs]
    for pair, prompt in zip(pairs, prompts):
        at = prompt.index(case.video_id)
        pair["after"] = prompt[at + clips[pair["clip"]]["visual_tokens"]:]
    objectives, names = {}, []
    for objective in OBJECTIVES:
        objectives[objective], names = train(case, adapter, objective, pairs, prompts, tensors)
    whole = whole_model_gradients(case, pairs, prompts, tensors)
    return {"recipe": f"scripts/oracles/onevision.py --case {name}", "versions": versions(), "projections": PROJECTIONS,
            "adamw": ADAMW | {"steps": ADAMW_STEPS, "schedule": "constant", "max_grad_norm": None}, "clips": clips, "pairs": pairs,
            "objectives": objectives, "parameters": names, "weights": whole}, tensors


# --- files -----------------------------------------------------------------------------------------------------------------

def versions():
    import numpy, peft, PIL, tokenizers, torch, transformers
    return {m.__name__: m.__version__ for m in (torch, transformers, peft, tokenizers, PIL, numpy)}


def write(folder, golden, tensors):
    from safetensors.torch import save_file
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for key, value in golden.items():
        inner = "[\n" + ",\n".join("  " + json.dumps(v, ensure_ascii=True) for v in value) + "\n ]" if isinstance(value, list) else json.dumps(value)
        rows.append(f" {json.dumps(key)}: {inner}")
    (folder / "golden.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    save_file({k: v.detach().clone() for k, v in tensors.items()}, folder / "golden.safetensors")


def differences(old, new, at=""):
    """Places where two JSON values differ: numbers by more than a millionth of their size, anything else at all."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in ("versions", "greedy_margin"):  # a margin is float32's own, and asserted
                yield from differences(old.get(key), new.get(key), f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new)):
            yield from differences(a, b, f"{at}[{i}]")
    elif isinstance(old, float) and isinstance(new, float):
        if abs(old - new) > 1e-6 * max(1e-3, abs(old)):
            yield f"{at}: {old} is now {new}"
    elif old != new:
        yield f"{at}: {old} is now {new}"


def compare(folder, golden, tensors):
    """Throws SystemExit listing what the committed files say otherwise."""
    from safetensors.torch import load_file
    faults = list(differences(json.loads((folder / "golden.json").read_text()), json.loads(json.dumps(golden))))
    old = load_file(folder / "golden.safetensors")
    for name in sorted(old.keys() | tensors.keys()):
        if name not in old or name not in tensors or old[name].shape != tensors[name].shape:
            faults.append(f"{name}: another shape, or only on one side")
        elif float((old[name] - tensors[name]).abs().max()) > 2e-6 * float(old[name].abs().max()):
            faults.append(f"{name}: differs by {float((old[name] - tensors[name]).abs().max())}")
    if faults:
        raise SystemExit(f"{folder}: {len(faults)} differences\n" + "\n".join(faults[:20]))
    print(f"{folder}: {len(tensors)} tensors and all numbers agree")


def ensure_packages():
    """Runs this script again inside the virtual environment when its packages are missing here."""
    try:
        import av, numpy, peft, PIL, torch, torchvision, transformers  # noqa: E401, F401
        return
    except ImportError:
        pass
    python = ROOT / ".venv-oracle" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def run_case(name, arguments):
    checkpoint, rank, alpha = CASES[name]
    checkpoint = arguments.checkpoint or checkpoint
    folder = (arguments.out or GOLDEN) / name
    if name == "tiny" and (arguments.new or not checkpoint.exists()):
        make_tiny(checkpoint)
    if not (checkpoint / "model.safetensors").exists():
        print(f"{name}: no checkpoint at {checkpoint}, left out")
        return
    if arguments.check and not (folder / "golden.json").exists():
        print(f"{name}: no golden file at {folder}, left out")
        return
    adapter = folder / "adapter"
    if arguments.new or not adapter.exists():
        import torch
        make_adapter(adapter, Case(checkpoint).model(torch.float32), rank, alpha, 77)
    golden, tensors = goldens(name, checkpoint, adapter)
    if arguments.check:
        compare(folder, golden, tensors)
        return
    write(folder, golden, tensors)
    print(f"{folder}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, help="only this one")
    parser.add_argument("--checkpoint", type=Path, help="another checkpoint folder for the case")
    parser.add_argument("--out", type=Path, help="folder of the golden files instead of tests/golden/onevision")
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="make the random checkpoint and the adapters anew")
    arguments = parser.parse_args()
    ensure_packages()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if arguments.checkpoint and not arguments.case:
        parser.error("--checkpoint needs --case")
    for name in [arguments.case] if arguments.case else CASES:
        run_case(name, arguments)


if __name__ == "__main__":
    main()
