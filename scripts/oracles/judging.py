#!/usr/bin/env python3
"""Writes tests/golden/judging.json: what TempCompass's scripts ask their judge, and what its words count for.

    python3 scripts/oracles/judging.py --rrpo-source DIR                DIR is a clone of pritamqu/RRPO
    python3 scripts/oracles/judging.py --rrpo-source DIR --tempcompass-source DIR     the benchmark's own scripts agree
    python3 scripts/oracles/judging.py … --check                        computes everything again and compares

The scripts' own `main` runs over a few hostile replies with a judge that only listens, once with the replies as they are and
once as LLaVA-Video's script hands them on (scorers official and rrpo). In the place of the published wording stands another
one: of that the SHA-256 is kept, and so it is of the prompts. Standard library only.
"""
import argparse
import ast
import contextlib
import hashlib
import inspect
import json
import os
import random
import re
import sys
import time
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import judge_prompts as templates  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "judging.json"
BASE = "\nA stand-in – with “letters” beyond ASCII.\nIt ends with a newline.\n"
ROWS = {
    "multi-choice": {"question": "Which way does the “square” go?\nA. to the left\nB. to the right \nC. it stops",
                     "answer": "A. to the left"},
    "yes_no": {"question": "Does it move – at all? ", "answer": "yes"},
    "caption_matching": {"question": "Which fits?\nOption 1: It moves.\nOption 2: It rests.",
                         "answer": "Option 2: It rests."},
    "captioning": {"question": "Write one.\nInformation A: {'it': 'moves'}\nCaption:", "answer": "B. to the right "}}
CHOICE = ROWS["multi-choice"]
REPLIES = ["A", "(A)", " B</s>", "E", "a", "A. to the left", "to the left", "2", "Option 2", "yes, it does", "Perhaps", "",
           " \u3000It goes “left”.\u00a0\n", "</s></s> left </s>", "<</s>/s>", "line\n\nline", "A\u001f",
           "I think: (A) it's\tA"]
SAID = ["Correct", "Incorrect", " Correct.\n", "correct", "It is Correct", "It is Incorrect", "Not Incorrect but Correct",
        "Yes", "Correct, though Incorrect", "INCORRECT", "Reasoning: r\nAnswer: A. to the left", "Answer: A",
        "A. to the left", "Answer: B. to the right", "Answer: A. x or B. y", "Answer: None of the choices are correct",
        "Answer: A. U.S.A. A.", "Answer: B. x\nAnswer: A. to the left", "The Answer is A. to the left", "reasoning\nA. to the left"]

stub = types.SimpleNamespace


def print_nothing(*_):
    pass


def definitions(file, space):
    """Runs the functions of a script in `space` and returns it."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    exec(compile(ast.Module(body, []), str(file), "exec"), space)
    return space


def handed_on(rrpo, reply):
    """A reply as LLaVA-Video's script puts it into the file of predictions."""
    tree = ast.parse((rrpo / "infer.py").read_text(encoding="utf-8"))
    wrap, = (node for node in ast.walk(tree) if isinstance(node, ast.If) and "chr(k)" in ast.unparse(node.test))
    space = {"output": reply.strip()}
    exec(compile(ast.Module([wrap], []), "infer.py", "exec"), space)
    return space["output"]


def asked_about(folder, task, reply):
    """The prompt that the task's script makes about one reply; None where it reads the reply by itself."""
    heard = []

    def get_eval_result(*given, mc_answer=None):
        heard.append((given[-1], mc_answer))
        return {"rating": 1} if task == "captioning" else ("", 1)
    space = {"json": json, "os": os, "re": re, "random": random, "time": time}
    definitions(folder / "utils" / "eval_utils.py", space)
    definitions(folder / f"eval_{task}.py", space)
    space |= {"get_eval_result": get_eval_result, "print_result": print_nothing, "tqdm": lambda items: items, "client": None,
              "gpt_model": "", "base_prompt": BASE, "args": stub(video_llm="")}
    prediction = {"v": {"direction": [{**ROWS[task], "prediction": reply}]}}
    last = {"mc_questions": {"v": {"direction": [CHOICE]}}} if task == "captioning" else {"disable_llm": False}
    space["main"](prediction, {}, os.devnull, **last)
    if not heard:
        return None
    (prompt, mc_answer), = heard
    assert mc_answer == (CHOICE["answer"] if task == "captioning" else None)
    return prompt


def request_of(folder):
    """What is sent beside model and prompt: by the functions for captions and for the other tasks alike."""
    sent = []
    client = stub(chat=stub(completions=stub(create=lambda **data: sent.append(data))))
    requests = stub(post=lambda url, headers, data: sent.append(json.loads(data)))
    given = {"client": client, "gpt_model": "", "prompt": "PROMPT", "sys_prompt": None}
    for file in ("utils/eval_utils.py", "eval_captioning.py"):
        space = definitions(folder / file, {"json": json, "requests": requests, "url": "", "headers": {},
                                            "print": print_nothing})
        ask = space["get_llm_output"]
        with contextlib.suppress(AttributeError):  # there is no reply
            ask(**{name: given[name] for name in inspect.signature(ask).parameters if name in given})
    first, second = ({**data, "model": "MODEL"} for data in sent)
    assert first == second
    return first


def rating(folder, task, said):
    """What a reply of the judge counts; None: the script asks again."""
    file = "eval_captioning.py" if task == "captioning" else "utils/eval_utils.py"
    space = definitions(folder / file, {"json": json, "re": re})
    try:
        if task == "captioning":
            return space["parse_llm_output"](said.strip(), CHOICE["answer"])["rating"]
        return space["llm_output_to_rating"](said.strip())
    except AssertionError:
        return None


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def golden_of(folder, infer):
    out = {"base": BASE, "request": request_of(folder), "published": {}, "tasks": ROWS, "rows": [], "verdicts": []}
    texts = templates.prompts_of(folder / "prompt_templates.py")
    for task in ROWS:
        out["published"][task] = sha256(texts[task])
        for scorer in ("official", "rrpo"):
            for reply in REPLIES:
                prompt = asked_about(folder, task, handed_on(infer, reply) if scorer == "rrpo" else reply)
                out["rows"].append({"task": task, "scorer": scorer, "reply": reply,
                                    "sha256": None if prompt is None else sha256(prompt)})
    for task in ("multi-choice", "captioning"):
        out["verdicts"] += [{"task": task, "said": said, "rating": rating(folder, task, said)} for said in SAID]
    return out


def main():
    usage = "judging.py --rrpo-source DIR [--tempcompass-source DIR] [--check]"
    parser = argparse.ArgumentParser(usage=usage, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rrpo-source", type=Path, metavar="DIR", required=True)
    parser.add_argument("--tempcompass-source", type=Path, metavar="DIR")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    infer = arguments.rrpo_source / "eval" / "tempcompass"
    golden = golden_of(infer, infer)
    if arguments.tempcompass_source and golden_of(arguments.tempcompass_source, infer) != golden:
        sys.exit("TempCompass's own scripts ask in another way")
    made = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
    if not arguments.check:
        GOLDEN.write_text(made, encoding="utf-8")
    elif GOLDEN.read_text(encoding="utf-8") != made:
        sys.exit(f"{GOLDEN.name} differs")
    print(f"{GOLDEN.name}: {len(golden['rows'])} replies, {len(golden['verdicts'])} verdicts")


if __name__ == "__main__":
    main()
