#!/usr/bin/env python3
"""Writes tests/golden/tokenizer.json: what the `tokenizers` library makes of nasty texts with the toy tokenizer.

    python3 -m venv .venv-tokenizer
    .venv-tokenizer/bin/pip install tokenizers==0.23.3 transformers==5.23.0
    .venv-tokenizer/bin/python scripts/oracles/tokenizer.py

Per text: `ids`; `offsets`, the byte range of each token in the text as given (the library counts characters and names the
first character of a composed group only); `decoded` with special tokens; and `words`, the byte ranges that the split
pattern makes of the NFC text. The ids are also demanded of transformers' Qwen2Tokenizer.
"""
import json
import random
import unicodedata
from pathlib import Path

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, pre_tokenizers

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "data/toy/tokenizer"
GOLDEN = ROOT / "tests/golden/tokenizer.json"

TEXTS = [
    "", " ", "  ", "a", " a", "a ", "a  ", "a  b", "a   b", "\n", "\r\n", "a\nb", "a \n b", "a\n\n  b", " \n \n ", "\t\tx", "x\t ",
    "In this video, the red object is a square.",
    "Which way does the first object move? (A) up (B) left (C) right (D) down",
    "<|im_start|>user\n<video>\nDescribe the video.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_end|>", "a<|im_end|>b", "<|im_end|", "<|im_end|><|im_end|>", " <video> ", "<video><image>\n", "<<video>>", "<|IM_END|>",
    "I'm you're he'S we'VE I'LL she'd don't 's 't", "x's\u017f 'ſ'ſx 'Ll 'lL'M", "''s 'sss '' ' s", "rock'n'roll o'clock l'été",
    "2026 12.5% 1,000,000 a1b2 ½ Ⅳ ٣٤ ²", "x=1;y=-2", "(C) left", "((C)) [left] {up}!", "...", "... a", "a...\n\n", "?!\r\n\r\nYes",
    "caf\u00e9", "cafe\u0301", "e\u0301", " e\u0301 ", "\u0301", "a\u0301\u0323b", "q\u0307\u0323", "\u1100\u1161\u11a8", "\uac00\u11a8",
    "A\u030a\u212b\u00c5", "\u0958\u0915\u093c", "\u0f73\u0f71\u0f72", "\u2126\u03a9", "<video>\u0338", "\u0344", "e\u0301\u0301red",
    "数字 2 と漢字。「はい」", "привет, мир", "שלום עולם", "مرحبا بالعالم", "ไทยภาษา", "日本語\nの文", "한국어 문장", "नमस्ते", "ﬁﬂ ﬆ ŉ ß ẞ İ ı",
    "👍🏽 👨‍👩‍👧‍👦 🇩🇪", "a👍b", "\u200b\u200d\ufeff", "a\u00a0b\u3000c\u2003\u2028d\u2029e\u0085f", "\u180e x\u180ey", "\u001c\u001f x", "a\u000b\u000cb",
    "\u00ad soft", "\ue000\U000f0000", "\U0001d400\U0001d7d8", "ſ", "naïve Ångström", "x\u0300\n y\u0300", "   leading", "trailing   ", "tab\tand  two",
    "The red square appears first." * 3, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\u0000\u0001\u007f",
]
PARTS = ["a", "red", "The", " ", "  ", "\n", "\r", "\t", "'", "'s", "'LL", "ſ", "1", "٣", ".", "!?", "(", "é", "e\u0301", "\u0323", "\u0301", "漢",
         "👍", "\u00a0", "\u3000", "\u1100", "\u1161", "\u11a8", "<video>", "<|im_end|>", "<", "|>", "\u0085", "ß", "Ω", "\u2126", "_"]


def fuzz(count):
    rng = random.Random(11)
    return ["".join(rng.choices(PARTS, k=rng.randint(2, 9))) for _ in range(count)]


def byte_offsets(text, ranges):
    before = [0]
    for character in text:
        before.append(before[-1] + len(character.encode()))
    return [[before[begin], before[end]] for begin, end in ranges]


def main():
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    qwen2 = transformers.AutoTokenizer.from_pretrained(FOLDER)
    pattern = json.loads(tokenizer.to_str())["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    cases = []
    for text in TEXTS + fuzz(150):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        assert qwen2(text, add_special_tokens=False)["input_ids"] == encoded.ids, text
        normal = unicodedata.normalize("NFC", text)
        cases.append({"text": text, "ids": encoded.ids, "offsets": byte_offsets(text, encoded.offsets),
                      "decoded": tokenizer.decode(encoded.ids, skip_special_tokens=False),
                      "nfc": normal, "words": byte_offsets(normal, [span for _, span in split.pre_tokenize_str(normal)])})
    prompt = qwen2.apply_chat_template(
        [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "Which object appears first?"}]}],
        tokenize=False, add_generation_prompt=True)
    golden = {"recipe": "scripts/oracles/tokenizer.py", "tokenizers": tokenizers.__version__,
              "transformers": transformers.__version__, "unicodedata": unicodedata.unidata_version, "prompt": prompt}
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(golden)[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    print(f"{GOLDEN}: {len(cases)} texts, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
