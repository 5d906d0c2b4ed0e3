"""What the original scripts make of replies to questions that are not multiple choice, and of a judge's words."""

import ast
import math

from scorers_choices import chosen
from scorers_originals import Judge, ask, execute

RULES = {
    "mcq": ("eval_multi-choice.py", []),
    "yesno": ("eval_yes_no.py", ["extract_pred"]),
    "caption_match": ("eval_caption_matching.py", ["eval_rule", "check_ans"]),
}


# fmt: off
JUDGEMENTS = [
    "Correct", "Incorrect", "Correct.", "Incorrect, for it is B.", "It is Correct", "It is Incorrect",
    "Incorrect? No, Correct", "Correct? No, Incorrect", "It is Correct, not Incorrect", "correct", "incorrect",
    "CORRECT", "", " Correct\n", "**Correct**", "**Incorrect**", "The prediction is correct.", "Correctly so",
    "inCorrect", "I cannot tell",
]
JUDGED_CAPTIONS = [
    "Reasoning: r\nAnswer: B. dunking", "Answer: B", "Answer: A. x or B. dunking", "Answer: B. D.J. spin",
    "Answer: B. dunking (U.S.A. B.)", "B. dunking", "B. passing", "Answer: B.", "Answer:B. dunking",
    "Answer: C. passing", "Answer: None of the choices are correct", "", " ", "invalid_request_error",
    "Reasoning: B. dunking", "Answer: A. x\nAnswer: B. dunking", "Answer: B. dunking\nAnswer: A. x",
    "The Answer: B. dunking", "Answer: Answer: B. dunking", "**Answer:** B. dunking",
    "Answer: B. dunking\n\nReasoning: it says so", "answer: B. dunking", " Answer: \u3000B. dunking\u3000",
    "Answer: (B) dunking", "Answer: B. dunking.", "Answer: B. \u6263\u7bee",
    "```\nReasoning: r\nAnswer: B. dunking\n```", "Answer: B. dunking B.", "Answer: B. C", "Reasoning: no Answer fits",
]
# fmt: on


class Nowhere:
    """A file that nobody reads."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def write(self, _):
        return 0


def judged(row, rate):
    """`rate(answer)`: 1 or 0 with this answer as the truth. The key that was read is the first whose line is right."""
    right = rate(row["answer"]["text"]) == 1
    if row["format"] == "yesno":
        return ("r" if right else "w") + (row["answer"]["text"] if right else "no" if rate("no") == 1 else "yes")
    lines = row["question"].split("\n")[1:]
    keys = [option["key"] for option in row["options"]]
    own = {key: f"{key}. {option['text']}" for key, option in zip(keys, row["options"])}
    if row["format"] == "caption_match":
        own = dict(zip(keys, lines))
    word = chosen(right, "", lambda key: rate(own[key]) == 1, keys)
    return word + row["answer"]["keys"][0] if right else word


def tempcompass_by_main(folder, name, base, wrap):
    """TempCompass's own scripts and rrpo's copies: the whole loop over predictions runs, a judge is refused."""

    def score(row, reply):
        if row["format"] == "caption_gen":
            raise Judge
        file, helpers = RULES[row["format"]]
        space = folder.take(
            name,
            base + file,
            [*helpers, "main"],
            tqdm=lambda what: what,
            get_eval_result=ask,
            print_result=lambda _: None,
            base_prompt="",
            client=None,
            gpt_model="",
            open=lambda *_: Nowhere(),
        )

        def rate(truth):
            results = {}
            space.main(
                {"1": {"action": [{"question": row["question"], "answer": truth, "prediction": wrap(reply)}]}},
                results,
                "nowhere",
                False,
            )
            return results["1"]["action"][0]["rating"]

        return judged(row, rate)

    return score


def llava_wrap(folder):
    """What rrpo's inference script does with a reply of LLaVA-Video."""
    tree = folder.tree("RRPO", "eval/tempcompass/infer.py")
    node = next(node for node in ast.walk(tree) if isinstance(node, ast.If) and "chr(k)" in ast.unparse(node.test))
    return lambda reply: execute([node], {"output": reply.strip()})["output"]


def tempcompass_lmms(folder):
    names = {"mcq": "multi_choice", "yesno": "yes_no", "caption_match": "caption_matching", "caption_gen": "captioning"}
    space = folder.take(
        "lmms-eval",
        "lmms_eval/tasks/tempcompass/utils.py",
        ["extract_pred", "eval_rule", *(f"tempcompass_process_results_{name}" for name in names.values())],
        get_eval_result=ask,
        get_eval_result_for_captioning=ask,
    )

    def score(row, reply):
        process = getattr(space, f"tempcompass_process_results_{names[row['format']]}")
        aux = row["answer"]["aux"]

        def rate(truth):
            doc = {"question": row["question"], "answer": truth, "video_id": "1", "dim": "action", **aux}
            return process(doc, [reply])["avg_accuracy"]["rating"]

        return judged(row, rate)

    return score


def tempcompass_vlmeval(folder):
    space = folder.take(
        "VLMEvalKit",
        "vlmeval/dataset/utils/tempcompass.py",
        [
            "system_prompt_multi_choice",
            "system_prompt_caption_matching",
            "system_prompt_YorN",
            "eval_rule_caption_matching",
            "eval_rule_multi_choice",
            "eval_rule_YorN",
            "evaluate_tempcompass_mcq",
            "evaluate_tempcompass_YorN",
        ],
    )
    tasks = {"mcq": "multi-choice", "caption_match": "caption_matching"}

    def score(row, reply):
        if row["format"] == "caption_gen":  # its evaluation refuses to run without a judge
            raise Judge

        def rate(truth):
            line = {
                "question": row["question"],
                "answer": truth,
                "prediction": reply,
                "task_type": tasks.get(row["format"]),
                "candidates": repr(row["question"].split("\n")[1:]),
            }
            evaluate = space.evaluate_tempcompass_YorN if row["format"] == "yesno" else space.evaluate_tempcompass_mcq
            result = evaluate(None, line)
            if not result["match_success"]:
                raise ValueError("no rule matches")
            return result["rating"]

        return judged(row, rate)

    return score


def videohallucer(folder, name, file):
    cal_score = folder.take(name, file, ["cal_score"]).cal_score

    def says(reply, word):
        half = {"answer": word, "predict": reply}
        return cal_score([{"basic": half, "hallucination": half}])["accuracy"] == 1

    def score(row, reply):
        truth = row["answer"]["text"]
        return chosen(says(reply, truth), "", lambda word: says(reply, word), ["yes", "no"]) + (
            truth if says(reply, truth) else ""
        )

    return score


def vidhalluc(folder, name, base):
    bqa = folder.take(name, base + "eval_bqa.py", ["compute"]).compute
    mcq = folder.take(name, base + "eval_mcq.py", ["extract_answer", "match_model_answer", "compute_MCQ"])
    parse = folder.statements(
        name, base + "eval_sth.py", "main", "for key in model_data.keys()", "for key in model_data.keys()"
    )

    def yes_no(row, reply):
        def right(word):
            return bqa({"7": [{"a": {"clip": word}}]}, {"7": [{"a": {"clip": reply}}]}) == (1, 1)

        truth = row["answer"]["text"]
        return chosen(right(truth), "", lambda word: right(word), ["yes", "no"]) + (truth.lower() if right(truth) else "")

    def choices(row, reply):
        clip = {
            "Choices": {option["key"]: option["text"] for option in row["options"]},
            "Correct Answer": row["answer"]["text"],
            "Model Answer": reply,
        }
        data = {"7": {"clip": clip}}
        mcq.match_model_answer(data)
        read = mcq.extract_answer(reply) or ({clip["Matched Answer"]} - {"None"})
        return ("r" if mcq.compute_MCQ(data) == (1, 1) else "w" if read else "u") + "".join(sorted(read))

    def scene(row, reply):
        space = execute(
            parse,
            {
                "model_data": {"k": reply},
                "gt_data": {"k": {"Scene change": row["answer"]["text"], "Locations": ""}},
                "merged_data": {},
            },
        )
        read = "yes" if space["merged_data"]["k"]["Model Scene change"].lower() == "yes" else "no"
        return ("r" if read == row["answer"]["text"].lower() else "w") + read

    rules = {"yesno": yes_no, "mcq_set": choices, "scene_change": scene}
    return lambda row, reply: rules[row["format"]](row, reply)


# --- what has no verdict ------------------------------------------------


def scenes(folder, replies):
    """Label and locations of replies, pairs of scenes, scores of similarities."""
    parse = folder.statements(
        "VidHalluc", "eval/evaluation/eval_sth.py", "main", "for key in model_data.keys()", "for key in model_data.keys()"
    )
    out = {"replies": [], "pairs": [], "similarities": []}
    for reply in replies:
        space = execute(
            parse,
            {"model_data": {"k": reply}, "gt_data": {"k": {"Scene change": "", "Locations": ""}}, "merged_data": {}},
        )
        found = space["merged_data"]["k"]
        out["replies"].append([reply, found["Model Scene change"], found["Model Locations"]])
    space = folder.take(
        "VidHalluc", "eval/evaluation/eval_sth.py", ["extract_scenes", "sigmoid", "calculate_scene_similarity"], math=math
    )
    for text in dict.fromkeys(locations for _, _, locations in out["replies"]):
        pair = space.extract_scenes(text)
        out["pairs"].append([text, list(pair) if all(pair) else None])
    for similarity in (-1, 0, 0.3, 0.5, 0.5001, 0.6, 0.75, 0.8, 0.9, 0.99, 1):
        space.__dict__.update(get_simcse_embedding=lambda _: None, calculate_similarity=lambda *_, s=similarity: s)
        out["similarities"].append([similarity, space.calculate_scene_similarity("", "", similarity_threshold_low=0.5)])
    return out


def judges(folder):
    """Words of judges: [text, right or null]; for captions [text, published line, rating]."""
    space = folder.take("TempCompass", "utils/eval_utils.py", ["llm_output_to_rating"])
    out = {"correctness": [], "captioning": []}
    for text in JUDGEMENTS:
        try:
            rating = bool(space.llm_output_to_rating(text.strip()))
        except AssertionError:
            rating = None
        out["correctness"].append([text, rating])
    parse = folder.take("TempCompass", "eval_captioning.py", ["parse_llm_output"]).parse_llm_output
    line = "B. dunking"
    for text in JUDGED_CAPTIONS:
        out["captioning"].append([text, line, parse(text.strip(), gt_answer=line)["rating"]])
    out["captioning"].append(
        ["Answer: quickly B", "quickly B", parse("Answer: quickly B", gt_answer="quickly B")["rating"]]
    )
    return out


def tempcompass_scorers(folder):
    plain = tempcompass_by_main(folder, "RRPO", "eval/tempcompass/", lambda reply: reply.strip())
    return {
        "official": tempcompass_by_main(folder, "TempCompass", "", lambda reply: reply),
        "rrpo": tempcompass_by_main(folder, "RRPO", "eval/tempcompass/", llava_wrap(folder)),
        "rrpo_longvu": plain,
        "lmms": tempcompass_lmms(folder),
        "vlmeval": tempcompass_vlmeval(folder),
    }
