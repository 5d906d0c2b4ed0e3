"""A TempCompass of five clips: every task, three kinds of odd lines, a repeated question and a clip that is not there."""
from .common import clip, write_json

CLIPS = {"7000001": "move", "7000001_reverse": "left", "7000002": "blink", "7000003": "still"}
ABSENT = "7000004"


def meta(**types):
    aspects = ("action", "speed", "direction", "order", "attribute_change")
    dims = {a: {"subject": "square", "type": types[a]} if a in types else None for a in aspects}
    return {"eval_dim": dims, "content": ["objects"]}


META = {
    "7000001": meta(direction="object motion", speed="absolute speed"),
    "7000001_reverse": meta(direction="object motion"),
    "7000002": meta(attribute_change="color & light change", action="fine-grained action"),
    "7000003": meta(),  # of order nothing finer is written
    ABSENT: meta(direction="camera motion"),
}


def question(text, *options, answer):
    return {"question": "\n".join((text, *options)), "answer": answer}


MULTI_CHOICE = {
    "7000001": {"direction": [
        question("Where does the square go?", "A. to the left", "B. to the right", answer="B. to the right"),
        question("Which way does it move?", "A. up", "B.down", " C. to the right", answer=" C. to the right")]},
    "7000001_reverse": {"direction": [
        question("Where does the square go?", "A. to the left", "B. to the right", "C. up", answer="A. to the left")]},
    "7000002": {"attribute_change": [
        question("What does the square do? ", "A. it blinks", "B. it grows", "C. it turns", "D. nothing",
                 answer="A. it blinks")]},
    "7000003": {"order": [
        question("What comes first?", "A. the square", "B. a circle", "C.both at once", answer="A. the square")]},
    ABSENT: {"direction": [question("How does the camera move?", "A. left", "B. right", answer="B. right")]},
}
YES_NO = {
    "7000001": {"direction": [{"question": "Does the square move to the right?", "answer": "yes"},
                              {"question": "Does the square move to the left?", "answer": "no"},
                              {"question": "Does the square move to the left?", "answer": "no"}],
                "speed": [{"question": "Is the square slow? ", "answer": "yes"}]},
    "7000002": {"attribute_change": [{"question": "Does the square blink?", "answer": "yes"}]},
}
CAPTION_MATCHING = {
    "7000001": {"direction": [
        question("Which caption matches the video better?", "Caption A: A square moves left.",
                 "Caption B: A square moves right.", answer="Caption B: A square moves right."),
        question("Which description is a better match?", "Option 1: It moves to the right.", "Option 2: It moves up.",
                 answer="Option 1: It moves to the right.")]},
    "7000002": {"attribute_change": [
        question("Which sentence fits the video?", "Sentence A: A square blinks.", "Sentence B: A square turns: slowly.",
                 answer="Sentence A: A square blinks.")]},
}
CAPTIONING = {
    "7000001": {"direction": [
        question("Say in one sentence what is right.", "Information A: {'direction': 'left'}",
                 "Information B: {'direction': 'right'}", "Generated Caption:", answer="B. to the right")]},
    "7000002": {"attribute_change": [
        question("Write a caption.", "Information A: {'change': 'grows'}", "Information B: {'change': 'blinks'}",
                 "Generated Caption:", answer="B. it blinks")]},
}
TASKS = {"multi-choice": MULTI_CHOICE, "yes_no": YES_NO, "caption_matching": CAPTION_MATCHING, "captioning": CAPTIONING}


def count(table):
    return sum(len(questions) for aspects in table.values() for questions in aspects.values())


def make(folder):
    for task, table in TASKS.items():
        write_json(folder / "questions" / f"{task}.json", table)
    write_json(folder / "meta_info.json", META)
    for number, (name, kind) in enumerate(CLIPS.items()):
        clip(folder / "videos" / f"{name}.mp4", kind=kind, seed=number)
    tasks = {task: count(table) for task, table in TASKS.items()}
    return {"questions": sum(tasks.values()), "videos": len(CLIPS) + 1, "tasks": tasks, "missing_media": 1,
            "odd": {"odd_option_line": 3, "duplicate_question": 1, "line_with_outer_blanks": 3}}
