"""A VideoHallucer of two to four pairs a subset: one pair twice, a clip that is not there, and what is left out."""
from .common import clip, write_json, write_jsonl


def pair(kind, video, basic, hallucination, other=None, answers=("yes", "no"), **more):
    out = {"basic": {"video": video, "question": basic, "answer": answers[0]},
           "hallucination": {"video": other or video, "question": hallucination, "answer": answers[1], **more}}
    return {**out, "type": kind} if kind else out


OPENING = pair("temporal_absolute", "t1.mp4", "Is the red scene at the beginning?", "Is the red scene at the end?")
SUBSETS = {
    "object_relation": [pair("subject", "o1.mp4", "Is there a square in the video?", "Is there a circle in the video?"),
                        pair("relation", "o2.mp4", "Is the square on a dark ground?", "Is the square on a horse?")],
    "temporal": [OPENING, pair("length_relative", "t1.mp4", "Are both scenes equally long?", "Is the first one longer?"),
                 OPENING, pair("temporal_relative", "t2.mp4", "Does it blink before it rests?", "Does it rest first?")],
    "semantic_detail": [pair("semantic_detail", "s1_a.mp4", "Does the square move right?", "Does the square move right?",
                             other="s1_b.mp4"),
                        pair("semantic_detail", "s2_a.mp4", "Is the ground light?", "Is the ground light?",
                             other="gone_b.mp4")],
    "external_factual": [pair("external_factual_course", "f1.mp4", "Does the video show a square?", "Is a cube shown, too?",
                              explanation="there is no cube"),
                         pair("external_factual_instruct", "f2.mp4", "Should we move it first?", "Should we paint it?")],
    "external_nonfactual": [pair("external_nonfactual_course", "f1.mp4", "Does the video show a square?",
                                 "Does the video show a round square?"),
                            pair("external_nonfactual_instruct", "f2.mp4", "Should we move it first?",
                                 "Should we eat it first?")],
}
KINDS = {"t1.mp4": "cut", "t2.mp4": "blink", "s1_b.mp4": "left"}
ABSENT = "gone_b.mp4"


def make(folder):
    places = []
    for subset, pairs in SUBSETS.items():
        write_json(folder / subset / f"{subset}.json", pairs)
        names = {half["video"] for one in pairs for half in (one["basic"], one["hallucination"])}
        places += [folder / subset / "videos" / name for name in sorted(names)]
    for number, place in enumerate(places):
        if place.name != ABSENT:
            clip(place, kind=KINDS.get(place.name, "move"), seed=number)
    aside = pair("fact_nonfact_course", "d1.mp4", "Is anything false in it?", "Is all of it there?", answers=("no", "no"))
    write_json(folder / "fact_detect" / "fact_detect.json", [aside])
    said = pair(None, "0.mp4", "Doesn't he think so?", "Does he think so?")
    write_json(folder / "interaction" / "interaction.json", [said])
    write_jsonl(folder / "interaction" / "conflict.jsonl", [said])
    questions = 2 * sum(len(pairs) for pairs in SUBSETS.values())
    return {"questions": questions, "videos": len(places), "tasks": {"pair_qa": questions}, "missing_media": 1,
            "odd": {"duplicate_pair": 1}}
