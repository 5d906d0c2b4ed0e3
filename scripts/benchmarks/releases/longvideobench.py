"""LongVideoBench: lvb_val.json, lvb_test_wo_gt.json, videos/, subtitles/ in both of their forms."""
from .common import clip, write_json

# video, duration group, duration, where the video begins in its subtitles, category, question, candidates, answer
VAL = [
    ("-Ab0cD_1xYz", 15, 1.0, 0, "S2E", "What does the square do?", ["It goes left", "It goes right", "It stays"], 1),
    ("-Ab0cD_1xYz", 15, 1.0, 0, "O2E", "What colour is it?", ["Red", "Green"], 0),
    ("Zz0Zz0Zz0Zz", 60, 2, 12.5, "T2A", "When the words are 'now', where is it?", ["Left", "Up", "Left", "Down", "In"], 2),
    ("Qq1Qq1Qq1Qq", 600, 2.0, 0, "TOS", "In what order?", ["a, b", "b, a", "a", "b", "none"], 4),
    ("Ww2Ww2Ww2Ww", 3600, 1.5, 3, "TAA", "What changes?", ["The colour", "The size", "Nothing"], 0),
    ("Missing0001", 3600, 4000.1, 0, "E3E", "What happens then?", ["It ends", "It begins"], 1),
]
TEST = [("Tt3Tt3Tt3Tt", 15, 1.0, 0, "S2E", "What does it do?", ["It goes", "It stays"], None),
        ("Tt3Tt3Tt3Tt", 15, 1.0, 0, "S2E", "What is it?", ["A square", "A circle"], None)]
SUBTITLES = {
    "-Ab0cD_1xYz": [{"timestamp": [0.0, 0.4], "text": "look"}, {"timestamp": [0.5, None], "text": "a square"}],
    "Zz0Zz0Zz0Zz": [{"timestamp": [12.5, 13.5], "text": "now"}, {"timestamp": [13.6, 14], "text": "it is gone"}],
    "Qq1Qq1Qq1Qq": [{"start": "00:00:00.000", "end": "00:00:01.250", "line": "first"},
                    {"start": "00:00:01.250", "end": "00:00:01.900", "line": "second"}],
}


def row_of(index, entry):
    video, group, duration, start, category, question, candidates, answer = entry
    row = {"video_id": video, "question": question, "question_wo_referring_query": question, "candidates": candidates,
           "correct_choice": answer, "position": [3], "topic_category": "KH-Knowledge-History",
           "question_category": category, "level": "L1-Perception", "id": f"{video}_{index}",
           "video_path": f"{video}.mp4", "subtitle_path": f"{video}_en.json", "duration_group": group,
           "starting_timestamp_for_subtitles": start, "duration": duration, "view_count": 7}
    if answer is None:
        del row["correct_choice"]
    return row


def make(folder):
    write_json(folder / "lvb_val.json", [row_of(i, entry) for i, entry in enumerate(VAL)])
    write_json(folder / "lvb_test_wo_gt.json", [row_of(i, entry) for i, entry in enumerate(TEST)])
    for i, (video, _, duration, *_) in enumerate(VAL[1:5] + TEST[:1]):
        clip(folder / "videos" / f"{video}.mp4", kind=("left", "blink", "cut", "move", "still")[i], seconds=duration)
    for video, cues in SUBTITLES.items():
        write_json(folder / "subtitles" / f"{video}_en.json", cues)
    return {"questions": len(VAL), "videos": len({entry[0] for entry in VAL}), "tasks": {"val": len(VAL)},
            "odd": {"answer_twice": 1, "missing_subtitles": 2}, "missing_media": ["videos/Missing0001.mp4"]}
