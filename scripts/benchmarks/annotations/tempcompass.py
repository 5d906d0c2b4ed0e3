"""TempCompass: counts, constant replies, and its publisher's predictions and ratings."""
from collections import Counter

from .program import percent, read, revision, table, text

TASKS = {"multi-choice": 1580, "yes_no": 2453, "caption_matching": 1503, "captioning": 2004}
ASPECTS = {"multi-choice": (338, 335, 317, 302, 288), "yes_no": (592, 494, 537, 382, 448),
           "caption_matching": (297, 327, 291, 300, 288), "captioning": (396, 436, 388, 400, 384)}
ASPECT_NAMES = ("action", "direction", "speed", "order", "attribute_change")
CONSTANTS = (("yes_no", "Yes", 1226, 0), ("multi-choice", "A", 461, 0), ("multi-choice", "B", 457, 0),
             ("multi-choice", "(B)", 0, 1580), ("caption_matching", "A", 493, None), ("caption_matching", "1", 274, None))
YES_BY_ASPECT = (50.2, 50.0, 49.5, 50.3, 50.0)
# The publisher's models: by rules alone (what no rule matches is 0), and as published; captioning has no rules.
MODELS = {"video-llava": ((45.6, 45.6), (56.4, 56.4), (63.3, 63.3), (None, 34.8)),
          "gemini": ((59.5, 63.9), (70.2, 70.3), (77.3, 77.4), (None, 57.9)),
          "reka-core-20240501": ((41.4, 61.1), (65.1, 65.1), (41.3, 74.1), (None, 58.5)),
          "reka-flash": ((56.6, None), (62.5, None), None, None)}
REPLIES, OTHERS = 16608, 135  # with a published flag; of these, matched by the rules of today alone: gemini's captions


def tempcompass_counts(program, questions, found):
    program.expect("TempCompass: tasks", found["tasks"], TASKS)
    program.expect("TempCompass: videos", found["videos"], 410)
    kinds = ("odd_option_line", "duplicate_question", "line_with_outer_blanks")
    program.expect("TempCompass: odd rows", [found["odd"].get(kind) for kind in kinds], [3, 1, 28])
    words = Counter(row["answer"]["keys"][0] for row in questions if row["task"] == "yes_no")
    program.expect("TempCompass: yes and no", words, {"yes": 1226, "no": 1227})
    captions = [row["answer"] for row in questions if row["task"] == "captioning"]
    same = sum(answer["text"] == answer["aux"]["mc_answer"] for answer in captions)
    program.expect("TempCompass: captioning, the answer of its question", same, 1856)
    seen = Counter((row["task"], row["groups"]["aspect"]) for row in questions)
    lines = [[task, *(seen[task, aspect] for aspect in ASPECT_NAMES), found["tasks"].get(task)] for task in TASKS]
    program.expect("TempCompass: aspects", lines, [[task, *ASPECTS[task], TASKS[task]] for task in TASKS])
    return table(["task", *ASPECT_NAMES, "all"], lines)


def tempcompass_constants(program, questions):
    lines = []
    for task, reply, right, unjudged in CONSTANTS:
        own = [row for row in questions if row["task"] == task]
        scores, verdicts = program.score(own, lambda row: reply, ["official", "rrpo", "lmms", "vlmeval", "ours"])
        what = f"TempCompass {task} {reply}"
        line = [task, f"`{reply}`"]
        for scorer in scores:
            seen = Counter(verdicts[scorer].values())
            line.append(f"{seen['right']} ({text(percent(seen['right'], len(own)))})"
                        + (f", {seen['unjudged']} to the judge" if seen["unjudged"] else ""))
            if scorer in ("official", "lmms", "vlmeval"):
                program.expect(f"{what} {scorer}", seen["right"], right)
        if unjudged is not None:
            program.expect(f"{what} official, to the judge", scores["official"]["unjudged"], unjudged)
        if reply in "AB1" and task != "yes_no":  # a bare capital gets brackets there, a number does not
            program.expect(f"{what} rrpo", scores["rrpo"]["right"], right if reply == "1" else 0)
        if task == "yes_no":
            aspects = scores["official"]["groups"]["aspect"]
            for aspect, expected in zip(ASPECT_NAMES, YES_BY_ASPECT):
                program.near(f"{what} {aspect}", 100 * aspects[aspect]["accuracy"], expected)
        if reply == "(B)":
            program.expect(f"{what} ours: all are read", scores["ours"]["answered"], len(own))
        lines.append(line)
    return table(["task", "reply", "`official`", "`rrpo`", "`lmms`", "`vlmeval`", "`ours`"], lines)


def published(folder, kind, model, task):
    """What the publisher's file has of each question, by our id; nothing where there is no file."""
    path = folder / kind / model / f"{task}.json"
    if not path.is_file():
        return None
    return {f"tempcompass/{task}/{video}/{aspect}/{i}": one for video, aspects in read(path).items()
            for aspect, ones in aspects.items() for i, one in enumerate(ones)}


def rated(program, what, verdicts, ratings):
    """How many flags agree and how many replies our rules alone match; every rating of a reply matched by both agrees."""
    agree = ours_only = 0
    for name, one in ratings.items():
        matched = verdicts[name] not in ("unjudged", "failed")
        agree += matched == one["match_success"]
        ours_only += matched and not one["match_success"]
        if matched and one["match_success"]:
            program.expect(f"{what}: rating of {name}", int(verdicts[name] == "right"), one["rating"])
    return agree, ours_only


def tempcompass_published(program, questions, folder):
    lines, total, agree, others = [], 0, 0, 0
    for model, figures in MODELS.items():
        line = [model]
        for task, known in zip(TASKS, figures):
            said = published(folder, "predictions", model, task)
            ratings = published(folder, "auto_eval_results", model, task)
            program.expect(f"TempCompass {model} {task}: is published", said is not None, known is not None)
            if said is None or known is None:
                line.append("-")
                continue
            own, what = [row for row in questions if row["task"] == task], f"TempCompass {model} {task}"
            program.expect(f"{what}: replies", said.keys() == {row["id"] for row in own}, True)
            replies = {name: one.get("prediction", one.get("response")) for name, one in said.items()}
            _, verdicts = program.score(own, lambda row: replies.get(row["id"]), ["official"])
            right = sum(verdict == "right" for verdict in verdicts["official"].values())
            rules = percent(right, len(own)) if known[0] is not None else None
            whole = percent(sum(one["rating"] for one in ratings.values()), len(own)) if ratings else None
            for seen, expected in ((rules, known[0]), (whole, known[1])):
                if expected is not None:
                    program.near(what, seen, expected)
            if ratings and task != "captioning":
                both, more = rated(program, what, verdicts["official"], ratings)
                total, agree, others = total + len(own), agree + both, others + more
                expected = (len(own) - OTHERS, OTHERS) if (model, task) == ("gemini", "caption_matching") else (len(own), 0)
                program.expect(f"{what}: flags that agree, matched by us alone", (both, more), expected)
            line.append(f"{text(rules)} / {text(whole)}")
        lines.append(line)
    program.expect("TempCompass: flags that agree", (agree, total, others), (REPLIES - OTHERS, REPLIES, OTHERS))
    return (f"{agree:,} of {total:,} flags (a rule matches, or a judge is asked) are as published; the {others} others are "
            "caption matches of gemini's, from an older script that did not strip replies. Every rating of a reply that "
            "both match is the published one.",
            table(["model", *TASKS], lines))


def tempcompass(program, folder):
    questions, found = program.convert("tempcompass", folder)
    counts, constants = tempcompass_counts(program, questions, found), tempcompass_constants(program, questions)
    words, models = tempcompass_published(program, questions, folder)
    return ["## TempCompass", revision(found), counts,
            "Right replies of a constant model, and their percentage of all questions. The authors' scripts put brackets "
            "around a bare capital, which no rule reads: all of these go to the judge.", constants,
            "The publisher's predictions, in percent: by rules alone (what none matches is 0) / as published, with a judge.",
            models, words]
