"""An ELV-Halluc of three videos: threes of captions in two orders, names of videos with folders before them, a false caption
whose answer says yes, a clip that is not there. Columns beyond those that its eval.py reads are made up."""
from .common import clip, write_jsonl

PREFIX = 'Is the following caption totally correct? Reply with "Yes" or "No" only.\n'
# video, aspect, parts, captions by type, answers, kind of clip
GROUPS = [
    ("/data/long/a.mp4", "visual_details", 3, ("00:00-00:01 - A red square moves.", "00:00-00:01 - A dark square moves.",
                                               "00:00-00:01 - A striped square moves."), ("Yes", "No", "No")),
    ("/data/long/a.mp4", "object", 3, ("00:00-00:01 - A square.", "00:00-00:01 - A ground.", "00:00-00:01 - A dog."),
     ("Yes.", "no", "No.")),
    ("b.mp4", "action", 2, ("It blinks.", "It rests.", "It sings."), ("Yes", "No", "No")),
    ("b.mp4", "declarative", 2, ("It says yes.", "It says no.", "It says nothing."), ("Yes", "No", "No")),
    ("c.mp4", "action", 4, ("It is cut.", "It is whole.", "It is yesterday."), ("Yes", "Yes", "No")),
]
TYPES = ("ground_truth", "in_video", "out_video")
KINDS = {"a.mp4": "move", "b.mp4": "blink"}


def rows():
    for number, (video, aspect, parts, captions, answers) in enumerate(GROUPS):
        three = list(zip(TYPES, captions, answers))
        for kind, caption, answer in three[::-1] if number % 2 else three:
            yield {"video": video, "question": PREFIX + caption, "aspect": aspect, "caption_type": kind, "part_nums": parts,
                   "ref_answer": answer}


def make(folder):
    table = list(rows())
    write_jsonl(folder / "data" / "ELV_Halluc.jsonl", table)
    for name, kind in KINDS.items():
        clip(folder / "videos" / name, kind=kind)
    return {"questions": len(table), "videos": 3, "tasks": {"captions": len(table)}, "odd": {"answer_unlike_its_type": 1},
            "missing_media": ["videos/c.mp4"]}
