"""The alignment film's data: what a few held-out answers look like to the policy, token by token, at every checkpoint."""
from files import json_lines, read_json
from measure import nats
from protocol import SIDES


def byte_of_character():
    """The byte that each printable character of a byte-level vocabulary stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in plain}
    others = [b for b in range(256) if b not in plain]
    table.update({chr(256 + i): b for i, b in enumerate(others)})
    return table


def token_texts(tokenizer):
    """The text of every id in a tokenizer.json."""
    bytes_of = byte_of_character()
    content = read_json(tokenizer)
    texts = {i: bytes(bytes_of[c] for c in word).decode(errors="replace") for word, i in content["model"]["vocab"].items()}
    texts.update({added["id"]: added["content"] for added in content["added_tokens"]})
    return texts


def answer_words(side, texts):
    """The tokens of an answer; the end of the turn, which closes it, as a sign."""
    words = [texts[i] for i in side["ids"]]
    return {"tokens": [*words[:-1], "⏎"], "marked": side["marked"]}


def answer_frame(side):
    return {"gain": [nats(a - b) for a, b in zip(side["logp"], side["ref_logp"])], "kl": [nats(k) for k in side["kl"]]}


def nothing(side):
    """Before the first step the policy is the reference."""
    return {"gain": [0.0] * len(side["ids"]), "kl": [0.0] * len(side["ids"])}


def frame_of(step, lines, of_answer):
    return {"step": step, "pairs": [{s: of_answer(line[s]) for s in SIDES} for line in lines]}


def film_of(pairs, scores_by_step, texts):
    """`scores_by_step`: (step, folder of `rrpo-train score`) in order; all hold the lines of `pairs` in their order."""
    scores = [(step, json_lines(folder / "scores.jsonl")) for step, folder in scores_by_step]
    first = scores[0][1]
    frames = [frame_of(0, first, nothing), *(frame_of(step, lines, answer_frame) for step, lines in scores)]
    shown = [{"id": pair["id"], "question": pair["question"], **{s: answer_words(line[s], texts) for s in SIDES}}
             for pair, line in zip(pairs, first)]
    return {"steps": [frame["step"] for frame in frames], "pairs": shown, "frames": frames}
