#!/usr/bin/env python3
r"""How alike the scenes of replies and of truths are, for VidHalluc's changes of scene (eval.similarities).

  python3 scripts/benchmarks/similarities.py --questions questions.jsonl --predictions predictions.jsonl \
      --out similarities.jsonl

One JSON line for each pair that the benchmark's script compares: {"a": the reply's, "b": the truth's, "similarity"}.
The similarity is the cosine of the last hidden states at the first token of SimCSE (sup-simcse-roberta-large), each text
alone, in single precision, as in that script. Needs torch and transformers, and the model (1.4 GB), which is downloaded
unless --model names a folder. Several predictions files may be given. Exit: 0, 3 bad rows, 4 a package or file is absent."""
import argparse
import json
import os
import re
import sys
from pathlib import Path

MODEL = "princeton-nlp/sup-simcse-roberta-large"
SCENES = re.compile(r"from (.+?) to (.+?)\.", re.IGNORECASE)


def fail(code, problem):
    print(f"similarities: {problem}", file=sys.stderr)
    raise SystemExit(code)


def rows(path):
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        fail(4, f"{path}: {error.strerror}")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            fail(3, f"{path}:{number}: is no JSON")
        if not isinstance(row, dict) or "id" not in row:
            fail(3, f"{path}:{number}: has no id")
        yield row


def reply_parts(reply):
    """What a reply says about the change, and its sentence about the places."""
    change, found, places = reply.partition(", Locations: ")
    change = change.split(": ", 1)[-1].split(",")[0].strip()
    return change, places.strip() if found else ""


def scenes(sentence):
    """The two scenes of `from X to Y.`; nothing where the sentence does not begin so."""
    match = SCENES.match(sentence)
    pair = tuple(part.strip() for part in match.groups()) if match else ()
    return pair if all(pair) else ()


def truths(path):
    """The sentence of each change of scene, by id."""
    out = {}
    for row in rows(path):
        answer = row.get("answer")
        if row.get("format") == "scene_change" and isinstance(answer, dict) and answer.get("keys") == ["yes"]:
            out[row["id"]] = answer.get("aux", {}).get("locations") or ""
    return out


def pairs(sentences, predictions):
    """Each pair of texts once, in order."""
    out = {}
    for path in predictions:
        for row in rows(path):
            reply = row.get("raw", row.get("response"))
            if row["id"] not in sentences or not isinstance(reply, str):
                continue
            change, places = reply_parts(reply)
            if change.lower() == "yes":
                said, true = scenes(places), scenes(sentences[row["id"]])
                out.update(dict.fromkeys(zip(said, true) if said and true else ()))
    return list(out)


class SimCse:
    def __init__(self, name):
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            fail(4, f"needs {error.name}; fix: python3 -m pip install torch transformers")
        self.torch, self.known = torch, {}
        try:
            self.tokenizer, self.model = AutoTokenizer.from_pretrained(name), AutoModel.from_pretrained(name).eval()
        except OSError as error:
            fail(4, f"{name}: {str(error).splitlines()[0]}")

    def of(self, text):
        if text not in self.known:
            with self.torch.no_grad():
                state = self.model(**self.tokenizer(text, return_tensors="pt", truncation=True)).last_hidden_state
            self.known[text] = state[0, 0].float()
        return self.known[text]

    def similarity(self, a, b):
        return float(self.torch.nn.functional.cosine_similarity(self.of(a), self.of(b), dim=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=MODEL)
    options = parser.parse_args()
    sentences = truths(options.questions)
    if not sentences:
        fail(3, f"{options.questions}: holds no change of scene; fix: give what rrpo-eval convert vidhalluc has written")
    found = pairs(sentences, options.predictions)
    model = SimCse(options.model) if found else None
    part = options.out.with_name(options.out.name + ".part")
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as out:
            for done, (a, b) in enumerate(found, 1):
                row = {"a": a, "b": b, "similarity": model.similarity(a, b)}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(f"\r{done} of {len(found)} pairs", end="", file=sys.stderr, flush=True)
        os.replace(part, options.out)
    except OSError as error:
        fail(4, f"{options.out}: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)
    print(f"\r{len(found)} pairs of {len(sentences)} changes of scene -> {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
