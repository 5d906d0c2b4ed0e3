#!/usr/bin/env python3
"""Writes tests/golden/prompts.json: how the original scripts ask one question of each benchmark.

    python3 scripts/oracles/prompts.py --repositories DIR            DIR holds clones as RRPO/, lmms-eval/ and, if they are
                                                                     to be asked, Video-MME-v2/ and EventHallusion/
    python3 scripts/oracles/prompts.py --rrpo-source DIR --lmms-source DIR
    python3 scripts/oracles/prompts.py … --check                     computes everything again and compares

The scripts cannot be imported without models, so the classes and functions that make a prompt are taken out of their
files and run alone. Kept are our own row and, for each profile, the SHA-256 of system text, text and beginning of the answer
with a NUL after each of the first two. Standard library only.
"""
import argparse
import ast
import contextlib
import hashlib
import json
import os
import re
import string
import sys
import tempfile
import types
from pathlib import Path

import prompts_of_tasks
import prompts_of_today

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "prompts.json"
LLAVA, VIDEOCHAT2, LONGVU, LMMS = "rrpo-llava", "rrpo-videochat2", "rrpo-longvu", "lmms"
MODELS = {LLAVA: "llavavideo_qwen_7b", VIDEOCHAT2: "videochat2_mistral_7b"}
# What each row asks: blanks at the ends and a candidate without a text, as publishers have them, and letters beyond ASCII.
CANDIDATES = ["It moves to the left. ", "", "It stops – and turns.", "It “blinks”\u00a0"]
QUESTION = " What does the square do next? "


class Sources:
    """The clones, and what is taken out of their files."""

    def __init__(self, rrpo, lmms, mme2=None, events=None):
        self.rrpo, self.lmms = Path(rrpo), Path(lmms) / "lmms_eval" / "tasks"
        self.mme2, self.events = mme2, events

    def tree(self, file):
        return ast.parse(Path(file).read_text(encoding="utf-8"))

    def names(self, file, names, given=None):
        """Runs the definitions of `names` in a namespace of their own, classes without their bases, and returns it."""
        space = dict(given or {})
        body = []
        for node in self.tree(file).body:
            defined = [getattr(node, "name", None)]
            if isinstance(node, ast.Assign):
                defined = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if not set(defined) & set(names):
                continue
            if isinstance(node, ast.ClassDef):
                node.bases = []
            body.append(node)
        exec(compile(ast.Module(body, []), str(file), "exec"), space)
        missing = set(names) - set(space)
        assert not missing, f"{file}: no {missing}"
        return types.SimpleNamespace(**space)

    def branch(self, file, model):
        """The statements under `if args.base_model_name == model`, all of them that assign texts or ask."""
        found = []
        for node in ast.walk(self.tree(file)):
            if isinstance(node, ast.If) and ast.unparse(node.test) == f"args.base_model_name == '{model}'":
                found += node.body
        return found

    def texts(self, statements):
        """Texts assigned to names, and those given to calls by name."""
        out = {}
        for node in (part for statement in statements for part in ast.walk(statement)):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                out[ast.unparse(node.targets[0])] = node.value.value
            if isinstance(node, ast.Call):
                out |= {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
        return out

    def videochat2(self, file, question):
        """What VideoChat2 reads before the video, after it and as the beginning of its answer: the authors' function runs up
        to the answer."""
        texts = self.texts(self.branch(file, MODELS[VIDEOCHAT2]))
        given = ("system", "system_q", "system_llm", "question_prompt", "answer_prompt")
        return self.videochat2_run(question, {key: texts[key] for key in given if key in texts})

    def videochat2_run(self, question, asked):
        """The same for the arguments `asked`."""
        seen = []
        stub = types.SimpleNamespace
        video = stub(shape=(48, 224, 224), reshape=lambda *_: stub(to=lambda _: None))
        model = stub(vision_encoder=stub(encoder=stub()), encode_img=lambda *_: (None, None))
        run = self.names(self.rrpo / "videochat2" / "load_videochat2.py", ["get_model_output_from_loaded_video", "ask"],
                         {"torch": stub(no_grad=contextlib.nullcontext), "EasyDict": lambda values: stub(**values),
                          "get_sinusoid_encoding_table": lambda **_: None, "VERBOSE": False,
                          "answer": lambda conv, answer_prompt, **_: seen.append((conv, answer_prompt)) or [""]})
        run.get_model_output_from_loaded_video(model, video, 16, 224, question, 1, **asked)
        (conversation, answer_prompt), = seen
        assert [role for role, _ in conversation.messages] == ["[INST]", "[INST]"]
        return conversation.system, conversation.messages[1][1], answer_prompt or ""

    def post_prompt(self, file):
        """`post_prompt` of a task's settings, the first one."""
        found = re.search(r"^ *post_prompt: (\".*\") *$", Path(file).read_text(encoding="utf-8"), re.M)
        return ast.literal_eval(found.group(1))


def row(answer=2, **more):
    return {"question": QUESTION, "candidates": CANDIDATES, "answer": CANDIDATES[answer], "video": "a/b.mp4", **more}


def longvu_of_tasks(sources, file, published):
    """TVBench's and MVBench's set for LongVU reads the folder itself."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "json").mkdir()
        (Path(folder) / "json" / "t.json").write_text(json.dumps([published]))
        tasks = {"T": ("t.json", "t", "video", False)}
        made = sources.names(file, ["EvalDataset"], {"os": os, "json": json, "tasks": tasks})
        made.EvalDataset.__init__.__globals__["super"] = lambda *_: types.SimpleNamespace(__init__=lambda: None)
        return made.EvalDataset(folder, {}).data[0]["prompt"]


def listed(sources, name, set_name, file=None):
    """LLaVA-Video and VideoChat2: TVBench, MVBench and MLVU list the options alike."""
    file = sources.rrpo / "eval" / name / (file or f"{name}.py")
    question, _ = getattr(sources.names(file, [set_name]), set_name).qa_template(None, row())
    assert not {"question_prompt", "answer_prompt"} & set(sources.texts(sources.branch(file, MODELS[LLAVA])))
    return {LLAVA: ("", question, ""), VIDEOCHAT2: sources.videochat2(file, question)}


def tvbench(sources):
    needed = ["_CHOICE_LETTERS", "_safe_get", "_extract_candidates", "tvbench_doc_to_text"]
    lmms = sources.names(sources.lmms / "tvbench" / "utils.py", needed)
    post = {"pre_prompt": "", "post_prompt": sources.post_prompt(sources.lmms / "tvbench" / "_default_template_yaml")}
    return row(), listed(sources, "tvbench", "TVBench_dataset") | {
        LONGVU: ("", longvu_of_tasks(sources, sources.rrpo / "eval" / "tvbench" / "tvbench_longvu.py", row()), ""),
        LMMS: ("", lmms.tvbench_doc_to_text(row(), post), "")}


def mvbench(sources):
    lmms = sources.names(sources.lmms / "mvbench" / "utils.py", ["mvbench_doc_to_text"], {"string": string})
    post = {"post_prompt": sources.post_prompt(sources.lmms / "mvbench" / "mvbench_action_count.yaml")}
    return row(), listed(sources, "mvbench", "MVBench_dataset") | {
        LONGVU: ("", longvu_of_tasks(sources, sources.rrpo / "eval" / "mvbench" / "mvbench_longvu.py", row()), ""),
        LMMS: ("", lmms.mvbench_doc_to_text(row(), post), "")}


def mlvu(sources):
    longvu = sources.names(sources.rrpo / "eval" / "mlvu" / "choice_bench_longvu.py", ["EvalDataset"])
    lmms = sources.names(sources.lmms / "mlvu" / "utils.py", ["mlvu_doc_to_text"])
    post = {"pre_prompt": "", "post_prompt": sources.post_prompt(sources.lmms / "mlvu" / "mlvu_dev.yaml")}
    # The table that lmms-eval reads has the options in its questions, in lines that begin with (A).
    letters = zip(string.ascii_uppercase, CANDIDATES)
    table = {"question": QUESTION + "".join(f"\n({letter}) {text}" for letter, text in letters)}
    return row(), listed(sources, "mlvu", "MLVU", "choice_bench.py") | {
        LONGVU: ("", longvu.EvalDataset.qa_template(None, row())[0], ""),
        LMMS: ("", lmms.mlvu_doc_to_text(table, post), "")}


def longvideobench(sources):
    folder = sources.rrpo / "eval" / "longvideobench"
    published = row(video_path="b.mp4", correct_choice=2, id="b_0")

    def question_of(file, method):
        made = sources.names(file, ["LongVideoBenchDataset"], {"os": os}).LongVideoBenchDataset
        self = types.SimpleNamespace(data=[published], data_path="", video_load_fn=lambda _: None, load_video_kwargs={})
        return getattr(made, method)(self, 0 if method == "__getitem__" else published)["question"]

    question = question_of(folder / "infer.py", "__getitem__")
    llava = sources.texts(sources.branch(folder / "infer.py", MODELS[LLAVA]))["answer_prompt"]
    run, = (node for node in sources.tree(folder / "infer_longvu.py").body if getattr(node, "name", "") == "run_inference")
    longvu = sources.texts([run])["answer_prompt"]
    lmms = sources.names(sources.lmms / "longvideobench" / "utils.py", ["longvideobench_doc_to_text"])
    post = sources.post_prompt(sources.lmms / "longvideobench" / "longvideobench_val_v.yaml")
    table = {"question": QUESTION} | {f"option{i}": text for i, text in enumerate([*CANDIDATES, "N/A"])}
    return published, {LLAVA: ("", question + llava, ""),
                       VIDEOCHAT2: sources.videochat2(folder / "infer.py", question),
                       LONGVU: ("", question_of(folder / "infer_longvu.py", "get_sample") + longvu, ""),
                       LMMS: ("", lmms.longvideobench_doc_to_text(table, {"pre_prompt": "", "post_prompt": post}), "")}


# Each function: (the row as published, {profile: (system text, text, beginning of the answer)}).
BENCHMARKS = {"tvbench": tvbench, "mvbench": mvbench, "mlvu": mlvu, "longvideobench": longvideobench,
              **prompts_of_tasks.BENCHMARKS}


def sha256(parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def golden_of(sources, show):
    """What is there stays for the benchmarks whose clones are not given."""
    out = {}
    given = {**BENCHMARKS, **prompts_of_today.those_of(sources)}
    kept = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    for name in [*BENCHMARKS, *prompts_of_today.BENCHMARKS]:
        if name not in given:
            out |= {name: kept[name]} if name in kept else {}
            continue
        published, prompts = given[name](sources)
        for profile, parts in prompts.items() if show else ():
            print(name, profile, *map(repr, parts), sep="\n  ")
        out[name] = {"row": published, "sha256": {profile: sha256(parts) for profile, parts in prompts.items()}}
    return out


def main():
    usage = ("prompts.py (--repositories DIR | --rrpo-source DIR --lmms-source DIR [--mme-source DIR] [--events-source DIR])"
             " [--show] [--check]")
    parser = argparse.ArgumentParser(usage=usage, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=Path, metavar="DIR")
    parser.add_argument("--rrpo-source", type=Path, metavar="DIR")
    parser.add_argument("--lmms-source", type=Path, metavar="DIR")
    parser.add_argument("--mme-source", type=Path, metavar="DIR")
    parser.add_argument("--events-source", type=Path, metavar="DIR")
    parser.add_argument("--show", action="store_true", help="prints the prompts themselves")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    rrpo, lmms, mme2, events = (getattr(arguments, f"{name}_source") for name in ("rrpo", "lmms", "mme", "events"))
    if arguments.repositories:
        clone = {path.name: path for path in arguments.repositories.iterdir()}
        rrpo, lmms = rrpo or arguments.repositories / "RRPO", lmms or arguments.repositories / "lmms-eval"
        mme2, events = mme2 or clone.get("Video-MME-v2"), events or clone.get("EventHallusion")
    if not rrpo or not lmms:
        parser.error("give --repositories, or --rrpo-source and --lmms-source")
    golden = golden_of(Sources(rrpo, lmms, mme2, events), arguments.show)
    made = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
    if not arguments.check:
        GOLDEN.write_text(made, encoding="utf-8")
    elif GOLDEN.read_text(encoding="utf-8") != made:
        sys.exit(f"{GOLDEN.name} differs")
    print(f"{GOLDEN.name}: {len(golden)} benchmarks")


if __name__ == "__main__":
    main()
