"""What the scripts of Video-MME-v2, EventHallusion and ELV-Halluc make of replies, of groups of them and of whole runs."""

import ast
import itertools
import types

from scorers_choices import inference, own, read_letter
from scorers_originals import execute

STRUCTURES = ("[1, 2, 3, 4]", "[1, [2, 3], 4]", "[[1, 2], 3, 4]")
MME2 = "evaluation/test_video_mme_v2.py"


def videomme_v2(folder):
    """Scorer -> function (row, reply) -> word."""
    script = folder.take("Video-MME-v2", MME2, ["extract_characters_regex_v2"])
    task = folder.take(
        "lmms-eval",
        "lmms_eval/tasks/videomme_v2/utils.py",
        ["extract_characters_regex", "videomme_v2_process_results"],
    )
    kit = folder.take(
        "VLMEvalKit",
        "vlmeval/dataset/utils/videomme.py",
        ["extract_characters_regex_v2", "extract_option"],
        extract_answer_from_item=inference(folder),
    )
    doc = dict.fromkeys(("video_id", "question_id", "group_type", "group_structure"), "")

    def lmms(row, reply):
        data = task.videomme_v2_process_results({**doc, "answer": own(row)}, [reply])["videomme_v2_overall_acc"]
        read = data["pred_answer"]
        return ("r" if data["score"] else "w" if read else "u") + read

    def vlmeval(row, reply):
        read = kit.extract_characters_regex_v2(reply)
        if read == "":
            read = kit.extract_option(None, {"question": row["question"], "prediction": reply}, "Video-MME")
        return "u" if read == "Z" else read_letter(read, own(row))

    return {
        "official": lambda row, reply: read_letter(script.extract_characters_regex_v2(reply), own(row)),
        "lmms": lmms,
        "vlmeval": vlmeval,
    }


def yes_or_no(read, truth):
    return "u" if not read else ("r" if read == truth else "w") + read


def eventhallusion(folder):
    extract = folder.take("EventHallusion", "eval.py", ["extract_pred"]).extract_pred
    words = {"Yes.": "yes", "No.": "no", None: ""}
    return {"official": lambda row, reply: yes_or_no(words[extract(reply)], words[row["answer"]["text"]])}


def elvhalluc(folder):
    read = folder.take("ELV-Halluc", "eval.py", ["format_answer"]).format_answer
    return {"official": lambda row, reply: yes_or_no(read(reply), read(row["answer"]["text"]))}


# --- groups and runs ----------------------------------------------------


class Rows:
    """As much of a table of pandas as get_final_rating uses."""

    def __init__(self, rows):
        self.iloc = rows

    def __len__(self):
        return len(self.iloc)


def points():
    return itertools.product((-1, 0, 1), repeat=4)


def group_tables(folder):
    """[structure or null, points, value in percent]: null for a group by relevance."""
    script = folder.take("Video-MME-v2", MME2, ["cal_relevance", "cal_logic"], ast=ast)
    out = [[None, list(one), script.cal_relevance(one)[0]] for one in points()]
    for structure in STRUCTURES:
        out += [[structure, list(one), script.cal_logic(one, structure)] for one in points()]
    return out


def rating(folder):
    """A run of Video-MME-v2: groups, each with its kind, structure, level and points, and what the script prints of them."""
    script = folder.take("Video-MME-v2", MME2, ["cal_relevance", "cal_logic", "get_final_rating"], ast=ast)
    groups = []
    for number, one in enumerate(list(points())[::5]):
        structure = [None, *STRUCTURES][number % 4]
        groups.append({"structure": structure, "level": number % 3 + 1, "points": list(one)})
    rows = [
        {
            "level": group["level"],
            "group_type": "logic" if group["structure"] else "relevance",
            "group_structure": group["structure"],
            "score": score,
            "second_head": "x",
            "third_head": "y",
        }
        for group in groups
        for score in group["points"]
    ]
    return {"groups": groups, "printed": script.get_final_rating(Rows(rows))["final_rating"]}


def printed_by(run):
    """The lines that `run(print)` prints."""
    lines = []
    run(lambda *words: lines.append(" ".join(str(word) for word in words)))
    return lines


def event_run(folder):
    """A run of EventHallusion: replies by part, and the numbers of the printed lines."""
    parts = {"entire": ["No.", "yes", "Perhaps not", "no way"], "interleave": ["Yes", " Yes", "yes, it is", None]}
    parts["misleading"] = ["No", "NO", "nothing"]
    answers = {"entire": "No.", "interleave": "Yes.", "misleading": "No."}
    run = {
        part: {
            str(i): {"qa": [{"answer": answers[part], "prediction": reply}], "judgement": "yes"}
            for i, reply in enumerate(replies)
        }
        for part, replies in parts.items()
    }
    names = ["extract_pred", "extract_yes_no_gpt", "main"]
    lines = printed_by(lambda print_: folder.take("EventHallusion", "eval.py", names, print=print_).main(run))
    accuracy = {line.split(" ")[0].strip(":"): float(line.rsplit(" ", 1)[1]) for line in lines if "qs acc" in line}
    matching = float(lines[-1].split("ques: ")[1].split(",")[0])
    return {"parts": parts, "accuracy": accuracy, "not_matching": matching}


def elv_run(folder):
    """A run of ELV-Halluc: all threes of replies, by aspect, and the numbers that its script prints."""
    kinds = (("ground_truth", "Yes"), ("in_video", "No"), ("out_video", "No"))
    groups = []
    for number, replies in enumerate(itertools.product(("Yes.", "no", "perhaps"), repeat=3)):
        groups.append({"aspect": "action" if number % 5 < 3 else "object", "replies": list(replies)})
    groups += [{"aspect": "object", "replies": ["yes", "no", "no"]}, {"aspect": "object", "replies": ["yes", "yes", "No."]}]
    data = [
        {
            "part_nums": 3,
            "aspect": group["aspect"],
            "caption_type": kind,
            "ref_answer": reference,
            "model_response": reply,
        }
        for group in groups
        for (kind, reference), reply in zip(kinds, group["replies"])
    ]
    skipped = (ast.Import, ast.ImportFrom, ast.With)  # what it imports, and the file that it reads
    body = [node for node in folder.tree("ELV-Halluc", "eval.py").body if not isinstance(node, skipped)]
    space = {"data": data, "pd": types.SimpleNamespace(DataFrame=lambda rows: rows)}
    lines = printed_by(lambda print_: execute(body, {**space, "print": print_}))
    total, in_video, out_video, ratio = [float(line.rsplit(" ", 1)[1]) for line in lines if line[0] not in "=["]
    aspects = ast.literal_eval(lines[-1])
    return {
        "groups": groups,
        "total": int(total),
        "printed": {"in_video": in_video, "out_video": out_video, "sah_ratio": ratio},
        "aspects": aspects,
    }


def groups(folder):
    """What tests/golden/scorers/groups.json holds."""
    return {
        "tables": group_tables(folder),
        "videomme_v2": rating(folder),
        "eventhallusion": event_run(folder),
        "elvhalluc": elv_run(folder),
    }
