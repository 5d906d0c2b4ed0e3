"""A VidHalluc of nine clips: several right letters, a truth without full stop, unlike folders, a clip that is not there."""
from .common import clip, write_json

BINARY = {
    "7": [{"q": "Does the square move to the right?", "a": {"k9_clip_1": "Yes", "k9_clip_4": "No"}},
          {"q": "Does the square move to the left?", "a": {"k9_clip_1": "No", "k9_clip_4": "Yes"}}],
    "12": [{"q": "Does anything blink?", "a": {"-x_clip_1": "Yes", "-x_clip_2": "No", "gone_clip_3": "No"}}],
}
WAYS = {"A": "moving right", "B": "moving left", "C": "waiting", "D": "turning"}
THINGS = {"A": "a square", "B": "a blinking", "C": "a dog", "D": "a ground"}
CHOICES = {
    "7": {"k9_clip_1": {"Question": "What happens?", "Choices": WAYS, "Correct Answer": "A"},
          "k9_clip_4": {"Question": "What happens?", "Choices": WAYS, "Correct Answer": "b"}},
    "12": {"-x_clip_1": {"Question": "Which of these are there?", "Choices": THINGS, "Correct Answer": "ABD"},
           "eXMF6Skt2To_clip_3": {"Question": "Which of these are there?", "Choices": THINGS, "Correct Answer": "A, D"}},
}
SCENES = {
    "k12": {"Scene change": "Yes", "Locations": "from a red room to a green room."},
    "k13": {"Scene change": "Yes", "Locations": "from a blue wall to a yellow wall"},
    "k14": {"Scene change": "No", "Locations": "None"},
}
# Where the archives unpack to differs from what their names say.
CLIPS = {
    "data/ACH_videos/k9_clip_1.mp4": "move", "data/ACH_videos/k9_clip_4.mp4": "left",
    "data/ACH/part 2/-x_clip_1.mp4": "blink", "data/ACH/part 2/-x_clip_2.mp4": "still",
    "data/ACH/eXMF6Skt2To_clip_3.mp4": "still", "data/STH_videos/k12.mp4": "cut",
    "data/STH/STH_videos/k13.mp4": "cut", "data/STH/STH_videos/k14.mp4": "still",
}


def make(folder):
    write_json(folder / "ach_binaryqa.json", BINARY)
    write_json(folder / "ach_mcq.json", CHOICES)
    write_json(folder / "sth.json", SCENES)
    write_json(folder / "tsh.json", {"k20": {"Event A": "the square moves", "Event B": "it rests", "Correct Answer": "AB"}})
    for number, (place, kind) in enumerate(CLIPS.items()):
        clip(folder / place, kind=kind, seed=number)
    tasks = {"bqa": sum(len(one["a"]) for questions in BINARY.values() for one in questions),
             "mcq": sum(len(clips) for clips in CHOICES.values()), "sth": len(SCENES)}
    return {"questions": sum(tasks.values()), "videos": len(CLIPS) + 1, "tasks": tasks, "missing_media": 1,
            "odd": {"several_letters": 2, "truth_without_full_stop": 1}}
