"""From the files that the programs wrote to the numbers of one run. Pure but for reading."""
from files import json_lines, read_json
from intervals import mean
from protocol import SIDES, TYPES


def percent(value):
    return round(100 * value, 4)


def nats(value):
    return round(value, 6)


def with_mean(by_type):
    """`mean` is that over types."""
    return {"mean": round(mean(list(by_type.values())), 4), **by_type}


def scores(folder):
    """The numbers of the scorer `ours`."""
    return read_json(folder / "scores.json")["ours"]


def accuracies(folder):
    """Accuracy per type in percent, for captions the share of right slots; an answer that cannot be parsed is wrong."""
    by_type = scores(folder)["tasks"]  # no score where nothing of a type could be read: here nothing of it is right
    return with_mean({t: percent(by_type[t].get("slot_share", by_type[t]["accuracy"]) or 0) for t in TYPES})


def unparsed(folder):
    return scores(folder)["unparsed"]


def yes_rate(folder):
    """Share of yes among the yes and no answers that could be read, in percent; None where none could."""
    rows = [row for row in json_lines(folder / "verdicts.jsonl") if row["format"] == "yesno" and row["found"]]
    return percent(mean([float(row["found"][0] == "yes") for row in rows])) if rows else None


def readings(told):
    """What could be read of the answers to each set of clips."""
    return {name: {key: value(folder) for key, folder in told.items()}
            for name, value in (("unparsed", unparsed), ("yes_rate", yes_rate))}


def type_of(row):
    return row["tags"]["type"]


def probe_rows(questions, predictions, root, clips):
    """For the first `clips` videos, a row with the true answer as chosen and the model's own as rejected: scoring it gives
    the KL of both. A model's own answer that is the true one stands there once (`same/…`; its other side is not read). Own
    answers that are empty have no row; their number is the second result."""
    own = {row["id"]: row["raw"] for row in predictions}
    videos = list(dict.fromkeys(q["video"] for q in questions))[:clips]
    rows, empty = [], 0
    for question in questions:
        if question["video"] not in videos:
            continue
        text = own[question["id"]]
        if not text.strip():
            empty += 1
            continue
        same = text == question["answer"]
        rows.append({"id": f"{'same' if same else 'probe'}/{type_of(question)}/{question['id']}",
                     "video": f"{root}/{question['video']}", "question": question["question"],
                     "chosen": {"text": question["answer"]}, "rejected": {"text": "-" if same else text}})
    return rows, empty


def pair_rows(pairs, root):
    """Held-out pairs with the videos' places below another root."""
    return [{"id": f"pair/{type_of(pair)}/{pair['id']}", "video": f"{root}/{pair['video']}",
             **{key: pair[key] for key in ("question", *SIDES)}} for pair in pairs]


def gain(side):
    """log p_policy - log p_reference of an answer."""
    return sum(side["logp"]) - sum(side["ref_logp"])


def over_types(lines, value):
    """The mean over question types of the mean of `value` over the lines of a type."""
    by_type = {}
    for line in lines:
        by_type.setdefault(line["id"].split("/")[1], []).append(value(line))
    return mean([mean(values) for _, values in sorted(by_type.items())])


def divergence(scores):
    """KL(reference || policy) in nats per answer, mean over types, and what became of the held-out pairs. The reward is the
    whole answer's log-ratio for every method, whatever it was trained with."""
    probes = [line for line in scores if line["id"].startswith(("probe/", "same/"))]
    own = lambda line: line["chosen" if line["id"].startswith("same/") else "rejected"]
    pairs = [line for line in scores if line["id"].startswith("pair/")]
    right = [float(gain(line["chosen"]) > gain(line["rejected"])) for line in pairs]
    return {
        "kl_truth": nats(over_types(probes, lambda line: sum(line["chosen"]["kl"]))),
        "kl_own": nats(over_types(probes, lambda line: sum(own(line)["kl"]))),
        "reward_accuracy": percent(mean(right)),
        "drift_chosen": nats(mean([gain(line["chosen"]) for line in pairs])),
        "drift_rejected": nats(mean([gain(line["rejected"]) for line in pairs])),
    }


def asked_accuracies(folder, clips):
    """Accuracy per type in percent of a generation's responses, from its ledger; a caption counts when all its slots are
    right."""
    kinds = {q["id"]: type_of(q) for q in json_lines(clips / "questions.jsonl")}
    right = {t: [] for t in TYPES}
    for row in json_lines(folder / "ledger.jsonl"):
        right[kinds[row["id"]]].append(float(row["state"] == "right"))
    return with_mean({t: percent(mean(values)) for t, values in right.items()})
