#!/usr/bin/env python3
"""Writes tests/golden/wordpiece/: what transformers' BertTokenizer (4.40, as VideoChat2 uses it) makes of nasty texts.

    python3 scripts/oracles/wordpiece.py               writes the golden file; makes the vocabulary where it is missing
    python3 scripts/oracles/wordpiece.py --check       computes everything again and compares, writes nothing
    python3 scripts/oracles/wordpiece.py --vocabulary FILE   also compares a real vocab.txt: prints a hash of all ids

vocab.txt: BERT's special tokens, letters and `##` letters of several scripts, punctuation, some words. golden.json: per text the
ids without the special tokens, and for some lengths the ids of `[CLS] … [SEP]` cut on the left.

Run it with any Python 3.10+: it makes its own virtual environment .venv-oracle-videochat2 when the running one lacks the packages.
"""
import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import tokenizer as base  # noqa: E402
import videochat2_original as original  # noqa: E402

FOLDER = base.ROOT / "tests" / "golden" / "wordpiece"
WORDS = ["the", "a", "red", "square", "video", "watch", "care", "##fully", "carefully", "obs", "##er", "##ver", "##vations", "cafe", "naive",
         "move", "##s", "##ment", "left", "right", "up", "down", "answer", "question", "10", "##00", "20", "ss", "fi", "中", "国", "привет",
         "##вет", "при", "и", "##и", "unaffable", "un", "##aff", "##able"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ßøæœłđıσςωαβγабвгдежзкмнопрстюяשלוםعربيهانก่าไทหあいうカナ視頻红方块"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»–—‘’“”…、。「」！？¬€©™°→√😀👍"
TEXTS = ["[CLS] a [SEP]", "[cls] a [sep]", "a[SEP]b", "[MASK]", "[PAD][UNK]", "[DEC] red", "[dec]", "[CL\u00adS]", "[ SEP ]", "[[SEP]]", "[[UNK]", "[U", "##s", "## s", "a##s",
         "Carefully watch the video and pay attention to the cause and sequence of events.\n", "Unaffable", "ΑΣ ΣΑΣ Σ", "İstanbul I\u0307", "DŽ Dž dž",
         "x" * 100, "x" * 101, "é" * 100, "e\u0301" * 101, "中国中国", "a中b国c", "\uf900\ufa0e\U0002f800\U00020000", "１２ ａｂ Ａ", "\u037e;\u1fef`", "a\u0903b", "\u0903\u0301\u302e\u0316x",
         "e\u0301\u0323 a\u0323\u0301", "\u0301", "a \u0301 b", "\u0344", "ﬃ ﬅ", "a\u2028b\u2029c", "a\u200bb", "a\ufeffb", "\ue000", "\U000e0041", "x\u0000y", "\ufffd", "a\u00a0b\u3000c",
         "don't", "a_b", "a-b", "a—b", "$1,000.50", "C++", "100%", "(A) up (B) left", "<Video>", "</s>", "Å", "\u212b\u212a\u2126", "ŉ", "ǰ", "ΐ", "각\uac01\u1100", "हिन्दी", "ไทย", "ภาษาไทย",
         "👍🏽👨‍👩‍👧", "\U0001d400", "\u0130", "\u1e9e", "\ua64a", "\u13a0", "\u10d0\u1c90", "\u24b6", "\u2160", "\u0370", "\u03f4", "\u2c2f"]


def vocabulary():
    letters = sorted(set(LETTERS))
    return list(dict.fromkeys(["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters),
                               *PUNCTUATION, *WORDS]))


def texts():
    rng = random.Random(5)
    parts = base.PARTS + ["[SEP]", "[DEC]", "中", "Σ", "é", "É", "##", "\u200d", "\u0085", "\u2028", "—", "the", "Red", "\u00ad", "\u302e", "\u0903"]
    return TEXTS + base.TEXTS + ["".join(rng.choices(parts, k=rng.randint(2, 12))) for _ in range(200)]


def goldens(file):
    tokenizer = original.bert_tokenizer(file)
    cases = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False)} for text in texts()]
    lengths = [3, 5, 9, 512]
    cut = [{"text": text, "most": most, "ids": tokenizer(text, truncation=True, max_length=most)["input_ids"]} for text in TEXTS[13:18] + [" ", ""] for most in lengths]
    return {"recipe": "scripts/oracles/wordpiece.py", "versions": original.versions(), "size": len(tokenizer), "cases": cases, "cut": cut}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    parser.add_argument("--vocabulary", type=Path, help="a real vocab.txt: its ids are hashed as well")
    arguments = parser.parse_args()
    original.ensure_packages()
    if arguments.vocabulary:
        print(base.number_hash(n for case in goldens(arguments.vocabulary)["cases"] for n in case["ids"]))
        return
    file = FOLDER / "vocab.txt"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(token + "\n" for token in vocabulary()))
    golden = goldens(file)
    if arguments.check:
        old = json.loads((FOLDER / "golden.json").read_text())
        if {k: v for k, v in old.items() if k != "versions"} != {k: v for k, v in json.loads(json.dumps(golden)).items() if k != "versions"}:
            raise SystemExit(f"{FOLDER}: differs")
        print(f"{FOLDER}: agrees")
        return
    rows = [f" {json.dumps(key)}: " + ("[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n ]" if isinstance(value, list) else json.dumps(value))
            for key, value in golden.items()]
    (FOLDER / "golden.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
