#!/usr/bin/env python3
"""Writes the tokenizers' golden files: what `tokenizers`, `sentencepiece` and `tiktoken` make of nasty texts.

    python3 scripts/oracles/tokenizer.py                       writes all of them
    python3 scripts/oracles/tokenizer.py --check               computes everything again and compares, writes nothing
    python3 scripts/oracles/tokenizer.py --new                 trains the tiny sentencepiece model anew as well
    python3 scripts/oracles/tokenizer.py --vocabularies DIR    real vocabularies too (scripts/fetch_vocabularies.sh DIR)

tests/golden/tokenizer.json: `tokenizers` with the toy tokenizer. Per text: `ids`; `offsets`, the byte range of each token in
  the text as given (the library counts characters and names the first character of a composed group only); `decoded` with
  special tokens; and `words`, the byte ranges that the split pattern makes of the NFC text. The ids are also demanded of
  transformers' Qwen2Tokenizer. `mixed` is about 1 MB of text made by a formula (see `mixed_text`) and the hashes of its ids,
  and of ids and ranges of its NFC.
tests/golden/vocab_and_merges/: the same vocabulary as `tokenizers` writes it in the older two files.
tests/golden/sentencepiece/: a tiny BPE model with byte fallback, trained here, and per text `ids`, `ranges` (bytes of the text)
  and `decoded`. At <s>, </s>, <unk> and control pieces the texts are split first, as transformers does it; what lies between
  is the library's. `first_only`: ids when only a text's beginning gets the dummy prefix; `bare`: when nothing does.
tests/golden/vocabularies.json: hashes of the ids that the real vocabularies of Qwen2 and Mistral 7B give for the same texts.

Run it with any Python 3.10+: it makes its own virtual environment .venv-tokenizer when the running one lacks the packages.
"""
import argparse
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = {"tokenizers": "0.23.3", "transformers": "5.23.0", "sentencepiece": "0.2.3", "tiktoken": "0.14.0", "jinja2": "3.1.6",
            "protobuf": "7.36.2"}
FOLDER = ROOT / "data/toy/tokenizer"
GOLDEN = ROOT / "tests/golden"
MODEL = GOLDEN / "sentencepiece/tokenizer.model"

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
    # what a hostile or careless person writes
    "a\u0000b", "\u0000", "\ufffd", "a\ufffd\ufffdb", "x" + " " * 300 + "y", " " * 257, "\t" * 40 + "x", "\n" * 33, "\r\n" * 9 + "The", " \r\n \r\n ",
    "\u0301\u0323 \u0301", "\u200d", "👩‍❤️‍💋‍👨🏳️‍🌈", "🇩🇪🇫🇷🇪", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u1112\u1161 \u11ab", "한국\u1100\u1161",
    "שָׁלוֹם", "السَّلَامُ عَلَيْكُمْ", "\u202ered\u202c", "\u2067abc\u2069", "中" * 40, "我喜欢红色的方块。它先出现！", "ｆｕｌｌ ｗｉｄｔｈ", "𠮷野家", "a\U0010ffff",
    "<s>", "</s>", "<unk>", "a</s>b", "a </s> b", "<s>The red square</s>", "</s></s>", "x<unk>y", "<s> a", "</s", "<s >", "[INST] What? [/INST] Left.</s>",
    "<0x0A>", "<0x00>\u0000", "⁇ \u2047", "▁", "▁a ▁ b▁", " ▁", "a▁▁b", "▁</s>▁", "<image>\nWhat?", "<image", "<im", "<im<image>age>", "The<image>red",
    "<MASK> red </MASK>", "<mask>red</mask>.", "<|im_start|>system\n<|im_end|>", "<|endoftext|>red<|endoftext|>", "<|im_end|>\u0301", "<image>\u0301\u0323",
]
PARTS = ["a", "red", "The", " ", "  ", "\n", "\r", "\t", "'", "'s", "'LL", "ſ", "1", "٣", ".", "!?", "(", "é", "e\u0301", "\u0323", "\u0301", "漢",
         "👍", "\u00a0", "\u3000", "\u1100", "\u1161", "\u11a8", "<video>", "<|im_end|>", "<", "|>", "\u0085", "ß", "Ω", "\u2126", "_"]




def fuzz(count):
    rng = random.Random(11)
    return ["".join(rng.choices(PARTS, k=rng.randint(2, 9))) for _ in range(count)]


def all_texts():
    return TEXTS + fuzz(150)


def mixed_text(parts, seed, size):
    """Parts drawn by a 64-bit linear congruential generator, at least `size` bytes; the C++ test computes the same."""
    encoded, out, length, state = [part.encode() for part in parts], [], 0, seed
    while length < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(encoded[(state >> 33) % len(parts)])
        length += len(out[-1])
    return b"".join(out).decode()


def number_hash(numbers):
    """FNV-1a over 64-bit numbers, as tests/text/token_hash.h."""
    value = 0xcbf29ce484222325
    for number in numbers:
        value = ((value ^ number) * 0x100000001b3) % 2**64
    return value


def hash_of_ranges(ranges):
    return number_hash(number for span in ranges for number in span)


def bytes_before(text):
    """Per character of the text, and for its end, the bytes before it."""
    before = [0]
    for character in text:
        before.append(before[-1] + len(character.encode()))
    return before


def byte_offsets(text, ranges):
    before = bytes_before(text)
    return [[before[begin], before[end]] for begin, end in ranges]


# --- byte-level BPE ----------------------------------------------------------------------------------------------------------

def bpe_case(tokenizer, split, text):
    encoded = tokenizer.encode(text, add_special_tokens=False)
    normal = unicodedata.normalize("NFC", text)
    return {"text": text, "ids": encoded.ids, "offsets": byte_offsets(text, encoded.offsets),
            "decoded": tokenizer.decode(encoded.ids, skip_special_tokens=False),
            "nfc": normal, "words": byte_offsets(normal, [span for _, span in split.pre_tokenize_str(normal)])}


def bpe_mixed(tokenizer, text):
    """Hashes of one long text; it is demanded that decoding gives its NFC."""
    normal = unicodedata.normalize("NFC", text)
    encoded, of_normal = (tokenizer.encode(it, add_special_tokens=False) for it in (text, normal))
    assert tokenizer.decode(encoded.ids, skip_special_tokens=False) == normal
    return {"tokens": len(encoded.ids), "ids": number_hash(encoded.ids), "nfc_ids": number_hash(of_normal.ids),
            "nfc_ranges": hash_of_ranges(byte_offsets(normal, of_normal.offsets))}


def mixed_parts():
    """Without U+0338, which composes with the end of a special token: there decoding cannot give the NFC of the whole."""
    return [text for text in TEXTS if len(text) < 100 and "\u0338" not in text] + PARTS * 3


def bpe_golden():
    import transformers
    from tokenizers import Regex, Tokenizer, pre_tokenizers
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    qwen2 = transformers.AutoTokenizer.from_pretrained(FOLDER)
    pattern = json.loads(tokenizer.to_str())["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    cases = [bpe_case(tokenizer, split, text) for text in all_texts()]
    for case in cases:
        assert qwen2(case["text"], add_special_tokens=False)["input_ids"] == case["ids"], case["text"]
    prompt = qwen2.apply_chat_template(
        [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "Which object appears first?"}]}],
        tokenize=False, add_generation_prompt=True)
    mixed = {"parts": mixed_parts(), "seed": 7, "bytes": 1000000}
    mixed.update(bpe_mixed(tokenizer, mixed_text(mixed["parts"], mixed["seed"], mixed["bytes"])))
    return {"recipe": "scripts/oracles/tokenizer.py", **versions("tokenizers", "transformers"),
            "unicodedata": unicodedata.unidata_version, "prompt": prompt, "mixed": mixed, "cases": cases}


def vocab_and_merges():
    """The two older files as `tokenizers` writes them."""
    from tokenizers import Tokenizer
    with tempfile.TemporaryDirectory() as folder:
        Tokenizer.from_file(str(FOLDER / "tokenizer.json")).model.save(folder)
        files = {name: (Path(folder) / name).read_text() for name in ("vocab.json", "merges.txt")}
    return {**files, "tokenizer_config.json": (FOLDER / "tokenizer_config.json").read_text()}


# --- sentencepiece -----------------------------------------------------------------------------------------------------------

def train_sentencepiece():
    import sentencepiece
    sys.path.insert(0, str(ROOT / "scripts"))
    import train_toy_tokenizer
    sentences = [sentence.strip() for sentence in train_toy_tokenizer.corpus()][:4000]
    sentences += [text for text in TEXTS[:60] if len(text) > 3 and "\n" not in text and "\u0000" not in text] * 3
    sentences += ["if x:" + " " * 8 + "y" + " " * 4 + "z  w"] * 50
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=file, model_type="bpe", vocab_size=640, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, split_digits=True,
        character_coverage=0.995, control_symbols=["[INST]", "[/INST]"], user_defined_symbols=["<image>", "<im"], num_threads=1,
        minloglevel=2)
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    MODEL.write_bytes(file.getvalue())


class Pieces:
    """A sentencepiece model with transformers' rule: special pieces are found first, the library does what is between."""

    def __init__(self, model):
        import sentencepiece
        no_prefix = b"\x1a\x02\x18\x00"  # a second normalizer_spec, which is merged with the first: add_dummy_prefix 0
        self.library = sentencepiece.SentencePieceProcessor(model_proto=model.read_bytes())
        self.bare = sentencepiece.SentencePieceProcessor(model_proto=model.read_bytes() + no_prefix)
        library = self.library
        special = [library.id_to_piece(i) for i in range(len(library)) if library.is_control(i) or library.is_unknown(i)]
        self.special = re.compile("(" + "|".join(map(re.escape, sorted(special, key=len, reverse=True))) + ")")

    def encode(self, text, prefix="each"):
        """Ids and byte ranges. Of the pieces of one character's bytes the library gives the last one the whole character."""
        ids, ranges, at = [], [], 0
        for i, part in enumerate(self.special.split(text)):
            if i % 2 == 1:
                ids.append(self.library.piece_to_id(part))
                ranges.append([at, at + len(part.encode())])
            elif part:
                prefixed = prefix == "each" or (prefix == "first" and at == 0)
                library = self.library if prefixed else self.bare
                part_ids, part_ranges = self.stretch(library, part)
                ids += part_ids
                ranges += [[begin + at, end + at] for begin, end in part_ranges]
            at += len(part.encode())
        return ids, ranges

    @staticmethod
    def stretch(library, text):
        ids, ranges, byte = [], [], 0
        for piece in library.encode(text, return_type="proto").pieces:
            ids.append(piece.id)
            if library.is_byte(piece.id):
                ranges.append([piece.begin + byte, piece.begin + byte + 1])
                byte = 0 if piece.end > piece.begin else byte + 1
            else:
                ranges.append([piece.begin, piece.end])
        assert ids == library.encode(text)
        return ids, ranges


def pieces_case(pieces, text):
    ids, ranges = pieces.encode(text)
    return {"text": text, "ids": ids, "ranges": ranges, "decoded": pieces.library.decode(ids),
            "first_only": pieces.encode(text, "first")[0], "bare": pieces.encode(text, "none")[0]}


BROKEN = [b"\xff", b"a\xc3", b"\xe2\x82", b"a\xe2\x82 b", b"\xf0\x9f\x91", b"\xed\xa0\x80", b"\xc0\xaf", b"red\xff\xfe blue", b"\x80\x80", b" \xff "]


def pieces_mixed(pieces, text):
    ids, ranges = pieces.encode(text)
    return {"tokens": len(ids), "ids": number_hash(ids), "ranges": hash_of_ranges(ranges)}


def pieces_golden():
    pieces = Pieces(MODEL)
    cases = [pieces_case(pieces, text) for text in all_texts()]
    parts = [part for part in mixed_parts() if not pieces.special.search(part)]
    mixed = {"parts": parts, "seed": 8, "bytes": 1000000}
    text = mixed_text(parts, 8, 1000000)
    assert pieces.library.decode(pieces.library.encode(text)) == text.replace("▁", " ")
    mixed.update(pieces_mixed(pieces, text))
    broken = [{"hex": text.hex(), "ids": pieces.library.encode(text, out_type=int)} for text in BROKEN]
    halves = [[pieces.library.piece_to_id(f"<0x{byte:02X}>") for byte in text] for text in BROKEN]
    return {"recipe": "scripts/oracles/tokenizer.py", **versions("sentencepiece"), "mixed": mixed, "broken": broken,
            "broken_decoded": [{"ids": ids, "text": pieces.library.decode(ids)} for ids in halves], "cases": cases}


# --- real vocabularies -------------------------------------------------------------------------------------------------------

def qwen2_hashes(folder, text):
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(folder / "qwen2/tokenizer.json"))
    config = json.loads((folder / "qwen2/tokenizer.json").read_text())
    original = tiktoken.Encoding(
        "qwen2", pat_str=config["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"],
        mergeable_ranks=load_tiktoken_bpe(str(folder / "wheels/dashscope/resources/qwen.tiktoken")),
        special_tokens={token["content"]: token["id"] for token in config["added_tokens"]})
    for it in [*all_texts(), text]:  # tiktoken does not normalise
        normal = unicodedata.normalize("NFC", it)
        assert original.encode(normal, allowed_special="all") == tokenizer.encode(normal).ids, it[:100]
    encode = lambda it: tokenizer.encode(it, add_special_tokens=False).ids  # noqa: E731
    assert encode("Hello world") == [9707, 1879]
    return {"cases": [number_hash(encode(it)) for it in all_texts()], "mixed": bpe_mixed(tokenizer, text)}


def mistral_hashes(model, text):
    pieces = Pieces(model)
    hashes = [(number_hash(ids), hash_of_ranges(ranges)) for ids, ranges in map(pieces.encode, all_texts())]
    return {"cases": [ids for ids, _ in hashes], "ranges": [ranges for _, ranges in hashes], "mixed": pieces_mixed(pieces, text)}


def vocabularies_golden(folder):
    text = mixed_text(mixed_parts(), 7, 1000000)
    return {"recipe": "scripts/oracles/tokenizer.py --vocabularies DIR", **versions("tokenizers", "sentencepiece", "tiktoken"),
            "qwen2": qwen2_hashes(folder, text),
            **{name: mistral_hashes(folder / name / "tokenizer.model", text) for name in ("mistral", "mistral_v3")}}


# --- files -------------------------------------------------------------------------------------------------------------------

def versions(*packages):
    from importlib.metadata import version
    return {package: version(package) for package in packages}


def text_of(golden):
    """One case a line."""
    head = {key: value for key, value in golden.items() if key != "cases"}
    if "cases" not in golden:
        return json.dumps(head, indent=1) + "\n"
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in golden["cases"])
    return json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"


def put(name, text, check):
    file = GOLDEN / name
    if check:
        same = file.exists() and file.read_text() == text
        print(f"{name}: {'equal' if same else 'DIFFERENT'}")
        return same
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    print(f"{name}: {file.stat().st_size} bytes")
    return True


def ensure_packages():
    """Runs this script again inside the virtual environment when a package is missing here or of another version."""
    from importlib.metadata import PackageNotFoundError, version
    try:
        if all(version(package) == wanted for package, wanted in PACKAGES.items()):
            return
    except PackageNotFoundError:
        pass
    python = ROOT / ".venv-tokenizer" / "bin" / "python"
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                           *(f"{package}=={version}" for package, version in PACKAGES.items())])
    os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the golden files, write nothing")
    parser.add_argument("--new", action="store_true", help="train the tiny sentencepiece model anew")
    parser.add_argument("--vocabularies", type=Path, help="folder that scripts/fetch_vocabularies.sh filled")
    arguments = parser.parse_args()
    ensure_packages()
    if arguments.new or not MODEL.exists():
        train_sentencepiece()
    files = {"tokenizer.json": text_of(bpe_golden()), "sentencepiece/golden.json": text_of(pieces_golden())}
    files |= {f"vocab_and_merges/{name}": text for name, text in vocab_and_merges().items()}
    if arguments.vocabularies:
        files["vocabularies.json"] = text_of(vocabularies_golden(arguments.vocabularies))
    else:
        print("vocabularies.json: left out, --vocabularies names no folder")
    if not all([put(name, text, arguments.check) for name, text in files.items()]):
        sys.exit("the golden files are not what the originals give")


if __name__ == "__main__":
    main()
