"""An EventHallusion of eight videos in three parts: two questions about one, lengths in three forms, one video without a
question, a clip that is not there."""
from .common import clip, write_json

ENTIRE = [("entire_001", "00:01", ("Is the square playing with a dog?",), "move"),
          ("entire_002", 10, ("Is the square falling?", "Is the square eaten?"), "left"),
          ("entire_003", "", (), None)]
INTERLEAVE = [("interleave_001", "00:01 ", ("Did anything unexpected happen?",), "cut"),
              ("interleave_002", "01:05", ("Did anything unexpected happen? ",), "blink"),
              ("interleave_003", None, ("Did anything unexpected happen?",), None)]
MISLEADING = [("misleading_001", "00:01", ("Is the square drinking?",), "still"),
              ("misleading_002", "00:02", ("Is the square drinking?", "Is the square a circle?"), "move")]
PARTS = {"entire": (ENTIRE, "No."), "interleave": (INTERLEAVE, "Yes."), "misleading": (MISLEADING, "No.")}
NO_FILE = {"entire_003", "interleave_003"}


def make(folder):
    tasks, videos = {}, 0
    for part, (entries, answer) in PARTS.items():
        table = [{"id": name, "category": "shapes", "length": length,
                  "event_info": {"object": ["square"], "scene": "On a ground.", "caption": "A square moves."},
                  "questions": [{"type": "hallucination", "question": text, "answer": answer} for text in questions]}
                 for name, length, questions, _ in entries]
        write_json(folder / "questions" / f"{part}_questions.json", table)
        tasks[part] = sum(len(row["questions"]) for row in table)
        videos += sum(1 for row in table if row["questions"])
        for number, (name, _, _, kind) in enumerate(entries):
            if kind:
                clip(folder / "videos" / part / f"{name}.mp4", kind=kind, seed=number)
    return {"questions": sum(tasks.values()), "videos": videos, "tasks": tasks,
            "odd": {"missing_length": 2, "video_without_question": 1},
            "missing_media": ["videos/interleave/interleave_003.mp4"]}
