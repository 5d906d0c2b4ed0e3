"""MLVU's development set as its hub folder has it: MLVU/json/, MLVU/video/TASK/, and two files of questions that are
answered freely."""
from .common import clip, write_json

# task: question type, then video, duration, question, candidates, answer
TASKS = {
    "1_plotQA": ("plotQA", [
        ("movie101_1.mp4", 246, "What colour is the square?", ["Yellow", "Red", "Green", "Blue"], "Red"),
        ("movie101_1.mp4", 246, "What colour is the ground?", ["Black", "White", "Black", "Grey"], "Black"),
        ("tv_2.mp4", 300.5, "What moves?", ["A square", "A circle", "A circle", "Nothing"], "A square")]),
    "2_needle": ("findNeedle", [
        ("needle_1.mp4", 467.98, "What does the square do?", ["It stops", "It moves ", "It turns", "It grows"], "It moves"),
        ("needle_2.mp4", 400, "Where does it go?", ["Left", "Right", "Up", "Down"], "Left")]),
    "3_ego": ("ego", [
        ("ego_1.mp4", 408.63333328750014, "What did I see ", ["a green one", "a blue one", "a red one", "none"], "a red one"),
        ("ego_2.mp4", 300, "How many did I see?", ["2", "5", "10", ""], "")]),
    "4_count": ("count", [("count_1.mp4", 572.8599999999999, "How often does it blink?", ["2", "1", "5", "4"], "4"),
                          ("count_2.mp4", 500.0, "How often does it leave?", ["2", "0", "5", "4"], "0")]),
    "5_order": ("order", [
        ("order_1.mp4", 665.3399999999999, "Arrange: (1)it moves; (2)it stops.", ["1->2", "2->1", "1", "2"], "1->2")]),
    "6_anomaly_reco": ("anomaly_reco", [
        ("surveil_1.mp4", 485.17, "Is anything wrong?", ["Assault", "No", "Fighting", "Fighting"], "No")]),
    "7_topic_reasoning": ("topic_reasoning", [
        ("AWA-1.mp4", 450.0, "Where is it?", ["Grassland", "Lake", "Ocean", "Desert"], "Lake"),
        ("AWA-1.mp4", 450.0, "", ["", "", "", ""], "")]),
}
MISSING = "order_1.mp4"
KINDS = ("move", "left", "blink", "cut")


def make(folder):
    root = folder / "MLVU"
    for task, (kind, entries) in TASKS.items():
        rows = [{"video": video, "duration": duration, "question": question, "candidates": candidates, "answer": answer,
                 "question_type": kind} for video, duration, question, candidates, answer in entries]
        write_json(root / "json" / f"{task}.json", rows)
        for i, (video, *_) in enumerate(entries):
            if video != MISSING:
                clip(root / "video" / task / video, kind=KINDS[i % len(KINDS)], seed=len(task) % 3)
    free = {"video": "free_1.mp4", "duration": 480.0, "question": "What happens?", "answer": "A square moves."}
    write_json(root / "json" / "8_sub_scene.json", [free | {"question_type": "subPlot", "scoring_points": "A square moves"}])
    write_json(root / "json" / "9_summary.json", [free | {"question_type": "summary"}] * 2)
    videos = {(task, entry[0]) for task in TASKS for entry in TASKS[task][1]}
    return {"questions": sum(len(entries) for _, entries in TASKS.values()), "videos": len(videos),
            "tasks": {task: len(entries) for task, (_, entries) in TASKS.items()},
            "odd": {"answer_not_among_candidates": 1, "answer_twice": 2, "empty_candidate": 2, "empty_question": 1,
                    "equal_candidates": 2},
            "missing_media": ["MLVU/video/5_order/" + MISSING]}
