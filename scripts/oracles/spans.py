#!/usr/bin/env python3
"""Writes tests/golden/spans/golden.json: which tokens the authors' code marks, labels and drops, for the C++ tests.

    python3 scripts/oracles/spans.py --rrpo-source DIR             DIR: a clone of pritamqu/RRPO
    python3 scripts/oracles/spans.py --rrpo-source DIR --check     computes everything again and compares

Run it with any Python 3.10+: it makes its own virtual environment .venv-spans beside the sources when one is missing.

Their functions preprocess_multimodal, preprocess_qwen, process_masked_tokens and preprocess_masked are taken out of
train_llavavideo.py by name (the file as a whole needs a GPU's packages) and run with the toy tokenizer, to whose copy <MASK>
and </MASK> are added as they add them. Its special tokens are declared as in Qwen2's own configuration, and the toy newline
has the id 198 that their code names. Merges are handed over in the older form that their transformers reads.

Per pair: `question`, and for chosen and rejected `plain` and `tagged`; `ids` and `labels` of the whole conversation, `signs`;
`dropped`, the rule of their data set (no sign on one side). Per pair of lists in `diff`: the signs of VideoChat2's diff_lib
over [-100]*before + answer + [-100]*(more than after), `outside`: whether it marks anything beside the answers.
"""
import argparse
import ast
import contextlib
import copy
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from objectives import SOURCES, Originals  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "spans" / "golden.json"
PACKAGES = ["torch==2.11.0", "transformers==4.40.0", "tokenizers==0.19.1", "numpy==2.4.6", "jinja2==3.1.6"]
FUNCTIONS = ["preprocess_multimodal", "preprocess_qwen", "sanity_check_token_len", "process_masked_tokens", "preprocess_masked"]

Q = "<image>\nWhat happens?"
# question, tagged chosen, tagged rejected; a third item per side is its plain text where it is not the obvious one
PAIRS = [
    ("word in the middle", Q, "The man <MASK> closes </MASK> the door.", "The man <MASK> opens </MASK> the door."),
    ("two phrases", Q, "The <MASK> red </MASK> ball moves <MASK> left </MASK>.", "The <MASK> blue </MASK> ball moves <MASK> up </MASK>."),
    ("several words", Q, "He <MASK> sits down slowly </MASK> here.", "He <MASK> jumps </MASK> here."),
    ("at the start", Q, "<MASK> Yes </MASK>, he does.", "<MASK> No </MASK>, he does not."),
    ("at the start, a long word", Q, "<MASK> Extraordinarily </MASK> slow.", "<MASK> Unremarkably </MASK> slow."),
    ("at the start, lower case", Q, "<MASK> red </MASK> ball", "<MASK> blue </MASK> ball"),
    ("the whole answer", Q, "<MASK> left </MASK>", "<MASK> right </MASK>"),
    ("the whole answer, some words", Q, "<MASK> to the left </MASK>", "<MASK> to the right </MASK>"),
    ("at the end", Q, "It moves <MASK> left </MASK>", "It moves <MASK> right </MASK>"),
    ("before a full stop", Q, "It moves <MASK> left </MASK>.", "It moves <MASK> right </MASK>."),
    ("full stop inside", Q, "It moves <MASK> left. </MASK>", "It moves <MASK> right. </MASK>"),
    ("letter in brackets", Q, "(<MASK> D </MASK>) left", "(<MASK> A </MASK>) right"),
    ("brackets inside", Q, "<MASK> (D) left </MASK>", "<MASK> (A) right </MASK>"),
    ("brackets behind words", Q, "The answer is (<MASK> D </MASK>).", "The answer is (<MASK> A </MASK>)."),
    ("brackets inside behind words", Q, "The answer is <MASK> (D) </MASK>.", "The answer is <MASK> (A) </MASK>."),
    ("quotes", Q, 'The sign says "<MASK> stop </MASK>".', 'The sign says "<MASK> go </MASK>".'),
    ("dash", Q, "a red-<MASK> green </MASK> ball", "a red-<MASK> blue </MASK> ball"),
    ("apostrophe", Q, "the man<MASK> 's </MASK> dog", "the man<MASK> 'll </MASK> dog"),
    ("comma behind", Q, "First <MASK> red </MASK>, then blue.", "First <MASK> green </MASK>, then blue."),
    ("Chinese", Q, "他<MASK> 关 </MASK>门。", "他<MASK> 开 </MASK>门。"),
    ("Chinese, the whole", Q, "<MASK> 关门 </MASK>", "<MASK> 开门 </MASK>"),
    ("Chinese, tags without spaces", Q, "他<MASK>关</MASK>门。", "他<MASK>开</MASK>门。"),
    ("insertion only", Q, "The man walks <MASK> slowly </MASK> away.", "The man walks away."),
    ("insertion only, other side", Q, "The man walks away.", "The man walks <MASK> slowly </MASK> away."),
    ("insertion against an empty phrase", Q, "The man <MASK> slowly </MASK> walks.", "The man <MASK> </MASK> walks."),
    ("an empty phrase beside another", Q, "A <MASK> big </MASK> dog <MASK> runs </MASK>.", "A <MASK> </MASK> dog <MASK> sleeps </MASK>."),
    ("adjacent phrases", Q, "a <MASK> big </MASK> <MASK> dog </MASK> runs", "a <MASK> small </MASK> <MASK> cat </MASK> runs"),
    ("adjacent phrases without a space", Q, "a <MASK> big </MASK><MASK> dog </MASK> runs", "a <MASK> small </MASK><MASK> cat </MASK> runs", "a big dog runs", "a small cat runs"),
    ("three phrases", Q, "<MASK> One </MASK> man, <MASK> two </MASK> dogs and <MASK> three </MASK> cats.", "<MASK> Two </MASK> men, <MASK> one </MASK> dogs and <MASK> no </MASK> cats."),
    ("numbers", Q, "There are <MASK> 3 </MASK> dogs and <MASK> 12 </MASK> cats.", "There are <MASK> 4 </MASK> dogs and <MASK> 10 </MASK> cats."),
    ("number at the start", Q, "<MASK> 3 </MASK> dogs", "<MASK> 12 </MASK> dogs"),
    ("emoji", Q, "He is <MASK> 😀 </MASK> today", "He is <MASK> 😢 </MASK> today"),
    ("emoji glued", Q, "Happy<MASK> 😀👍 </MASK>!", "Happy<MASK> 😢 </MASK>!"),
    ("accents", Q, "Un <MASK> café </MASK> noir.", "Un <MASK> thé </MASK> noir."),
    ("composed when tokenised", Q, "Un <MASK> cafe\u0301 </MASK> noir.", "Un <MASK> the\u0301 </MASK> noir."),
    ("two spaces", Q, "He <MASK> sits </MASK>  down.", "He <MASK> stands </MASK>  up."),
    ("two spaces inside", Q, "He <MASK> sits  down </MASK> now.", "He <MASK> stands  up </MASK> now."),
    ("tag without a space", Q, "He <MASK>sits</MASK> down.", "He <MASK>stands</MASK> up."),
    ("part of a word", Q, "He is walk<MASK> ing </MASK>.", "He is walk<MASK> ed </MASK>."),
    ("line breaks", Q, "First: red.\nThen: <MASK> blue </MASK>.\n\nEnd.", "First: red.\nThen: <MASK> green </MASK>.\n\nEnd."),
    ("a line break inside", Q, "It is <MASK> red\nand blue </MASK>.", "It is <MASK> green\nand blue </MASK>."),
    ("a line break behind the tag", Q, "It is <MASK> red </MASK>\nand round.", "It is <MASK> green </MASK>\nand round."),
    ("no tags", Q, "It is red.", "It is green."),
    ("a tag and a leading space", Q, " It is <MASK> red </MASK>.", " It is <MASK> green </MASK>."),
    ("spaces at the end", Q, "It is <MASK> red </MASK>  ", "It is <MASK> green </MASK>  "),
    ("options in the question", "<image>\nWhich way?\n(A) up\n(B) left\n\nAnswer with the letter.", "<MASK> (B) left </MASK>", "<MASK> (A) up </MASK>"),
    ("image behind the question", "Which way?\n<image>", "It moves <MASK> left </MASK>.", "It moves <MASK> right </MASK>."),
    ("a very long phrase", Q, "He " + "<MASK> " + "walks and walks " * 12 + "home </MASK> now.", "He <MASK> sleeps </MASK> now."),
]
DIFFS = [([1, 2, 3], [1, 4, 3]), ([1, 2, 3, 4], [1, 9, 4]), ([1, 2, 3], [1, 3]), ([1, 3], [1, 2, 3]), ([1, 2, 3, 4, 5], [1, 7, 3, 8, 5]),
         ([1, 2, 3], [4, 5, 6]), ([1, 2, 1, 2], [2, 1, 2, 1]), ([5, 5, 5, 6], [5, 6, 6]), (list(range(10, 40)), list(range(10, 25)) + [1, 2] + list(range(28, 40)))]


RANDOM = random.Random(5)
for _ in range(24):  # edited copies, of few distinct tokens too
    answer = [RANDOM.randrange(RANDOM.choice([4, 60])) for _ in range(RANDOM.randint(1, 40))]
    other = [token if RANDOM.random() < 0.8 else RANDOM.randrange(60) for token in answer if RANDOM.random() < 0.9]
    DIFFS.append((answer, other + answer[:RANDOM.randint(0, 2)]))


def plain_of(tagged):
    """What the tags leave: each goes with the space inside it, an empty phrase with one more."""
    text = tagged.replace("<MASK> </MASK> ", "").replace("<MASK> ", "").replace(" </MASK>", "")
    return text.replace("<MASK>", "").replace("</MASK>", "")


def ensure_packages():
    """Runs this script again inside the virtual environment when its packages are missing here."""
    try:
        import jinja2, numpy, tokenizers, torch, transformers  # noqa: E401, F401
        if transformers.__version__ == "4.40.0":
            return
    except ImportError:
        pass
    python = ROOT / ".venv-spans" / "bin" / "python"
    if Path(sys.prefix) == python.parent.parent:
        subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(python.parent.parent)])
    os.execv(python, [str(python), *sys.argv])


def authors_functions(originals, masked):
    """Their functions in a name space of their own."""
    import numpy
    import torch
    import transformers
    import re
    import typing
    constants = {}
    exec(compile(originals.text("rrpo", "llava/constants.py"), "constants.py", "exec"), constants)
    conversation = types.SimpleNamespace(default_conversation=types.SimpleNamespace(version="qwen"))
    space = {"copy": copy, "np": numpy, "torch": torch, "transformers": transformers, "re": re, "Dict": typing.Dict,
             "Sequence": typing.Sequence, "List": typing.List, "DataArguments": object, "conversation_lib": conversation,
             "masked_toknizer": masked, **{k: v for k, v in constants.items() if k.isupper()}}
    tree = ast.parse(originals.text("rrpo", "train_llavavideo.py"))
    chosen = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS]
    assert [node.name for node in chosen] == FUNCTIONS
    exec(compile(ast.Module(chosen, []), "train_llavavideo.py", "exec"), space)
    return types.SimpleNamespace(**{name: space[name] for name in FUNCTIONS})


def toy_tokenizer():
    import transformers
    with tempfile.TemporaryDirectory() as folder:
        data = json.loads((ROOT / "data/toy/tokenizer/tokenizer.json").read_text())
        data["model"]["merges"] = [" ".join(pair) if isinstance(pair, list) else pair for pair in data["model"]["merges"]]
        (Path(folder) / "tokenizer.json").write_text(json.dumps(data))
        config = json.loads((ROOT / "data/toy/tokenizer/tokenizer_config.json").read_text())
        config["additional_special_tokens"] = ["<|im_start|>", "<|im_end|>"]
        (Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
        return transformers.AutoTokenizer.from_pretrained(folder)


def side(functions, tokenizer, question, tagged, plain):
    conversation = [{"from": "human", "value": question}, {"from": "gpt", "value": tagged}, {"from": "gpt-ref", "value": plain}]
    arguments = types.SimpleNamespace(is_multimodal=True, mm_use_im_start_end=False)
    sources = functions.preprocess_multimodal(copy.deepcopy([conversation]), arguments)
    out = functions.preprocess_masked(sources, tokenizer, has_image=True)
    return {"plain": plain, "tagged": tagged, "ids": out["input_ids"][0].tolist(), "labels": out["labels"][0].tolist(),
            "signs": out["signs"][0].tolist()}


def difference(get_diff_signs, a, b, before, after):
    """VideoChat2's signs of two answers inside whole label sequences."""
    pad = max(len(a), len(b)) + after
    whole = [[-100] * before + answer + [-100] * (pad - len(answer)) for answer in (a, b)]
    with contextlib.redirect_stdout(io.StringIO()):
        signs = get_diff_signs(*whole, min_match_size=1)
    return {"a": a, "b": b, "before": before, "after": after,
            "signs": [s[before:before + len(x)] for s, x in zip(signs, (a, b))],
            "outside": any(any(s[:before]) or any(s[before + len(x):]) for s, x in zip(signs, (a, b)))}


def goldens(originals):
    import torch
    import transformers
    import tokenizers
    tokenizer = toy_tokenizer()
    masked = copy.deepcopy(tokenizer)
    masked.add_special_tokens({"additional_special_tokens": ["<MASK>", "</MASK>"]})
    functions = authors_functions(originals, masked)
    functions.sanity_check_token_len(masked)
    pairs = []
    for name, question, chosen, rejected, *plain in PAIRS:
        plain = plain or [plain_of(chosen), plain_of(rejected)]
        sides = [side(functions, tokenizer, question, tagged, text) for tagged, text in zip((chosen, rejected), plain)]
        dropped = any(sum(s["signs"]) == 0 for s in sides)
        pairs.append({"name": name, "question": question, "chosen": sides[0], "rejected": sides[1], "dropped": dropped})
    diff_lib = {}
    exec(compile(originals.text("rrpo", "videochat2/diff_lib.py"), "diff_lib.py", "exec"), diff_lib)
    versions = {"pritamqu/RRPO": SOURCES["rrpo"][1][:7], "transformers": transformers.__version__, "tokenizers": tokenizers.__version__,
                "torch": torch.__version__.split("+")[0]}
    return {"recipe": "scripts/oracles/spans.py", "versions": versions, "pairs": pairs,
            "diff": [difference(diff_lib["get_diff_signs"], a, b, before, 5) for before in (20, 250) for a, b in DIFFS]}


def text_of(golden):
    head = {k: v for k, v in golden.items() if k not in ("pairs", "diff")}
    line = lambda row: json.dumps(row, ensure_ascii=False, separators=(",", ":"))  # noqa: E731
    return (json.dumps(head)[:-1] + ', "pairs": [\n' + ",\n".join(map(line, golden["pairs"])) + '\n], "diff": [\n'
            + ",\n".join(map(line, golden["diff"])) + "\n]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, required=True, help="clone of pritamqu/RRPO")
    parser.add_argument("--out", type=Path, default=GOLDEN, help="the golden file to write")
    parser.add_argument("--check", action="store_true", help="compare with the golden file, write nothing")
    arguments = parser.parse_args()
    ensure_packages()
    golden = goldens(Originals({"rrpo": arguments.rrpo_source}))
    dropped = sum(pair["dropped"] for pair in golden["pairs"])
    if arguments.check:
        same = json.loads(text_of(golden)) == json.loads(arguments.out.read_text())
        print(f"{arguments.out}: {'equal' if same else 'DIFFERENT'}")
        sys.exit(0 if same else 1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text_of(golden))
    print(f"{arguments.out}: {len(golden['pairs'])} pairs, {dropped} dropped, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
