#!/usr/bin/env python3
"""One RRPO step of a 7B model on this machine: rrpo-train against the same step as eager PyTorch code does it.

    python3 scripts/benchmarks/step_7b.py --work DIR [--bin build] [--device cuda] [--size 7b] [--dtype bfloat16]
        [--frames 16,32] [--answer-tokens 60] [--steps 5] [--warmup 3] [--decode] [--nf4] [--json FILE]

The peer is transformers' LLaVA-OneVision with a PEFT adapter (`pip install torch transformers peft pillow`), trained in the
way of the method's original code: chosen and rejected each with a vision pass of their own, policy and reference (the
adapter disabled) each over the whole sequence, the head on every row, log-softmax and KL over every row in the model's
type, gradient checkpointing, AdamW on the adapter. It is timed without gradient checkpointing too, where memory allows. Our
side is rrpo-train itself: the seconds of its metrics.jsonl. Weights are random, in the real shapes, and the same files on
both sides (16 GB in DIR for 7b, written once); so are frames, prompts, answers and adapter.

Equality comes first: log-probabilities of every answer token under policy and reference, and their KL, on both sides and in
float32. The benchmark ends with exit code 5 where ours are further from the peer's than the type allows. Then medians after
warm-up steps; ratios are peer / ours. With `--decode`, greedy answers of rrpo-eval against transformers' generate, from the
frames' files: the time to the first token, and of each one after it. `--size tiny --device cpu` runs every part in a minute
without a GPU.
"""
import argparse
import gc
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "data" / "toy" / "base"
SIZES = {
    "7b": {"vision": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 26, "num_attention_heads": 16,
                      "image_size": 384, "patch_size": 14},
           "text": {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
                    "num_key_value_heads": 4, "vocab_size": 152064, "rope_theta": 1000000.0},
           "rank": 128, "spread": 0.02, "lora_b": 0.005},
    "tiny": {"vision": {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
                        "image_size": 56, "patch_size": 14},
             "text": {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4,
                      "num_key_value_heads": 2, "vocab_size": 512, "rope_theta": 10000.0},
             "rank": 8, "spread": 0.15, "lora_b": 0.1},
}
ALPHA, BETA = 0.01, 0.1
SIDES = ("chosen", "rejected")
SCORED = 3      # pairs that are compared
# Largest and mean difference of a token's log-probability: rounding of the type through all layers. In bfloat16 the second
# rule of judge() is the sharper one.
TOLERANCE = {"bfloat16": (1.0, 0.15), "float32": (2e-3, 2e-4)}
TEXT_IDS = 440    # ids below are plain text of the toy's tokenizer; larger logits make greedy answers text
DECODED = 64      # tokens after the first one
DECODE_CLIPS = 4  # the first is a warm-up
WORDS = ("red blue green small large square circle triangle moves slowly quickly left right up down then stops behind "
         "before after another object appears corner middle of the video and turns").split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoint, adapter, frames and runs")
    parser.add_argument("--bin", type=Path, default=ROOT / "build", help="folder of rrpo-train and rrpo-eval")
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--size", choices=SIZES, default="7b")
    parser.add_argument("--dtype", choices=TOLERANCE, default=None, help="bfloat16 (7b), float32 (tiny)")
    parser.add_argument("--frames", default="16", help="frames per clip, several with commas")
    parser.add_argument("--answer-tokens", type=int, default=60, help="about so many tokens in an answer")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of the peer; ours times twice as many")
    parser.add_argument("--warmup", type=int, default=3, help="steps before them")
    parser.add_argument("--decode", action="store_true", help="time greedy answers too")
    parser.add_argument("--nf4", action="store_true", help="time model.frozen=nf4 too; the peer stays as it is")
    parser.add_argument("--json", type=Path, default=None, help="where the numbers are written")
    args = parser.parse_args()
    args.dtype = args.dtype or ("bfloat16" if args.size == "7b" else "float32")
    args.frames = [int(f) for f in args.frames.split(",")]
    return args


def say(text):
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def json_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


# --- what both sides read -------------------------------------------------------------------------------------------------

def make_model(args):
    """The peer's model with random weights, on the device."""
    import torch
    from transformers import (LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, Qwen2Config,
                              SiglipVisionConfig)
    size, toy = SIZES[args.size], json.loads((TOY / "config.json").read_text())
    text = dict(size["text"])
    theta = text.pop("rope_theta")
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(**size["vision"], vision_use_head=False),
        text_config=Qwen2Config(**text, rms_norm_eps=1e-6, max_position_embeddings=32768, tie_word_embeddings=False,
                                rope_parameters={"rope_type": "default", "rope_theta": theta}),
        image_token_index=toy["image_token_index"], video_token_index=toy["video_token_index"],
        image_grid_pinpoints=[[size["vision"]["image_size"]] * 2], tie_word_embeddings=False)
    with torch.device(args.device):
        model = LlavaOnevisionForConditionalGeneration._from_config(config, dtype=getattr(torch, args.dtype),
                                                                    attn_implementation="sdpa")
    generator = torch.Generator(args.device).manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1 and "norm" in name and name.endswith("weight"):
                weight.fill_(1)
            else:
                weight.normal_(0, size["spread"], generator=generator)
        model.lm_head.weight[:TEXT_IDS] *= 2
    return model.requires_grad_(False).eval()


def save_checkpoint(model, args, folder):
    """A folder in Hugging Face form; tokenizer and prompt form are the toy's, whose ids a vocabulary of any size has."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size="2GB")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(TOY / name, folder / name)
    processor = json.loads((TOY / "preprocessor_config.json").read_text())
    side = SIZES[args.size]["vision"]["image_size"]
    processor["size"] = {"height": side, "width": side}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "complete").write_text("")


def add_adapter(model, args, folder):
    """PEFT's adapter on the decoder's linears with a B that is not zero, also written to `folder`."""
    import torch
    from peft import LoraConfig, get_peft_model
    size = SIZES[args.size]
    config = LoraConfig(r=size["rank"], lora_alpha=2 * size["rank"], lora_dropout=0.0, task_type="CAUSAL_LM",
                        target_modules=r".*language_model\.layers\..*\."
                                       r"(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)")
    adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    generator = torch.Generator(args.device).manual_seed(2)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_A" in name:
                bound = 1 / math.sqrt(weight.shape[1])
                weight.uniform_(-bound, bound, generator=generator)
            elif "lora_B" in name:
                weight.normal_(0, size["lora_b"], generator=generator)
    if not (folder / "adapter_config.json").exists():
        adapted.save_pretrained(folder)
    return adapted


def make_clips(folder, clips, frames):
    """PNG frames, so that no decoder stands between the two sides."""
    from PIL import Image, ImageDraw
    folder.mkdir(parents=True, exist_ok=True)
    for c in range(clips):
        rng = random.Random(c)
        colours = [tuple(rng.randrange(256) for _ in range(3)) for _ in range(3)]
        for f in range(frames):
            name = folder / f"{c:02}-{f:02}.png"
            if name.exists():
                continue
            image = Image.linear_gradient("L").resize((160, 120)).convert("RGB")
            draw = ImageDraw.Draw(image)
            draw.ellipse((4 * f % 130, 20, 4 * f % 130 + 30, 50), fill=colours[0])
            draw.rectangle((110 - 3 * f % 100, 70, 140 - 3 * f % 100, 100), fill=colours[1], outline=colours[2])
            image.save(name)


class Text:
    """The toy's tokenizer and prompt form as transformers uses them."""

    def __init__(self, folder):
        from transformers import AutoTokenizer
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.template = (folder / "chat_template.jinja").read_text()
        self.end = self.tokenizer.convert_tokens_to_ids("<|im_end|>")

    def prompt(self, question, visual_tokens):
        content = [{"type": "video"}, {"type": "text", "text": question}]
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], chat_template=self.template,
                                                  tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text.replace("<video>", "<video>" * visual_tokens), add_special_tokens=False)["input_ids"]

    def answer(self, side):
        """Ids with end of turn, and 1 for each token that has a byte in a span (all text here is ASCII)."""
        encoded = self.tokenizer(side["text"], add_special_tokens=False, return_offsets_mapping=True)
        (begin, end), = side["spans"]
        marked = [int(any(begin <= i < end and not side["text"][i].isspace() for i in range(b, e)))
                  for b, e in encoded["offset_mapping"]]
        return encoded["input_ids"] + [self.end], marked + [0]


def make_pairs(text, count, frames, tokens):
    """Rows of a pair file: answers that differ in one marked phrase."""
    rows = []
    for c in range(count):
        rng = random.Random(100 + c)
        head = ["In", "this", "video"]
        while len(text.tokenizer(" ".join(head), add_special_tokens=False)["input_ids"]) < tokens - 12:
            head.append(rng.choice(WORDS))
        begin, tail = " ".join(head) + " ", " in the end."
        sides = {}
        for side, phrase in zip(SIDES, ("a red square", "two blue circles")):
            sides[side] = {"text": begin + phrase + tail, "spans": [[len(begin), len(begin) + len(phrase)]]}
        rows.append({"schema": "rrpo/pair@1", "id": f"pair-{c:02}",
                     "frames": [f"{c:02}-{f:02}.png" for f in range(frames)],
                     "question": "What happens in the video, and which object is seen last?", **sides})
    return rows


def pixels_of(row, args, folder):
    """[F, 3, S, S] float32: Pillow's bicubic, values in [-1, 1]."""
    import numpy as np
    import torch
    from PIL import Image
    side = SIZES[args.size]["vision"]["image_size"]
    frames = [Image.open(folder / name).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
              for name in row["frames"]]
    values = torch.from_numpy(np.stack([np.asarray(frame) for frame in frames])).permute(0, 3, 1, 2)
    return ((values.float() * (1 / 255) - 0.5) / 0.5).contiguous()


def prompt_of(text, row, args):
    """Ids of a question after its video: half as many tokens a side as patches for each frame, and one for the newline."""
    vision = SIZES[args.size]["vision"]
    side = math.ceil(vision["image_size"] // vision["patch_size"] / 2)
    return text.prompt(row["question"], len(row["frames"]) * side * side + 1)


# --- the peer -------------------------------------------------------------------------------------------------------------

class Peer:
    """An eager step: what is computed twice there is computed twice here."""

    def __init__(self, adapted, text, args):
        import torch
        self.torch, self.model, self.text, self.args = torch, adapted, text, args
        self.trained = [p for name, p in adapted.named_parameters() if "lora_" in name]
        for p in self.trained:
            p.requires_grad_(True)

    def sample(self, row):
        torch, device = self.torch, self.args.device
        prompt = prompt_of(self.text, row, self.args)
        sample = {"pixels": pixels_of(row, self.args, self.args.work / "frames").to(device)}
        for side in SIDES:
            ids, marked = self.text.answer(row[side])
            begin = len(prompt)
            sample[side] = {
                "ids": torch.tensor([prompt + ids], device=device), "begin": begin,
                "answer": torch.tensor([[0] * (begin - 1) + [1] * len(ids)], device=device),
                "marked": torch.tensor([[0] * (begin - 1) + marked], device=device)}
        return sample

    def logits(self, sample, side):
        pixels = sample["pixels"].to(self.model.dtype)
        return self.model(input_ids=sample[side]["ids"], pixel_values_videos=pixels.unsqueeze(0), use_cache=False).logits

    def both(self, sample):
        return {side: self.logits(sample, side) for side in SIDES}

    def loss(self, sample, policy, reference):
        """RRPO over whole sequences, in the type of the logits."""
        torch, reward = self.torch, {}
        for side in SIDES:
            labels = sample[side]["ids"][:, 1:].unsqueeze(2)
            own, other = policy[side][:, :-1].log_softmax(-1), reference[side][:, :-1].log_softmax(-1)
            ratio = own.gather(2, labels).squeeze(2) - other.gather(2, labels).squeeze(2)
            reward[side] = BETA * (ratio * sample[side]["marked"]).sum()
            with torch.set_grad_enabled(side == "chosen"):  # the other one is a metric only
                divergence = ((other.exp() * (other - own)).sum(-1) * sample[side]["answer"]).sum()
            if side == "chosen":
                kl = divergence
        return -torch.nn.functional.logsigmoid(reward["chosen"] - reward["rejected"]) + ALPHA * kl

    def step(self, sample, optimizer):
        with self.torch.no_grad(), self.model.disable_adapter():
            reference = self.both(sample)
        loss = self.loss(sample, self.both(sample), reference)
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def scores(self, sample):
        """Per answer token, float32 from the model's logits: logp, ref_logp, kl."""
        torch, found = self.torch, {}
        with torch.no_grad():
            policy = self.both(sample)
            with self.model.disable_adapter():
                reference = self.both(sample)
        for side in SIDES:
            begin, ids = sample[side]["begin"], sample[side]["ids"][0]
            labels = ids[begin:].unsqueeze(1)
            own = policy[side][0, begin - 1:-1].float().log_softmax(-1)
            other = reference[side][0, begin - 1:-1].float().log_softmax(-1)
            found[side] = {"ids": ids[begin:].tolist(), "marked": sample[side]["marked"][0, begin - 1:].tolist(),
                           "logp": own.gather(1, labels)[:, 0].tolist(), "ref_logp": other.gather(1, labels)[:, 0].tolist(),
                           "kl": (other.exp() * (other - own)).sum(-1).tolist()}
        return found

    def checkpoint(self, on):
        self.model.train(on)  # checkpointing is for training only; nothing else differs, there is no dropout
        if on:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        else:
            self.model.gradient_checkpointing_disable()

    def measure(self, samples, checkpoint):
        """Median seconds of a step and peak memory; None where memory does not suffice."""
        torch, cuda = self.torch, self.args.device.startswith("cuda")
        self.checkpoint(checkpoint)
        # Rate 0: the same work, and the adapter stays the one that both sides are compared with.
        optimizer = torch.optim.AdamW(self.trained, lr=0.0, weight_decay=0.0, fused=cuda)
        seconds = []
        try:
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            for i in range(self.args.warmup + self.args.steps):
                if cuda:
                    torch.cuda.synchronize()
                begin = time.perf_counter()
                self.step(samples[i % len(samples)], optimizer)
                if cuda:
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - begin)
        except torch.OutOfMemoryError:
            seconds = None
        peak = torch.cuda.max_memory_allocated() if cuda else None
        for p in self.trained:
            p.grad = None
        del optimizer
        gc.collect()
        if cuda:
            torch.cuda.empty_cache()
        self.checkpoint(False)
        if seconds is None:
            return {"seconds": None, "peak_bytes": None}
        return {"seconds": statistics.median(seconds[self.args.warmup:]), "all_seconds": seconds, "peak_bytes": peak}


def peer_decode(model, text, rows, args):
    """Seconds to the first token and per later token, and the texts; pictures are read and resized in that time."""
    import torch
    seconds, texts = {}, []
    for tokens in (1, 1 + DECODED):
        times = []
        for row in rows[:DECODE_CLIPS]:
            begin = time.perf_counter()
            pixels = pixels_of(row, args, args.work / "frames").to(args.device, model.dtype)
            prompt = prompt_of(text, row, args)
            with torch.no_grad():
                ids = model.generate(input_ids=torch.tensor([prompt], device=args.device),
                                     pixel_values_videos=pixels.unsqueeze(0), max_new_tokens=tokens,
                                     min_new_tokens=tokens, do_sample=False)
            answer = text.tokenizer.decode(ids[0, len(prompt):].tolist())
            times.append(time.perf_counter() - begin)
            texts.append(answer)
        seconds[tokens] = statistics.median(times[1:])
    return per_token(seconds, texts[-DECODE_CLIPS:])


def per_token(seconds, texts):
    """From the seconds of answers of 1 token and of 1 + DECODED."""
    return {"first_token": seconds[1], "token": (seconds[1 + DECODED] - seconds[1]) / DECODED, "texts": texts}


# --- ours -----------------------------------------------------------------------------------------------------------------

def our_decode(rows, args):
    """The same by rrpo-eval: the times at which its lines appear."""
    seconds, texts = {}, []
    questions = args.work / "questions.jsonl"
    questions.write_text(lines_of({"id": row["id"], "frames": row["frames"], "question": row["question"],
                                   "answer": "none", "format": "open"} for row in rows[:DECODE_CLIPS]))
    for tokens in (1, 1 + DECODED):
        out = args.work / f"eval-{tokens}"
        shutil.rmtree(out, ignore_errors=True)
        run = subprocess.Popen([str(args.bin / "rrpo-eval"), "--out", str(out), "--quiet", f"device={args.device}",
                                f"model.path={args.work / 'model'}", f"model.dtype={args.dtype}",
                                f"eval.questions={questions}", f"eval.video_root={args.work / 'frames'}",
                                f"eval.max_new_tokens={tokens}", "threads=1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seen, file = [], out / "predictions.jsonl"
        while run.poll() is None:
            lines = file.read_bytes().count(b"\n") if file.exists() else 0
            seen += [time.perf_counter()] * (lines - len(seen))
            time.sleep(0.001)
        if run.returncode != 0:
            sys.exit(f"rrpo-eval: exit {run.returncode}: {run.stderr.read().strip()}")
        seconds[tokens] = statistics.median(b - a for a, b in zip(seen, seen[1:]))
        texts = [row["raw"] for row in json_lines(file)]
    return per_token(seconds, texts)


def common_prefix(left, right):
    """Share of the shorter text that both begin with."""
    return len(os.path.commonprefix([left, right])) / max(1, min(len(left), len(right)))


def show_decode(peer, mine):
    same = statistics.fmean(common_prefix(a, b) for a, b in zip(peer["texts"], mine["texts"]))
    print(f"\ngreedy answers, {DECODED} tokens after the first (the two agree in the first {same:.0%} of their length)")
    for name, key in (("to the first token", "first_token"), ("each later token", "token")):
        print(f"  {name:20} peer {1000 * peer[key]:8.1f} ms   ours {1000 * mine[key]:8.1f} ms   "
              f"peer / ours {peer[key] / mine[key]:6.2f}x")


def ours(args, command, out, pairs, *settings):
    call = [str(args.bin / "rrpo-train"), *command, "--out", str(out), "--overwrite", "--quiet", f"device={args.device}",
            f"model.path={args.work / 'model'}", f"model.adapter={args.work / 'adapter'}", f"model.dtype={args.dtype}",
            f"data.pairs={pairs}", f"data.video_root={args.work / 'frames'}", f"objective.alpha={ALPHA}",
            f"objective.beta={BETA}", *settings]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(call)}\nexit {done.returncode}: {done.stderr.strip()}")
    return call


def our_scores(args, pairs):
    ours(args, ["score"], args.work / "scores", pairs)
    return json_lines(args.work / "scores" / "scores.jsonl")


def two_epochs(args, name, pairs, clips, *settings):
    """(medians of the steps of both epochs, all seconds, peak bytes, the command). In the first epoch each video is encoded
    in its step, in the second what was kept of it serves."""
    out = args.work / name
    call = ours(args, [], out, pairs, "train.batch_pairs=1", "train.micro_pairs=1", f"train.steps={2 * clips}",
                "data.shuffle=false", "train.save_every=0", "objective.name=rrpo", *settings)
    seconds = [row["seconds"] for row in json_lines(out / "metrics.jsonl")]
    counts = json.loads((out / "run.json").read_text())["counts"]
    medians = statistics.median(seconds[args.warmup:clips]), statistics.median(seconds[clips:])
    return medians, seconds, counts.get("gpu_peak_bytes"), " ".join(call)


def our_steps(args, pairs, frames, clips):
    """With the video encoded, its tokens kept, the reference's rows kept too, and with the matrices in four bits."""
    (first, kept), seconds, peak, call = two_epochs(args, f"train-{frames}", pairs, clips, "train.reference_cache=false")
    (_, both), _, _, _ = two_epochs(args, f"train-{frames}-reference", pairs, clips)
    found = {"seconds": first, "seconds_vision_kept": kept, "seconds_reference_kept": both, "all_seconds": seconds,
             "peak_bytes": peak, "command": call}
    if args.nf4:
        (slow, slow_kept), _, peak_nf4, _ = two_epochs(args, f"train-{frames}-nf4", pairs, clips, "model.frozen=nf4",
                                                       "train.reference_cache=false")
        found |= {"seconds_nf4": slow, "seconds_nf4_vision_kept": slow_kept, "peak_bytes_nf4": peak_nf4}
    return found


# --- the report -----------------------------------------------------------------------------------------------------------

def differences(left, right):
    """Largest and mean absolute difference per column over all answer tokens; ids and marks must be equal."""
    found = {}
    for column in ("logp", "ref_logp", "kl"):
        distances = []
        for a, b in zip(left, right):
            for side in SIDES:
                if a[side]["ids"] != b[side]["ids"] or a[side]["marked"] != b[side]["marked"]:
                    sys.exit("error: step_7b: the two sides do not see the same answer tokens or marks")
                distances += [abs(x - y) for x, y in zip(a[side][column], b[side][column])]
        found[column] = {"max": max(distances), "mean": statistics.fmean(distances)}
    return found


def show_equality(equality):
    for name, columns in equality.items():
        print(f"  {name:24}" + "   ".join(f"{column} max {d['max']:.2e} mean {d['mean']:.2e}"
                                          for column, d in columns.items()))


def judge(equality, dtype):
    """Ours must agree with the peer within the type's rounding, and be about as near to float32 as the peer is."""
    largest, mean = TOLERANCE[dtype]
    faults = [f"{column}: max {d['max']:.2e}, mean {d['mean']:.2e}; allowed {largest}, {mean}"
              for column, d in equality["ours - peer"].items() if not (d["max"] <= largest and d["mean"] <= mean)]
    if "ours - float32" in equality:
        for column in ("logp", "ref_logp"):
            own, other = equality["ours - float32"][column]["mean"], equality["peer - float32"][column]["mean"]
            if not own <= 1.5 * other:
                faults.append(f"{column}: mean error {own:.2e} against float32, the peer's {other:.2e}")
    return faults


def gigabytes(value):
    return "-" if value is None else f"{value / 1e9:.1f} GB"


def milliseconds(value):
    return "does not fit" if value is None else f"{1000 * value:.1f} ms"


def table(results):
    print(f"\n{'frames':>6}  {'step':34}{'median':>14}{'peak memory':>14}{'peer / ours':>14}{'without ckpt':>14}")
    for frames, r in results.items():
        lines = [("peer, gradient checkpointing", r["peer"]["seconds"], r["peer"]["peak_bytes"]),
                 ("peer, no checkpointing", r["peer_plain"]["seconds"], r["peer_plain"]["peak_bytes"]),
                 ("rrpo-train, vision in the step", r["ours"]["seconds"], r["ours"]["peak_bytes"]),
                 ("rrpo-train, visual tokens kept", r["ours"]["seconds_vision_kept"], r["ours"]["peak_bytes"]),
                 ("rrpo-train, reference kept too", r["ours"]["seconds_reference_kept"], r["ours"]["peak_bytes"])]
        if "seconds_nf4" in r["ours"]:
            lines.append(("rrpo-train, four bits", r["ours"]["seconds_nf4"], r["ours"]["peak_bytes_nf4"]))
        for i, (name, seconds, peak) in enumerate(lines):
            ratios = ""
            if i >= 2:
                for base in ("peer", "peer_plain"):
                    other = r[base]["seconds"]
                    ratios += f"{other / seconds:13.2f}x" if other else f"{'-':>14}"
            print(f"{frames:>6}  {name:34}{milliseconds(seconds):>14}{gigabytes(peak):>14}{ratios}")


def machine(args):
    import peft
    import torch
    import transformers
    driver = ""
    if args.device.startswith("cuda") and shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    version = subprocess.run([str(args.bin / "rrpo-train"), "--version"], capture_output=True, text=True).stdout.strip()
    return {"device": torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu", "driver": driver,
            "versions": {"rrpo": version, "torch": torch.__version__, "transformers": transformers.__version__,
                         "peft": peft.__version__}, "command": " ".join(sys.argv)}


def without_places(text, args):
    """The report with the names of two folders in place of where they lie on this machine."""
    return text.replace(str(args.work), "WORK").replace(str(args.bin), "BIN").replace(str(args.json), "JSON")


def missing_package():
    """The name of what the peer needs and this machine lacks; None where it is complete."""
    try:
        import peft  # noqa: F401
        import PIL  # noqa: F401
        import torch  # noqa: F401
        import transformers
    except ImportError as missing:
        return missing.name
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return None


def prepare(model, args, clips):
    """What both sides read: (text, rows of pairs and their file by number of frames)."""
    save_checkpoint(model, args, args.work / "model")
    say("clips and pairs")
    make_clips(args.work / "frames", clips, max(args.frames))
    text = Text(args.work / "model")
    rows = {frames: make_pairs(text, clips, frames, args.answer_tokens) for frames in args.frames}
    files = {frames: args.work / f"pairs-{frames}.jsonl" for frames in args.frames}
    for frames, file in files.items():
        file.write_text(lines_of(rows[frames]))
    return text, rows, files


def peer_side(args, clips):
    """(rows, files of pairs, greedy answers, scores in the type, scores in float32, steps by number of frames). Answers and
    float32 scores may be None. Its memory is free for our side when it returns."""
    say("random weights")
    model = make_model(args)
    text, rows, files = prepare(model, args, clips)
    first, answers, exact, steps = rows[args.frames[0]], None, None, {}
    if args.decode:
        say("peer, greedy answers")
        answers = peer_decode(model, text, first, args)
    peer = Peer(add_adapter(model, args, args.work / "adapter"), text, args)
    scored = [peer.sample(row) for row in first[:SCORED]]
    scores = [peer.scores(sample) for sample in scored]
    for frames in args.frames:
        samples = [peer.sample(row) for row in rows[frames][:args.warmup + 2]]
        say(f"peer, {frames} frames, {samples[0]['chosen']['ids'].shape[1]} tokens in a sequence")
        steps[frames] = {"peer": peer.measure(samples, checkpoint=True),
                         "peer_plain": peer.measure(samples, checkpoint=False)}
    if args.dtype != "float32":
        say("peer in float32")
        model.float()
        exact = [peer.scores(sample) for sample in scored]
    return rows, files, answers, scores, exact, steps


def free_memory(args):
    import torch
    gc.collect()
    if args.device.startswith("cuda"):
        torch.cuda.empty_cache()


def compared(args, pairs, peer_scores, exact_scores):
    """Differences between the two sides, and of both from float32 where the type is another."""
    say("rrpo-train score")
    found = our_scores(args, pairs)[:SCORED]
    equality = {"ours - peer": differences(found, peer_scores)}
    if exact_scores:
        equality |= {"ours - float32": differences(found, exact_scores),
                     "peer - float32": differences(peer_scores, exact_scores)}
    print(f"equality in {args.dtype}, {sum(len(s[side]['ids']) for s in found for side in SIDES)} answer tokens, mean KL "
          f"{statistics.fmean(k for s in found for k in s['chosen']['kl']):.3g}:")
    show_equality(equality)
    return equality


def time_ours(args, files, clips, steps):
    """Adds our side and the ratios to the peer's steps."""
    for frames in args.frames:
        say(f"rrpo-train, {frames} frames")
        mine = steps[frames]["ours"] = our_steps(args, files[frames], frames, clips)
        steps[frames]["ratios"] = {
            f"{base} / ours{kind}": steps[frames][base]["seconds"] / mine["seconds" + kind]
            for base in ("peer", "peer_plain") for kind in ("", "_vision_kept", "_reference_kept") if steps[frames][base]["seconds"]}
    table(steps)


def decode_report(args, rows, peer_answers):
    say("rrpo-eval")
    answers = {"peer": peer_answers, "ours": our_decode(rows, args)}
    show_decode(answers["peer"], answers["ours"])
    return {side: {k: v for k, v in values.items() if k != "texts"} for side, values in answers.items()}


def main():
    args = arguments()
    if missing := missing_package():
        print(f"peer missing: {missing}; pip install torch transformers peft pillow")
        return 4
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    clips, first = 2 * args.steps + args.warmup, args.frames[0]
    rows, files, answers, scores, exact_scores, steps = peer_side(args, clips)
    free_memory(args)
    equality = compared(args, files[first], scores, exact_scores)
    faults = judge(equality, args.dtype)
    report = {**machine(args), "size": args.size, "dtype": args.dtype, "equality": equality, "faults": faults,
              "steps": steps}
    if not faults:
        time_ours(args, files, clips, steps)
        if args.decode:
            report["decode"] = decode_report(args, rows[first], answers)
    if args.json:
        args.json.write_text(without_places(json.dumps(report, indent=1), args) + "\n")
    say("done")
    if faults:
        print("error: step_7b: the two sides do not agree: " + "; ".join(faults))
        return 5
    return 0


START = time.monotonic()
if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(main())
