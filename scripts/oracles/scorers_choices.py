"""What the original scripts make of replies to multiple-choice questions: one function (row, reply) -> word per scorer and
benchmark (see scorers.py)."""

import re
import sys
import types
from typing import List, Optional

from scorers_originals import draw, execute

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def texts(row):
    return [option["text"] for option in row["options"]]


def answer(row):
    return row["answer"]["text"]


def letters(row):
    return CAPITALS[: len(row["options"])]


def own(row):
    """The letter that was published."""
    return row["answer"]["keys"][0]


def equal(row):
    """The places of options that are the published answer."""
    return [i for i, text in enumerate(texts(row)) if text == answer(row)] or [-1]


def letter(index):
    return chr(65 + index)


def read_letter(read, truth):
    return "u" if not read else ("r" if read == truth else "w") + read


def chosen(right, truth, says, keys):
    """`says(key)`: would it be right, were this the truth?"""
    if right:
        return "r" + (truth if truth in CAPITALS else "")
    return next(("w" + key for key in keys if says(key)), "u")


def published(template, row):
    """The answer as their data sets make it: `(B) text`."""
    return template(None, {"question": "", "candidates": texts(row), "answer": answer(row)})[1]


def by_letter(check, template):
    """A script that finds a letter, also of no option, and in the published line by its own rule."""

    def score(row, reply):
        right = check(reply, published(template, row))
        read = next((key for key in CAPITALS if check(reply, f"({key}) x")), "")
        return ("r" if right else "w" if read else "u") + read

    return score


def by_notebook(check, template):
    def score(row, reply):
        truth = published(template, row)
        return chosen(check(reply, truth), truth[1], lambda key: check(reply, f"({key}) x"), letters(row))

    return score


def official(folder):
    space = folder.take("tvbench", "vqa_dataset.py", ["check_ans", "qa_template"])
    notebook = by_notebook(space.check_ans, space.qa_template)
    mvbench = notebook
    if folder.has("Ask-Anything"):
        mvbench = by_notebook(
            folder.take("Ask-Anything", "video_chat2/mvbench.ipynb", ["check_ans"]).check_ans, space.qa_template
        )
    mlvu = folder.take("MLVU", "evaluation/multiple_choice_evaluation/choice_bench.py", ["check_ans", "qa_template"])
    return {"tvbench": notebook, "mvbench": mvbench, "mlvu": by_letter(mlvu.check_ans, mlvu.qa_template)}


def rrpo(folder):
    out = {}
    for name, file in (("tvbench", "tvbench/tvbench"), ("mvbench", "mvbench/mvbench"), ("mlvu", "mlvu/choice_bench")):
        space = folder.take("RRPO", f"eval/{file}.py", ["check_ans", "qa_template"])
        out[name] = by_letter(space.check_ans, space.qa_template)
    extract = folder.take("RRPO", "eval/videomme/calculate.py", ["extract_characters_regex"]).extract_characters_regex
    out["videomme"] = lambda row, reply: read_letter(extract(reply), own(row)) if extract(reply) else "d"
    evaluate = folder.take("RRPO", "eval/longvideobench/evaluate.py", ["calc_mcq"], open=lambda *_: None)

    def right(reply, truth):
        evaluate.__dict__["json"] = types.SimpleNamespace(load=lambda _: [{"pred": reply, "gt": truth}])
        return evaluate.calc_mcq(types.SimpleNamespace(response_file=""))["acc"] == 1

    out["longvideobench"] = lambda row, reply: chosen(
        right(reply, own(row)), own(row), lambda key: right(reply, key), CAPITALS
    )
    return out


def rrpo_longvu(folder):
    def run(file, reply, **more):
        """The statements of the script between the model's words and the letter."""
        block = folder.statements("RRPO", file, "train", "if pred.endswith(stop_str)", "try")
        return execute(
            block,
            {
                "re": re,
                "print": lambda *_: None,
                "pred": reply.strip(),
                "stop_str": "<|im_end|>",
                "line": {"answer": 0},
                **more,
            },
        )

    def clip(file):
        def score(row, reply):
            read = run(file, reply, letters=list(letters(row)), pred_idx=None)["pred_idx"]
            if read is None:  # it would be the letter of the sample before
                return "u"
            return ("r" if read == equal(row)[-1] else "w" if read >= 0 else "u") + (letter(read) if read >= 0 else "")

        return score

    long = "eval/mlvu/choice_bench_longvu.py"
    template = folder.take("RRPO", long, ["qa_template"]).qa_template

    def mlvu(row, reply):
        read = run(long, reply)["pred"]
        return read_letter("" if read == "FAILED" else read, published(template, row))

    return {
        **rrpo(folder),
        "tvbench": clip("eval/tvbench/tvbench_longvu.py"),
        "mvbench": clip("eval/mvbench/mvbench_longvu.py"),
        "mlvu": mlvu,
    }


def lmms(folder):
    def take(file, functions, **space):
        return folder.take("lmms-eval", f"lmms_eval/tasks/{file}", functions, **space)

    extract = take(
        "_task_utils/mcq_extract.py",
        ["extract_mcq_answer", "_DEFAULT_CHOICES", "_ANSWER_PHRASES", "_FORMAT_PRIORITY"],
        List=List,
        Optional=Optional,
    ).extract_mcq_answer
    names = ["lmms_eval", "lmms_eval.tasks", "lmms_eval.tasks._task_utils", "lmms_eval.tasks._task_utils.mcq_extract"]
    for name in names:  # their functions import it where they need it
        sys.modules[name] = types.ModuleType(name)
    sys.modules[names[-1]].extract_mcq_answer = extract
    videomme = take("videomme/utils.py", ["extract_characters_regex"]).extract_characters_regex
    long = take("mlvu/utils.py", ["extract_characters_regex"]).extract_characters_regex
    clips = take("mvbench/utils.py", ["mcq_acc", "mvbench_process_results"])
    temporal = take(
        "tvbench/utils.py",
        [
            "_CHOICE_LETTERS",
            "_safe_get",
            "_normalize_text",
            "_extract_candidates",
            "_extract_choice_letter",
            "tvbench_doc_to_target",
            "tvbench_process_results",
        ],
    )
    parse = take(
        "longvideobench/utils.py", ["parse_multi_choice_response"], random=types.SimpleNamespace(choice=draw)
    ).parse_multi_choice_response

    def mvbench(row, reply):
        if reply == "":  # the aggregation passes over these
            return "d"
        right = (
            clips.mvbench_process_results({"candidates": texts(row), "answer": answer(row)}, [reply])["mvbench_accuracy"][
                "score"
            ]
            == 1
        )
        return chosen(right, letter(equal(row)[0]), lambda key: clips.mcq_acc(key, reply), letters(row))

    def tvbench(row, reply):
        right = (
            temporal.tvbench_process_results({"candidates": texts(row), "answer": answer(row)}, [reply])["tvbench_acc"]
            == 1
        )
        read = temporal._extract_choice_letter(reply, texts(row))
        return ("r" if right else "w" if read else "u") + read

    return {
        "mvbench": mvbench,
        "tvbench": tvbench,
        "videomme": lambda row, reply: read_letter(videomme(reply), own(row)),
        # its copy of the data has letters
        "mlvu": lambda row, reply: read_letter(long(reply), letter(equal(row)[0])),
        "longvideobench": lambda row, reply: read_letter(parse(reply, list(letters(row)), {}), own(row)),
    }


def inference(folder):
    """VLMEvalKit's inference of an option without a model."""
    matching = folder.take(
        "VLMEvalKit",
        "vlmeval/utils/matching_util.py",
        ["_VERBOSE_ANSWER_RE", "can_infer_option", "can_infer_text", "can_infer"],
    )
    return folder.take(
        "VLMEvalKit",
        "vlmeval/dataset/utils/multiple_choice.py",
        ["build_choices", "extract_answer_from_item"],
        pd=types.SimpleNamespace(isna=lambda value: value is None),
        can_infer=matching.can_infer,
        cn_string=lambda _: False,
        build_prompt=lambda *_: "",
        build_option_str=lambda _: "",
    ).extract_answer_from_item


def asked_item(row, reply):
    """As its evaluate() makes it: every option that is the answer so far gives its letter to it."""
    item = {"question": row["question"], "prediction": reply, "answer": answer(row)}
    for i, text in enumerate(texts(row)):
        item[letter(i)] = text
        if text == item["answer"]:
            item["answer"] = letter(i)
    return item


def vlmeval(folder):
    infer = inference(folder)

    def checked(name, keys):
        check = folder.take(
            "VLMEvalKit", f"vlmeval/dataset/utils/{name}.py", ["check_ans_with_model"], extract_answer_from_item=infer
        ).check_ans_with_model

        def score(row, reply):
            truth, item = f"({letter(equal(row)[-1])}) {answer(row)}", asked_item(row, reply)

            def by_rule(line):
                return check(reply, line, None, {**item, "answer": None})

            inferred = infer(None, dict(item))["opt"]
            if check(reply, truth, None, dict(item)):
                return "r" + (truth[1] if truth[1] in CAPITALS else "") if by_rule(truth) else "r" + inferred
            read = next((key for key in keys(row) if by_rule(f"({key}) x")), inferred)
            return "u" if read == "Z" and inferred == "Z" else "w" + read

        return score

    def prefixed(name):
        space = folder.take(
            "VLMEvalKit",
            f"vlmeval/dataset/utils/{name}.py",
            ["extract_characters_regex", "extract_option"],
            extract_answer_from_item=infer,
        )

        def score(row, reply):
            read = space.extract_characters_regex(reply) or space.extract_option(
                None, {"question": row["question"], "prediction": reply}, name
            )
            return "u" if read == "Z" else read_letter(read, own(row))

        return score

    failed, clips, long = (
        "Failed to obtain answer via API.",
        checked("mvbench", letters),
        checked("mlvu", lambda _: CAPITALS),
    )
    return {
        "mvbench": lambda row, reply: (
            "r" if failed in reply else clips(row, reply)
        ),  # -1, and what is not 0 counts as right
        "mlvu": lambda row, reply: "u" if failed in reply else long(row, reply),
        "videomme": prefixed("videomme"),
        "longvideobench": prefixed("longvideobench"),
    }
