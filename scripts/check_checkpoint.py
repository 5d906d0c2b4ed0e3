#!/usr/bin/env python3
r"""How near is this program to transformers on a checkpoint of yours? One clip, one question, one table.

  python3 scripts/check_checkpoint.py MODEL --video clip.mp4 [--question "What happens?"] [--programs build] [FIELD=VALUE ...]

Runs rrpo-eval and rrpo-train score on MODEL, makes the same with transformers from the same frames, and prints for ids, pixels,
visual tokens, log-probabilities of an answer and 20 greedy tokens whether they are equal, or the largest difference. Fields
(video.frames=8, model.dtype=bfloat16, device=cuda) go to the programs. Both compute in float32 unless model.dtype says otherwise.
For families that transformers has: llava_onevision, internvl, qwen2_5_vl, qwen3_vl. Frames are resized with Pillow, as this program
does; transformers' own resize differs by a level in few bytes. Needs torch, transformers 5, PyAV and Pillow; downloads nothing.
Exit: 0 all near, 1 something differs, 4 a package or a program is absent."""
import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

CLIP = -200
# Where releases differ ours follow the one that the weights were trained with; here it is asked as transformers 5 asks.
AS_TRANSFORMERS_5 = {"qwen2_5_vl": "model.positions=transformers5", "qwen3_vl": "model.prompt=transformers5"}
NEAR = {"float32": 2e-3, "bfloat16": 1e-1}  # of the largest value; of a log-probability below 1, absolute
ANSWER = "In the video, a person walks from left to right."


def need(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"error: check_checkpoint: {name} is not installed; fix: pip install torch transformers av pillow", file=sys.stderr)
        raise SystemExit(4)


def run(program, *words):
    try:
        subprocess.run([str(program), *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        print(f"error: check_checkpoint: {program}: no such program; fix: build it, or name its folder with --programs", file=sys.stderr)
        raise SystemExit(4)
    except subprocess.CalledProcessError as fault:
        raise SystemExit(fault.returncode)


def write_row(file, row):
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return file


def read_line(file):
    return json.loads(file.read_text(encoding="utf-8").splitlines()[0])


def ours(arguments, folder):
    """What the programs say of the clip: a prediction, the scores of an answer, the visual tokens."""
    video = arguments.video
    row = {"id": "1", "video": video.name, "question": arguments.question, "answer": ANSWER, "format": "short"}
    common = [f"model.path={arguments.model}", *arguments.fields]
    run(arguments.programs / "rrpo-eval", "--out", f"{folder}/eval", *common, f"eval.video_root={video.parent}", "eval.max_new_tokens=20",
        f"eval.questions={write_row(folder / 'questions.jsonl', row)}")
    prediction = read_line(folder / "eval" / "predictions.jsonl")
    row["frame_indices"] = prediction["frames"]["index"]
    run(arguments.programs / "rrpo-train", "score", "--out", f"{folder}/score", *common, f"data.video_root={video.parent}",
        f"data.pairs={write_row(folder / 'rows.jsonl', row)}", "objective.name=sft", f"data.cache={folder}/cache")
    from safetensors.torch import load_file
    tokens = load_file(next((folder / "cache").glob("*.safetensors")))["visual"]
    return prediction, read_line(folder / "score" / "scores.jsonl")["chosen"], tokens


def upright(frame):
    """The picture as a player shows it: turned by what the container says."""
    numpy = need("numpy")
    return numpy.ascontiguousarray(numpy.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90) % 4))


def read_frames(video, wanted):
    """The frames of these numbers, and the rate and number of all."""
    av = need("av")
    found, total = {}, 0
    with av.open(str(video)) as container:
        fps = float(container.streams.video[0].average_rate or 0)
        for number, frame in enumerate(container.decode(video=0)):
            total += 1
            if number in wanted:
                found[number] = upright(frame)
    return [found[number] for number in wanted], fps, total


class Theirs:
    """The original on the same clip."""

    def __init__(self, arguments, prediction):
        torch, transformers = need("torch"), need("transformers")
        self.torch, self.question = torch, arguments.question
        dtype = next((f.split("=", 1)[1] for f in arguments.fields if f.startswith("model.dtype=")), "float32")
        self.near = NEAR.get(dtype, NEAR["float32"])
        self.processor = transformers.AutoProcessor.from_pretrained(arguments.model, local_files_only=True)
        self.model = transformers.AutoModelForImageTextToText.from_pretrained(
            arguments.model, local_files_only=True, dtype=getattr(torch, dtype, torch.float32)).eval()
        self.index = prediction["frames"]["index"]
        self.frames, self.fps, self.total = read_frames(arguments.video, self.index)
        self.inputs = self.make_inputs()

    def make_inputs(self):
        talk = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": self.question}]}]
        text = self.processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        first = self.process(text, self.frames)
        self.resized = [self.resize(frame, *self.size_of(first)) for frame in self.frames]
        return self.process(text, self.resized, do_resize=False)

    def process(self, text, frames, **settings):
        import numpy
        metadata = {"total_num_frames": self.total, "fps": self.fps or None, "frames_indices": self.index}
        return self.processor(text=[text], videos=[numpy.stack(frames)], video_metadata=[[metadata]], do_sample_frames=False,
                              return_tensors="pt", **settings)

    def size_of(self, inputs):
        """Height and width of a frame as the tower takes it."""
        if "video_grid_thw" in inputs:
            patch = self.model.config.vision_config.patch_size
            return [int(side) * patch for side in inputs["video_grid_thw"][0][1:]]
        return list(inputs["pixel_values_videos" if "pixel_values_videos" in inputs else "pixel_values"].shape[-2:])

    @staticmethod
    def resize(frame, height, width):
        import numpy
        from PIL import Image
        return numpy.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))

    def pixels_hash(self):
        import numpy
        processor = self.processor.video_processor
        value = numpy.stack(self.resized).astype(numpy.float64) * processor.rescale_factor
        mean, std = (numpy.asarray(x, dtype=numpy.float32) for x in (processor.image_mean, processor.image_std))
        value = (value.astype(numpy.float32) - mean) / std
        multiple = getattr(processor, "temporal_patch_size", 1) if "video_grid_thw" in self.inputs else 1
        value = numpy.concatenate([value] + [value[-1:]] * (-len(value) % multiple))
        return hashlib.sha256(value.transpose(0, 3, 1, 2).astype("<f4").tobytes()).hexdigest()

    def is_visual(self, ids):
        config = self.model.config
        marks = [getattr(config, name) for name in ("video_token_id", "video_token_index", "image_token_id", "image_token_index")
                 if getattr(config, name, None) is not None]
        return self.torch.isin(ids, self.torch.tensor(marks))

    def ids_hash(self):
        ids, visual = self.inputs["input_ids"][0], self.is_visual(self.inputs["input_ids"][0])
        kept = [CLIP if visual[i] else int(ids[i]) for i in range(len(ids)) if not (visual[i] and i and visual[i - 1])]
        return hashlib.sha256(b"".join(struct.pack("<q", one) for one in kept)).hexdigest()

    def answer(self, ids):
        """Visual tokens as they enter the decoder, and the log-probabilities of `ids` behind the prompt."""
        torch, inputs = self.torch, dict(self.inputs)
        tail = torch.tensor([ids[:-1]])
        for name, value in inputs.items():
            if torch.is_tensor(value) and value.shape == self.inputs["input_ids"].shape:
                more = tail if name == "input_ids" else torch.full_like(tail, 1 if name == "attention_mask" else 0)
                inputs[name] = torch.cat([value, more.to(value.dtype)], 1)
        seen = {}

        def keep(_, __, words):
            seen["rows"] = words["inputs_embeds"].detach()[0]
        hook = self.model.model.language_model.register_forward_pre_hook(keep, with_kwargs=True)
        with torch.no_grad():
            logits = self.model(**inputs).logits[0, -len(ids):].double()
        hook.remove()
        return seen["rows"][self.is_visual(inputs["input_ids"][0])], logits.log_softmax(1).gather(1, torch.tensor(ids).unsqueeze(1))[:, 0]

    def greedy(self):
        with self.torch.no_grad():
            ids = self.model.generate(**self.inputs, max_new_tokens=20, do_sample=False)
        return self.processor.tokenizer.decode(ids[0, self.inputs["input_ids"].shape[1]:], skip_special_tokens=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder")
    parser.add_argument("--video", required=True, type=Path)
    parser.add_argument("--question", default="What happens in the video?")
    parser.add_argument("--programs", type=Path, default=Path(__file__).resolve().parent.parent / "build", help="folder of rrpo-eval and rrpo-train")
    parser.add_argument("fields", nargs="*", help="FIELD=VALUE for the programs")
    arguments = parser.parse_intermixed_args()
    arguments.video = arguments.video.resolve()
    own = AS_TRANSFORMERS_5.get(json.loads((arguments.model / "config.json").read_text())["model_type"])
    if own and not any(field.split("=")[0] == own.split("=")[0] for field in arguments.fields):
        arguments.fields.append(own)
        print(f"compared with {own}")
    with tempfile.TemporaryDirectory() as folder:
        prediction, scores, tokens = ours(arguments, Path(folder))
    theirs = Theirs(arguments, prediction)
    rows, logp = theirs.answer(scores["ids"])
    lines = [("ids of the prompt", theirs.ids_hash() == prediction["ids_sha256"], ""),
             ("pixels", theirs.pixels_hash() == prediction["frames"]["input_sha256"], f"{len(theirs.index)} frames")]
    wide = rows.double()
    # A newline vector behind the clip, say, is a token of ours and no placeholder of theirs.
    if len(wide) == len(tokens):
        difference = float((tokens.double() - wide).abs().max() / wide.abs().max())
        lines.append(("visual tokens", difference <= theirs.near, f"{len(tokens)} of them, difference {difference:.1e} of the largest"))
    else:
        lines.append(("visual tokens", False, f"{len(tokens)} of ours, {len(wide)} of theirs"))
    ours_logp = theirs.torch.tensor(scores["logp"]).double()
    difference = float(((ours_logp - logp).abs() / logp.abs().clamp(min=1)).max())
    lines.append(("log-probabilities", difference <= theirs.near, f"{len(logp)} tokens, difference {difference:.1e}"))
    text = theirs.greedy()
    lines.append(("20 greedy tokens", text.strip() == prediction["raw"].strip(), f"{prediction['raw']!r}" + ("" if text.strip() == prediction["raw"].strip() else f", theirs {text!r}")))
    for name, near, note in lines:
        print(f"{name:20} {'equal' if near and 'difference' not in note else 'near' if near else 'DIFFERS':8} {note}")
    return 0 if all(near for _, near, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
