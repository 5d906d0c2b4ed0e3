#!/usr/bin/env python3
"""Measures how fast our tokenizers encode beside the originals: CPU seconds, one thread, medians of interleaved runs.

    scripts/fetch_vocabularies.sh DIR && ninja -C build tokenize
    python3 scripts/measure_tokenizers.py DIR [--build build] [--runs 7] [TEXT_FILE ...]

Texts: this repository's English (README), its C++, and the nasty mixture of scripts/oracles/tokenizer.py, 1 MB each, or the
files that are named. Before anything is timed the ids must be equal. `first` is the first run of a new process, before any
word is known; the others find their words in the caches that ours and `tokenizers` keep (`sentencepiece` and `tiktoken` keep
none). Ours and `tokenizers` also give each token's range; the other two give ids only, their faster form.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", OMP_NUM_THREADS="1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts/oracles"))
import tokenizer as oracle  # noqa: E402

MEGABYTE = 1000000


def filled(texts):
    """About a megabyte of these texts, repeated when they are shorter."""
    text = "\n".join(texts)
    return (text * (MEGABYTE // len(text.encode()) + 1))[:MEGABYTE]


def texts(files):
    if files:
        return {file.name: file.read_text() for file in files}
    sources = sorted(ROOT.glob("src/**/*.cpp"))
    return {"English": filled([(ROOT / "README.md").read_text()]), "C++": filled([file.read_text() for file in sources]),
            "mixed": oracle.mixed_text(oracle.mixed_parts(), 7, MEGABYTE)}


class Ours:
    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, file):
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["ids"]


def originals(folder, name):
    """Per library a function from text to ids."""
    if name != "qwen2":
        pieces = oracle.Pieces(folder / name / "tokenizer.model")
        return {"sentencepiece": lambda text: pieces.library.encode(text)}
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(folder / name / "tokenizer.json"))
    config = json.loads((folder / name / "tokenizer.json").read_text())
    encoding = tiktoken.Encoding(
        "qwen2", pat_str=config["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"],
        mergeable_ranks=load_tiktoken_bpe(str(folder / "wheels/dashscope/resources/qwen.tiktoken")),
        special_tokens={token["content"]: token["id"] for token in config["added_tokens"]})
    return {"tokenizers": lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
            "tiktoken": lambda text: encoding.encode(unicodedata.normalize("NFC", text), allowed_special="all")}


def timed(encode, text):
    begin = time.process_time()
    ids = encode(text)
    return time.process_time() - begin, oracle.number_hash(ids)


def measure(label, text, ours, theirs, runs):
    seconds = {name: [] for name in ["ours", *theirs]}
    with tempfile.NamedTemporaryFile("wb") as file:
        file.write(text.encode())
        file.flush()
        hashes = set()
        for _ in range(runs + 1):
            for name in seconds:
                took, ids = ours.run(file.name) if name == "ours" else timed(theirs[name], text)
                seconds[name].append(took)
                hashes.add(ids)
    if len(hashes) != 1:
        sys.exit(f"{label}: the ids differ: {hashes}")
    size = len(text.encode()) / 1e6
    mine = statistics.median(seconds["ours"][1:])
    for name, took in seconds.items():
        median = statistics.median(took[1:])
        print(f"{label:18} {name:14} first {size / took[0]:7.1f} MB/s  median {size / median:7.1f} MB/s"
              f"  ours is {took[0] / seconds['ours'][0]:5.2f} x / {median / mine:5.2f} x as fast")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vocabularies", type=Path, help="folder that scripts/fetch_vocabularies.sh filled")
    parser.add_argument("files", nargs="*", type=Path, help="texts instead of the three")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    oracle.ensure_packages()
    for name in ("qwen2", "mistral"):
        theirs = originals(arguments.vocabularies, name)
        for label, text in texts(arguments.files).items():
            if name == "mistral":  # the library alone does not find special pieces
                text = text.replace("<s>", "").replace("</s>", "").replace("<unk>", "")
            ours = Ours(arguments.build / "tests/tokenize", arguments.vocabularies / name)
            measure(f"{name} {label}", text, ours, theirs, arguments.runs)


if __name__ == "__main__":
    main()
