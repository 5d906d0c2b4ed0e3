"""Canonical rows of the benchmarks in our own words, traps among them, for scorers.py."""

LETTERS = "ABCDEFGHIJ"


def option(key, text):
    return {"key": key, "text": text}


def options(texts, letters=LETTERS):
    return [option(letters[i], text) for i, text in enumerate(texts)]


def row(place, form, question, answer, choices=(), inline=False, subset=None, aux=None, pair=None):
    """`place` is benchmark/task/number, `answer` keys and text, `pair` its id, the row's role and another rule than `all`."""
    benchmark, task, number = place
    return {
        "schema": "rrpo-eval/sample@1",
        "benchmark": benchmark,
        "task": task,
        "subset": subset,
        "id": f"{benchmark}/{task}/{number}",
        "media": {"kind": "video", "path": f"clip_{number}.mp4", "start": None, "end": None},
        "question": question,
        "format": form,
        "options": list(choices),
        "options_inline": inline,
        "answer": {"keys": answer[0], "text": answer[1], "aux": aux or {}},
        "pair_id": pair and pair[0],
        "pair_role": pair and pair[1],
        "pair_rule": (*pair, "all")[2] if pair else None,
        "groups": {},
    }


# question, candidates, answer
FIRST = ["Lifts the cup.", "Closes the door.", "Sits down.", "Opens a box."]
SCRIPTS = ["A dog barks", "B flat is played", "\u00c9l corre hacia la stra\u00dfe", "\u5f00\u95e8", "nothing (E)"]
LISTS = [
    ("What does the person do first?", FIRST, FIRST[1]),
    ("Where does the ball go?", ["left", "left and then right"], "left"),
    ("What is thrown?", ["a stone", "a ball", "a shoe", "a ball"], "a ball"),
    ("How many cups are there?", ["1", "2", " 3 ", "4"], "2"),
    ("What comes last?", SCRIPTS, SCRIPTS[2]),
    ("Which hand is used?", ["right hand", "left hand", "no hand"], "no hand"),
]
OUTSIDE = ("What is done with the net?", ["mending it", "drying it", "selling it", "folding it"], "casting the net")
ALONE = ("Would it roll on?", ["yes, it would"], "yes, it would")


def choice_rows(benchmark, task, published=False, beyond=()):
    """With `published` one letter alone is right, and Video-MME has four options."""
    rows = []
    for number, (question, candidates, answer) in enumerate([*LISTS, *beyond]):
        if benchmark == "videomme":
            candidates = (candidates + ["none of it", "all of it"])[:4]
        keys = [LETTERS[i] for i, text in enumerate(candidates) if text == answer]
        place = (benchmark, task, number)
        rows.append(row(place, "mcq", question, (keys[:1] if published else keys, answer), options(candidates)))
    return rows


def tempcompass_choices():
    lines = ["A. to the left", "B. to the right", "C. upwards ", "D. around (U.S.A. B.)"]
    question = "Where does the ball go?\n" + "\n".join(lines)
    keyed = [option(line[0], line[3:]) for line in lines]
    place = ("tempcompass", "multi-choice")
    rows = [row((*place, n), "mcq", question, ([lines[n][0]], lines[n]), keyed, True) for n in (1, 2)]
    odd = [option("A", "slowly"), option("B", "quickly B"), option("C", "D. fast")]
    rows.append(row((*place, 3), "mcq", "How fast?\nA. slowly\nquickly B\nC. D. fast", (["A"], "A. slowly"), odd, True))
    aux = {"mc_question": question, "mc_answer": lines[1]}
    caption = "Information A: going left\nInformation B: going right\nGenerated Caption:"
    rows.append(
        row(("tempcompass", "captioning", 0), "caption_gen", caption, (["B"], "B. to the right"), keyed, True, aux=aux)
    )
    return rows


def tempcompass_captions():
    rows = []
    pairs = [
        ("Caption", "AB", ["A man sits.", "A man stands up."], 1),
        ("Option", "12", ["The cup falls.", "The cup rises."], 0),
        ("Sentence", "AB", ["It says: go. Then it stops.", "It says: stop"], 1),
    ]
    for n, (name, letters, texts, right) in enumerate(pairs):
        lines = [f"{name} {letters[i]}: {text}" for i, text in enumerate(texts)]
        question = "Which one fits?\n" + "\n".join(lines)
        place = ("tempcompass", "caption_matching", n)
        rows.append(
            row(place, "caption_match", question, ([letters[right]], lines[right]), options(texts, letters), True)
        )
    return rows


def tempcompass_rows():
    words = [
        row(("tempcompass", "yes_no", n), "yesno", "Is the ball rising?", ([word], word))
        for n, word in enumerate(("yes", "no"))
    ]
    return tempcompass_choices() + words + tempcompass_captions()


def videohallucer_rows():
    halves = (("basic", "Is there a dog?", "yes"), ("hallucination", "Is there a cat?", "no"))
    pair = "videohallucer/temporal/0"
    return [
        row(("videohallucer", "pair_qa", role), "yesno", question, ([word], word), subset="temporal", pair=(pair, role))
        for role, question, word in halves
    ]


def vidhalluc_rows():
    rows = []
    for n, word in enumerate(("Yes", "No")):
        pair = ("vidhalluc/bqa/7/0", f"clip_{n}")
        rows.append(row(("vidhalluc", "bqa", n), "yesno", "Is an apple peeled?", ([word.lower()], word), pair=pair))
    sets = [
        (["peeling an apple", "slicing bread", "washing", "a"], "A"),
        (["running", "jumping", "Running", "walking"], "AC"),
        (["opening", "closing", "waiting", "leaving"], "b, d"),
        (["opening", "closing"], "B"),
    ]
    for n, (texts, gold) in enumerate(sets):
        keys = [c for c in gold.upper() if c in "ABCD"]
        rows.append(row(("vidhalluc", "mcq", n), "mcq_set", "What happens?", (keys, gold), options(texts)))
    scenes = (("Yes", "from a kitchen to a garden."), ("Yes", "from a kitchen to a garden"), ("No", "None"))
    for n, (word, places) in enumerate(scenes):
        answer, aux = ([word.lower()], word), {"locations": places}
        rows.append(row(("vidhalluc", "sth", n), "scene_change", "Does the scene change?", answer, aux=aux))
    return rows


def videomme_v2_rows():
    """One group of four: eight options, one text with a letter in it, one that goes on in a second line."""
    texts = ["Two.", "A dog (F).", "Nothing.", "H, as in him.", "Over there,\nbehind it.", "At 3:00.", "\u5f00\u95e8."]
    texts.append("None.")
    rows = []
    for number, key in enumerate("BEHA", 1):
        aux = {"group_structure": "[1, [2, 3], 4]"}
        pair = ("videomme_v2/001", str(number), "logic")
        place = ("videomme_v2", "videomme_v2", f"001-{number}")
        choices = options(texts if number < 4 else [text.lower() for text in texts])
        rows.append(row(place, "mcq", "What is there?\nB. no option", ([key], key), choices, aux=aux, pair=pair))
    return rows


def eventhallusion_rows():
    words = (("entire", "No."), ("interleave", "Yes."))
    return [
        row(("eventhallusion", part, f"{part}_001/0"), "yesno", "Is it eaten?", ([word[:-1].lower()], word))
        for part, word in words
    ]


def elvhalluc_rows():
    question = "Is the following caption totally correct?\n00:01-00:09 - A man sits."
    types = (("ground_truth", "Yes"), ("in_video", "No"), ("out_video", "No"))
    return [
        row(("elvhalluc", "0", kind), "yesno", question, ([word.lower()], word), pair=("elvhalluc/0", kind, "pairs"))
        for kind, word in types
    ]


ROWS = {
    "tvbench": choice_rows("tvbench", "action_sequence", beyond=[OUTSIDE]),
    "mvbench": choice_rows("mvbench", "action_sequence", beyond=[OUTSIDE, ALONE]),
    "videomme": choice_rows("videomme", "videomme", published=True),
    "mlvu": choice_rows("mlvu", "2_needle", beyond=[OUTSIDE]),
    "longvideobench": choice_rows("longvideobench", "val", published=True),
    "tempcompass": tempcompass_rows(),
    "videohallucer": videohallucer_rows(),
    "vidhalluc": vidhalluc_rows(),
    "videomme_v2": videomme_v2_rows(),
    "eventhallusion": eventhallusion_rows(),
    "elvhalluc": elvhalluc_rows(),
}
