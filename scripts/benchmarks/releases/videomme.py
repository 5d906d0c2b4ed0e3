"""A Video-MME of four videos: the three durations, subtitles with every trap, an option text that stands twice."""
from .common import clip, write_jsonl, write_text

FONT = '<font color="white" size=".72c">{}</font>'
VIDEOS = {
    "-bCdEfGhIjK": ("001", "short", "Knowledge", "Geography", "move"),
    "AbCdEfGhIjL": ("301", "medium", "Sports Competition", "Football", "left"),
    "AbCdEfGhIjM": ("601", "long", "Life Record", "Food", "cut"),
    "AbCdEfGhIjN": ("602", "long", "Multilingual", "Multilingual", None),
}
QUESTIONS = [
    ("Object Recognition", "What is in the video?", ("A square.", "A circle.", "A dog.", "A cat."), "A"),
    ("Action Recognition", "What does it do?", ("It grows.", "It moves.", "It sings.", "It waits."), "B"),
    ("Counting Problem", "How many squares are there?", ("Two.", "Three.", "One.", "Four."), "C"),
]
# Windows line ends; two cues with one time, of which the later is kept; one without the font; one between two frames.
SUBTITLES = "\r\n".join((
    "1", "00:00:00,000 --> 00:00:00,300", FONT.format("Here it comes."), "",
    "2", "00:00:00,350 --> 00:00:00,380", FONT.format("Between two frames."), "",
    "3", "00:00:00,400 --> 00:00:00,600", FONT.format("Said first."), "",
    "4", "00:00:00,400 --> 00:00:00,600", FONT.format("Said instead."), "",
    "5", "00:00:00,700 --> 00:00:01,000", "Plain words.", ""))


def options(texts):
    return [f"{letter}. {text}" for letter, text in zip("ABCD", texts)]


def rows():
    for video, (number, duration, domain, category, _) in VIDEOS.items():
        for index, (task, question, texts, answer) in enumerate(QUESTIONS, 1):
            texts = ("Two.", "One.", "One.", "Four.") if (number, index) == ("601", 3) else texts
            yield {"video_id": number, "duration": duration, "domain": domain, "sub_category": category, "url": "",
                   "videoID": video, "question_id": f"{number}-{index}", "task_type": task, "question": question,
                   "options": options(texts), "answer": answer}


def make(folder):
    table = list(rows())
    write_jsonl(folder / "videomme" / "test-00000-of-00001.jsonl", table)
    for number, (video, (*_, kind)) in enumerate(VIDEOS.items()):
        if kind:
            clip(folder / "data" / f"{video}.mp4", kind=kind, seed=number)
        if video != "AbCdEfGhIjL":
            write_text(folder / "subtitle" / f"{video}.srt", SUBTITLES)
    return {"questions": len(table), "videos": len(VIDEOS), "tasks": {"videomme": len(table)}, "missing_media": 1,
            "odd": {"answer_twice": 1, "missing_subtitles": 1}}
