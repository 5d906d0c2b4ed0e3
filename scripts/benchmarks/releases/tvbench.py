"""TVBench: json/TASK.json, video/TASK/. The clips of action_antonym are somebody else's to give out: two are missing, one is
there as a player of browsers made it."""
from .common import clip, write_json

PLACES = ["At the beginning of the video.", "In the middle of the video.", "At the end of the video."]
# task: file, question, candidates, answer, bounds, clip
TASKS = {
    "action_count": [
        ("count_0.mp4", "How many times does the square blink?", ["1", "2", "4", "3"], "4", None, {"kind": "blink"}),
        # the same name as in object_count, where the file is missing
        ("shared.mp4", "How many times does the square cross?", ["0", "1"], "1", None, {"kind": "left", "fps": 29.97}),
        ("count_0.mp4", "How many squares blink?", ["1", "1", "2"], "2", None, None)],
    "object_count": [
        ("objects_0.mp4", "How many squares are there?", ["1", "2"], "1", None, {"kind": "still"}),
        ("shared.mp4", "How many squares leave?", ["1", "0"], "0", None, "missing")],
    "action_sequence": [
        ("cup_0012.mp4", "What happened first?", ["It stood still.", "It moved."], "It moved.", (0.2, 0.8), {"seconds": 2}),
        ("cup_0012.mp4", "What happened last?", ["It left.", "It stayed."], "It stayed.", (1, 2.0), None),
        ("vfr.mp4", "What came first?", ["The left.", "The right."], "The left.",
         (0.0, 1.5), {"varying": True, "seconds": 2})],
    "object_shuffle": [
        ("cups 1.mp4", "Where is the coin?", ["Under the first cup.", "Under the last cup."], "Under the last cup.",
         None, {}),
        ("two_frames.mp4", "Where is it now?", ["Left.", "Right."], "Left.", None, {"seconds": 0.2})],
    "scene_transition": [
        ("scene_1.mp4", "How does the scene change?", ["Red to blue.", "Blue to red."], "Red to blue.",
         None, {"kind": "cut"}),
        ("scene_2.mp4", "How does it change?", ["Day to night.", "Night to day."], "Night to day.",
         None, {"kind": "cut", "seed": 1})],
    "action_localization": [
        ("S1.mp4", "When does the square move?", [*PLACES, "Throughout the entire video."], PLACES[0],
         (-0.1, 0.9), {"seconds": 2}),
        ("S2.mp4", "When does it stop?", PLACES, PLACES[2], (0.5, 1.9000000000000001), {"seconds": 2, "kind": "left"})],
    "action_antonym": [
        ("S001C001P001R001A001_rgb.avi", "What is done?", ["sit down", "stand up"], "stand up", None, "missing"),
        ("S001C001P001R001A002_rgb.avi", "What is done?", ["pick up", "put down"], "put down", None, "missing"),
        ("S001C001P001R001A003_rgb.avi", "What is done?", ["put on", "take off"], "take off",
         None, {"name": "S001C001P001R001A003_rgb.mp4"})],
    "unexpected_action": [
        ("H_T_1.mp4", "What is funny?", ["It blinks.", "It falls.", "It blinks."], "It blinks.",
         None, {"kind": "blink", "seed": 2}),
        ("C_K_1.mp4", "What is creative?", ["The colours.", "The shape."], "The shape.", None, {"seed": 3})],
    "egocentric_sequence": [
        ("P01/P01_01.mp4", "What did I do first?", ["I looked left.", "I looked right."], "I looked right.",
         None, {"kind": "left", "seed": 1}),
        ("P02/P02_03.mp4", "What did I do last?", ["I sat.", "I went."], "I went.", None, {"seed": 1})],
    "moving_direction": [
        ("video_10001.mp4", "Where does the square go?", ["moving right", "moving left"], "moving right", None, {}),
        # lies in a folder of its own, as some unpack it
        ("video_10002.mp4", "Where does the cube go?", ["moving right", "moving left"], "moving left",
         None, {"kind": "left", "under": "part2"})],
}


def row_of(task, index, entry):
    file, question, candidates, answer, bounds, _ = entry
    row = {"video": file, "question": question, "candidates": candidates, "answer": answer}
    if bounds:
        row |= {"start": bounds[0], "end": bounds[1]}
        if task == "action_localization":
            row |= {"accurate_start": bounds[0], "accurate_end": bounds[1]}
    if task == "moving_direction":
        row["question_id"] = f"md_{index}"
    return row


def make(folder):
    for task, entries in TASKS.items():
        write_json(folder / "json" / f"{task}.json", [row_of(task, i, entry) for i, entry in enumerate(entries)])
        for file, *_, how in entries:
            if not isinstance(how, dict):
                continue
            how = dict(how)
            name, under = how.pop("name", file), how.pop("under", "")
            clip(folder / "video" / task / under / name, **how)
    entries = [(task, entry) for task in TASKS for entry in TASKS[task]]
    return {"questions": len(entries), "videos": len({(task, entry[0]) for task, entry in entries}),
            "tasks": {task: len(TASKS[task]) for task in TASKS},
            "odd": {"answer_twice": 1, "equal_candidates": 1},
            "missing_media": ["video/action_antonym/S001C001P001R001A001_rgb.avi",
                              "video/action_antonym/S001C001P001R001A002_rgb.avi", "video/object_count/shared.mp4"]}
