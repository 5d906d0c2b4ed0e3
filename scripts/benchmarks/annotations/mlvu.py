"""MLVU: counts, and constant letters by four scorers, which differ where an answer stands twice or nowhere."""
from collections import Counter

from .program import revision, table, text

MLVU = {"1_plotQA": (539, 160), "2_needle": (355, 129), "3_ego": (352, 84), "4_count": (206, 206), "5_order": (259, 259),
        "6_anomaly_reco": (200, 200), "7_topic_reasoning": (264, 204)}
M_AVG = {"rrpo": (25.0386, 25.0179, 25.0487, 24.8948), "official": (25.0386, 25.0179, 24.9682, 24.8948),
         "lmms": (25.2713, 25.0444, 24.9152, 24.6886)}
A_HITS = {"1_plotQA": 134, "2_needle": 89, "3_ego": 88, "4_count": 52, "5_order": 65, "6_anomaly_reco": 50,
          "7_topic_reasoning": 66}


def hits_by_hand(questions, letter, scorer):
    """Rows of each task for which `letter` is right, counted in the published texts."""
    out = Counter()
    for row in questions:
        answer, texts = row["answer"]["text"] or "", [option["text"] for option in row["options"]]
        keys = ["ABCD"[i] for i, option in enumerate(texts) if option == answer]
        if not keys:  # the authors' script reads a letter out of the answer's text
            right = scorer == "rrpo" and next(c for c in answer if c.isalpha()).upper() == letter
        else:
            right = letter in {"lmms": keys[:1], "vlmeval": (keys[0], keys[-1])}.get(scorer, keys[-1:])
        out[row["task"]] += right
    return out


def mlvu(program, folder):
    questions, found = program.convert("mlvu", folder)
    odd = {kind: found["odd"].get(kind) for kind in ("answer_not_among_candidates", "answer_twice", "equal_candidates")}
    program.expect("MLVU: odd rows", odd, dict(zip(odd, (2, 6, 10))))
    counts = [[task, found["tasks"].get(task), len({row["media"]["path"] for row in questions if row["task"] == task})]
              for task in MLVU]
    program.expect("MLVU: questions and videos", counts, [[task, *both] for task, both in MLVU.items()])
    lines = []
    for place, letter in enumerate("ABCD"):
        scores, verdicts = program.score(questions, lambda row: f"({letter})", ["rrpo", "official", "lmms", "vlmeval"])
        line = [f"`({letter})`"]
        for scorer, own in scores.items():
            average = 100 * own["overall"]["value"]
            line.append(f"{average:.4f}")
            seen = Counter(row["task"] for row in questions if verdicts[scorer][row["id"]] == "right")
            by_hand = hits_by_hand(questions, letter, scorer)
            program.expect(f"MLVU ({letter}) {scorer}, right rows", seen, by_hand)
            if scorer in M_AVG:
                program.near(f"MLVU ({letter}) {scorer}", average, M_AVG[scorer][place], 4)
            if scorer == "rrpo" and letter == "A":
                program.expect("MLVU (A) rrpo, right rows", seen, A_HITS)
        line.append(text(round(100 * scores["vlmeval"]["extra"]["micro"], 1)))
        lines.append(line)
    return ["## MLVU", revision(found), table(["task", "questions", "videos"], counts),
            "M-Avg of a constant reply, in percent. Six answers stand twice among their options: the last is right for "
            "`rrpo` and `official`, the first for `lmms`, both for `vlmeval`. Two are no option: there `rrpo` reads a C out "
            "of the text.",
            table(["reply", "`rrpo`", "`official`", "`lmms`", "`vlmeval`", "`vlmeval`, by question"], lines)]
