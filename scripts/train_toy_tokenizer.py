#!/usr/bin/env python3
"""Trains the toy world's tokenizer and writes data/toy/tokenizer/. Done once: a tokenizer made anew may change ids, and a
model trained with other ids is lost, so the result is committed and this script refuses to replace it without --force.

Byte-level BPE with Qwen2's normaliser (NFC) and split pattern, learnt from the sentences that the toy world can utter.
Run it with any Python 3.9+: it makes its own virtual environment .venv-tokenizer beside the sources when the running
Python has no `tokenizers`.
"""
import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tokenizers==0.23.3"
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
LARGEST_VOCABULARY = 600

COLOURS = ["red", "green", "blue", "yellow"]
SHAPES = ["circle", "square", "triangle"]
WAYS = ["left", "right", "up", "down"]
PLACES = ["northwest", "north", "northeast", "west", "center", "east", "southwest", "south", "southeast"]
STYLE = "In this video, "

CHAT_TEMPLATE = (
    "{%- for message in messages -%}\n"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}\n"
    "{%- for part in message['content'] if part['type'] == 'image' -%}{{ '<image>\\n' }}{%- endfor -%}\n"
    "{%- for part in message['content'] if part['type'] == 'video' -%}{{ '<video>\\n' }}{%- endfor -%}\n"
    "{%- for part in message['content'] if part['type'] == 'text' -%}{{ part['text'] }}{%- endfor -%}\n"
    "{{ '<|im_end|>\\n' }}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}\n")


def thing(rng):
    return f"{rng.choice(COLOURS)} {rng.choice(SHAPES)}"


def clip_sentences(rng):
    """Questions and answers about a clip of two moving objects."""
    first, last = thing(rng), thing(rng)
    which, way, other = rng.choice(["first", "last"]), rng.choice(WAYS), rng.choice(WAYS)
    colour, shape = rng.choice(COLOURS), rng.choice(SHAPES)
    a, b, c, d = (rng.choice(PLACES) for _ in range(4))
    options = rng.sample(WAYS, 4)
    letters = [f"({letter}) {option}" for letter, option in zip("ABCD", options)]
    yield f"What shape is the {colour} object?", f"The {colour} object is a {shape}."
    yield f"Which way does the {which} object move?", f"The {which} object moves {way}."
    yield f"Which way does the {which} object move? " + " ".join(letters), rng.choice(letters)
    yield "Which object appears first?", f"The {first} appears first."
    yield f"Is there a {last} in the video?", rng.choice([f"Yes, there is a {last}.", f"No, there is no {last}."])
    yield "Describe the video.", f"First a {first} moves {way}, then a {last} moves {other}."
    yield f"Where does the {which} object go?", f"The {which} object goes from {a} to {b}."
    yield "List the paths.", f"First {first} {a} to {b}, last {last} {c} to {d}."


def still_sentences(rng):
    """Questions and answers about a picture of a few objects."""
    colour, shape, place = rng.choice(COLOURS), rng.choice(SHAPES), rng.choice(PLACES)
    things = [f"{thing(rng)} {rng.choice(PLACES)}" for _ in range(rng.randint(2, 4))]
    yield "List the objects.", ", ".join(things) + "."
    yield f"What is at {place}?", rng.choice([f"A {thing(rng)}.", "Nothing."])
    yield f"Where is the {colour} object?", f"The {colour} {shape} is at {place}."


def corpus():
    rng = random.Random(5)
    for _ in range(1500):
        for question, answer in list(clip_sentences(rng)) + list(still_sentences(rng)):
            yield question
            yield answer
            if rng.random() < 0.3:
                yield STYLE + answer[0].lower() + answer[1:]
            yield "user\n"
            yield "assistant\n"
            yield "system\nYou are a helpful assistant."


def train():
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=LARGEST_VOCABULARY - len(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train()
    tokenizer.save(str(folder / "tokenizer.json"))
    added = {str(tokenizer.token_to_id(token)): {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                                                 "single_word": False, "special": True} for token in SPECIAL}
    config = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": added, "additional_special_tokens": SPECIAL[1:],
              "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None,
              "add_prefix_space": False, "clean_up_tokenization_spaces": False, "errors": "replace",
              "model_max_length": 4096, "split_special_tokens": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    print(f"{folder}: {tokenizer.get_vocab_size()} tokens")


def ensure_tokenizers():
    """Runs this script again inside a virtual environment when `tokenizers` is missing here."""
    try:
        import tokenizers  # noqa: F401
        return
    except ImportError:
        pass
    python = ROOT / ".venv-tokenizer" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        sys.exit("tokenizers is missing in .venv-tokenizer; fix: remove that folder and run again")
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE])
    os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "data/toy/tokenizer")
    parser.add_argument("--force", action="store_true", help="replace a tokenizer that is there")
    arguments = parser.parse_args()
    if (arguments.out / "tokenizer.json").exists() and not arguments.force:
        sys.exit(f"{arguments.out}/tokenizer.json exists: models know its ids; fix: --out elsewhere, or --force")
    ensure_tokenizers()
    write(arguments.out)


if __name__ == "__main__":
    main()
