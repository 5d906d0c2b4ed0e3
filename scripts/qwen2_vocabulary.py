#!/usr/bin/env python3
"""Writes Qwen2's tokenizer files from the ranks that its authors publish for tiktoken: qwen2_vocabulary.py FILE DIR

A token's rank is its id. The merge that makes it is the pair of tokens that byte-pair encoding, with better ranks only,
leaves of its bytes. Writes DIR/qwen2/ (one tokenizer.json) and DIR/qwen2_files/ (the older vocab.json and merges.txt).
Standard library only.
"""
import base64
import json
import sys
from pathlib import Path

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_symbols():
    """GPT-2's printable character of each byte."""
    kept = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    return {**{byte: chr(byte) for byte in kept}, **{byte: chr(0x100 + i) for i, byte in enumerate(others)}}


def parts(token, ranks):
    """The two tokens of better rank that `token` is merged from."""
    pieces = [token[i:i + 1] for i in range(len(token))]
    while len(pieces) > 2:
        best = min(range(len(pieces) - 1), key=lambda i: ranks.get(pieces[i] + pieces[i + 1], len(ranks)))
        assert pieces[best] + pieces[best + 1] in ranks and pieces[best] + pieces[best + 1] != token, token
        pieces[best:best + 2] = [pieces[best] + pieces[best + 1]]
    return pieces


def added(index):
    return {"content": SPECIAL[index], "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}


def main():
    ranks = {}
    for line in Path(sys.argv[1]).read_text().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    symbols = byte_symbols()
    spell = lambda token: "".join(symbols[byte] for byte in token)  # noqa: E731
    merges = [[spell(part) for part in parts(token, ranks)] for token in sorted(ranks, key=ranks.get) if len(token) > 1]
    vocabulary = {spell(token): rank for token, rank in ranks.items()}
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
              "added_tokens_decoder": {str(len(ranks) + i): added(i) for i in range(len(SPECIAL))}}
    single = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": len(ranks) + i, **added(i)} for i in range(len(SPECIAL))],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": merges}}
    for name, files in {"qwen2": {"tokenizer.json": json.dumps(single)},
                        "qwen2_files": {"vocab.json": json.dumps(vocabulary),
                                        "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)}}.items():
        folder = Path(sys.argv[2]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in {**files, "tokenizer_config.json": json.dumps(config, indent=2)}.items():
            (folder / file).write_text(text)
    print(f"Qwen2: {len(ranks)} tokens, {len(merges)} merges")


if __name__ == "__main__":
    main()
