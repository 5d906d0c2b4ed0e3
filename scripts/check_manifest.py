#!/usr/bin/env python3
r"""Makes the ids and the pixels of predictions again with transformers and compares them with what rrpo-eval noted.

  python3 scripts/check_manifest.py --model MODEL --predictions DIR/predictions.jsonl --video-root FOLDER [--rows 20]

Each row of predictions.jsonl holds the SHA-256 of its prompt (`<video>` in the place of the clip), of its token ids
(little-endian int64, -200 in the place of the clip) and of the pixels as the vision tower takes them, and the numbers of
the frames. Where words are heard between frames, each frame has its own `<video>` and -200. This script reads the same
frames with PyAV, makes the prompt with the tokenizer of MODEL and the pixels with its image processor, and prints one line
per row. Needs transformers, PyAV and Pillow; nothing is downloaded.
Exit: 0 all equal, 1 something differs, 3 bad rows, 4 a package or file is absent."""
import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path

MARK = "<video>"
CLIP = -200


def need(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"error: check_manifest: {name} is not installed; fix: pip install transformers av pillow", file=sys.stderr)
        raise SystemExit(4)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def prompt_of(tokenizer, model, form, question):
    """The prompt as the checkpoint's own chat template writes it, or as the LLaVA-NeXT code writes `qwen_1_5`."""
    if form == "authors":
        return ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" + MARK + "\n" + question +
                "<|im_end|>\n<|im_start|>assistant\n")
    talk = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": question}]}]
    return tokenizer.apply_chat_template(talk, chat_template=template_of(model), tokenize=False, add_generation_prompt=True)


def with_heard(prompt, heard):
    """The prompt with a mark for each frame and, on lines of their own, what is heard before each and behind the last."""
    if not heard:
        return prompt
    text, _, after = prompt.partition(MARK)
    for said, behind in zip(heard, [MARK] * (len(heard) - 1) + [after]):
        if said:
            text += ("" if text.endswith("\n") else "\n") + said + ("" if behind.startswith("\n") else "\n")
        text += behind
    return text


def template_of(model):
    file = Path(model) / "chat_template.jinja"
    if file.exists():
        return file.read_text(encoding="utf-8")
    file = Path(model) / "chat_template.json"
    return json.loads(file.read_text(encoding="utf-8"))["chat_template"] if file.exists() else None


def ids_hash(tokenizer, prompt):
    if MARK not in prompt:
        raise SystemExit(f"error: check_manifest: the prompt has no {MARK}; fix: see prompt_of()")
    ids = []
    for i, words in enumerate(prompt.split(MARK)):
        ids += [CLIP] * (i > 0) + (tokenizer(words, add_special_tokens=False)["input_ids"] if words else [])
    return sha256(b"".join(struct.pack("<q", one) for one in ids))


def upright(frame):
    """The picture as a player shows it: turned by what the container says."""
    numpy = need("numpy")
    return numpy.ascontiguousarray(numpy.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90) % 4))


def frames_of(video, wanted):
    av = need("av")
    found = {}
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found[number] = upright(frame)
            if len(found) == len(set(wanted)):
                break
    return [found[number] for number in wanted]


def processor_settings(model):
    nested = Path(model) / "processor_config.json"
    if nested.exists():
        return json.loads(nested.read_text())["video_processor"]
    flat = Path(model) / "preprocessor_config.json"
    # Checkpoints in the layout of LLaVA-NeXT have none: SigLIP's own values are theirs.
    return json.loads(flat.read_text()) if flat.exists() else {}


def pixels_hash(model, frames):
    """By the image processor that resizes with Pillow; the one that resizes tensors gives other bytes."""
    need("transformers")
    numpy = need("numpy")
    try:
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil as Processor
    except ImportError:  # before transformers 5
        from transformers import SiglipImageProcessor as Processor
    values = Processor(**processor_settings(model))(images=frames, return_tensors="np")["pixel_values"]
    return sha256(numpy.asarray(values).astype("<f4").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="checkpoint folder")
    parser.add_argument("--predictions", required=True, type=Path)
    parser.add_argument("--video-root", required=True, type=Path)
    parser.add_argument("--form", default="auto", choices=["auto", "authors"], help="prompt form, as model.prompt")
    parser.add_argument("--rows", type=int, default=20, help="so many rows, evenly spread")
    arguments = parser.parse_args()
    transformers = need("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.model, local_files_only=True)
    rows = [json.loads(line) for line in arguments.predictions.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row.get("raw") is not None and "ids_sha256" in row]
    if not rows:
        print("error: check_manifest: no row has a manifest; fix: predict with this version of rrpo-eval", file=sys.stderr)
        return 3
    step = max(1, len(rows) // arguments.rows)
    faults = 0
    for row in rows[::step][:arguments.rows]:
        asked = row.get("asked", row["question"])
        prompt = with_heard(prompt_of(tokenizer, arguments.model, arguments.form, asked), row.get("heard"))
        prompt += row.get("answer_prefix", "")
        frames = frames_of(arguments.video_root / row["video"].split("\n")[0], row["frames"]["index"])
        checks = {"prompt": sha256(prompt.encode()) == row["prompt_sha256"], "ids": ids_hash(tokenizer, prompt) == row["ids_sha256"],
                  "pixels": pixels_hash(arguments.model, frames) == row["frames"]["input_sha256"]}
        faults += sum(not equal for equal in checks.values())
        print(row["id"], " ".join(f"{name} {'equal' if equal else 'DIFFERS'}" for name, equal in checks.items()))
    print(f"{faults} differences" if faults else "all equal")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
