"""VideoHallucer: counts, and what its scripts print of a model that always says the same."""
from collections import Counter

from .program import revision, table

SUBSETS = {"obj_rel": (200,), "temporal": (200, 176), "semantic": (200,), "fact": (200,), "nonfact": (200,)}


def videohallucer(program, folder):
    inner = folder / "videohallucer_datasets"
    questions, found = program.convert("videohallucer", inner if inner.is_dir() else folder)
    pairs = Counter(row["subset"] for row in questions if row["pair_role"] == "basic")
    for subset, known in SUBSETS.items():
        program.expect(f"VideoHallucer {subset}: known number of pairs", pairs[subset] in known, True)
    keys = {(row["pair_role"], *row["answer"]["keys"]) for row in questions}
    program.expect("VideoHallucer: answers", keys, {("basic", "yes"), ("hallucination", "no")})
    truth = {row["id"]: row["answer"]["keys"][0] for row in questions}
    names = ("basic_accuracy", "halluc_accuracy", "yes_diff", "no_diff", "false_positive_ratio")
    lines = []
    for reply, value, expected in (("yes", 0, (1, 0, 0.5, -0.5, 1)), ("no", 0, (0, 1, -0.5, 0.5, 0)),
                                   ("the truth", 1, (1, 1, 0, 0, 0))):
        said = (lambda row: truth[row["id"]]) if value else (lambda row: reply)
        scores, verdicts = program.score(questions, said, ["rrpo", "official"])
        for scorer, own in scores.items():
            seen = [own["extra"][name] for name in names]
            program.expect(f"VideoHallucer {reply} {scorer}", [own["overall"]["value"], *seen], [value, *expected])
            right = Counter((row["subset"], row["pair_role"]) for row in questions if verdicts[scorer][row["id"]] == "right")
            for subset, count in pairs.items():
                halves = [right[subset, role] for role in ("basic", "hallucination")]
                known = [count * expected[0], count * expected[1]]
                program.expect(f"VideoHallucer {reply} {scorer} {subset}", halves, known)
        lines.append([f"`{reply}`" if not value else reply, 100.0 * value, *(f"{number:g}" for number in expected)])
    return ["## VideoHallucer", revision(found), table(["subset", "pairs"], [[one, pairs[one]] for one in SUBSETS]),
            "Constant replies, by `rrpo` and by `official` alike; basic and hallucination are equal in all five subsets.",
            table(["reply", "pairs right, %", "basic", "hallucination", "yes-diff", "no-diff", "false positives"], lines)]
