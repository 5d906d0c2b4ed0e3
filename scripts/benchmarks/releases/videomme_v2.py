"""A Video-MME-v2 of six videos: a group of each kind, options that go on in a second line or lack their blank, headings that
differ within a group, subtitles by word, a clip that is not there."""
from .common import clip, write_jsonl

WHOLE = ("A square.", "A circle.", "A dog.", "A cat.", "Two squares.", "H, as in him.", "Nothing.", "Cannot be told.")
# video: kind of group, its structure, level and headings, kind of clip
GROUPS = {
    "001": ("relevance", "None", 1, ("Find", "Count"), "move"),
    "002": ("logic", "[1, 2, 3, 4]", 2, ("Order", "Cause"), "left"),
    "003": ("logic", "[1, [2, 3], 4]", 3, ("Reason", "Physics"), "blink"),
    "004": ("logic", "[[1,2],3,4]", None, (None, None), "cut"),
    "-05": ("relevance", None, "2", ("Order", "Change"), "still"),
    "800": ("relevance", "None", 3, ("Reason", "Talk"), None),
}
QUESTIONS = ("What is in the video?", "What does it do next?", "Why? (B) is no reason.", "So what does the whole show?")
ANSWERS = "AHCE"


def options_of(video, number):
    texts = list(WHOLE)
    if (video, number) == ("001", 2):
        texts[3] = "A cat,\nor is it B. a dog?"
    if (video, number) == ("002", 1):
        texts[5] = texts[6]
    if (video, number) == ("003", 4):
        texts = texts[:7]
    lines = [f"{letter}. {text}" for letter, text in zip("ABCDEFGH", texts)]
    if (video, number) == ("004", 3):
        lines[1] = "B.A circle."
    return "\n".join(lines)


def rows():
    for video, (kind, structure, level, (second, third), _) in GROUPS.items():
        for number, question in enumerate(QUESTIONS, 1):
            last = number == len(QUESTIONS)
            yield {"video_id": video, "url": "", "group_type": kind, "group_structure": structure,
                   "question_id": f"{video}-{number}", "question": question, "options": options_of(video, number),
                   "answer": ANSWERS[number - 1], "level": level if last or video != "003" else 1,
                   "second_head": second, "third_head": third if last else "Part"}


def make(folder):
    table = list(rows())
    write_jsonl(folder / "test.jsonl", table)
    for number, (video, (*_, kind)) in enumerate(GROUPS.items()):
        if kind:
            clip(folder / "video" / f"{video}.mp4", kind=kind, seed=number)
        said = enumerate(("Here", "it", "is."))
        words = [{"text": word, "start_time": i / 4, "end_time": i / 4 + 0.2} for i, word in said]
        write_jsonl(folder / "subtitle" / f"{video}.jsonl", words)
    return {"questions": len(table), "videos": len(GROUPS), "tasks": {"videomme_v2": len(table)},
            "odd": {"equal_candidates": 1, "not_eight_options": 1, "odd_option_line": 1},
            "missing_media": ["video/800.mp4"]}
