"""What the paper says, one row each, and whether the paired differences of the miniature bear it out.

A row holds where the 95 % interval of A − B lies on the side that the paper says, does not reproduce where it lies on the
other side, and is not separated where it contains zero. Pure: a list of comparisons goes in, sentences come out."""
from typing import NamedTuple

from names import METRICS, method, number

HOLDS, NOT_SEPARATED, FAILS, UNKNOWN = "holds", "not separated", "does not reproduce", "not measured"


class Claim(NamedTuple):
    text: str
    a: str
    b: str
    metric: str
    better: int         # +1: A is higher, -1: A is lower
    group: str = "main"


CLAIMS = (
    Claim("RRPO improves the model it starts from", "rrpo", "base", "u", +1),
    Claim("More precise alignment than DPO", "rrpo", "dpo", "u", +1),
    Claim("More stable training: at the same learning rate it keeps what DPO loses", "rrpo", "dpo_same_lr", "b", +1),
    Claim("Less divergence than DPO", "rrpo", "dpo", "kl_truth", -1),
    Claim("Less divergence than DPO at the same learning rate", "rrpo", "dpo_same_lr", "kl_truth", -1),
    Claim("The KL term raises accuracy", "rrpo", "rrpo_no_kl", "u", +1),
    Claim("The KL term limits divergence", "rrpo", "rrpo_no_kl", "kl_truth", -1),
    Claim("The KL term is the key part: without it RRPO loses more than without its phrase reward", "rrpo_no_phrase",
          "rrpo_no_kl", "u", +1),
    Claim("The phrase reward has an effect of its own", "rrpo", "rrpo_no_phrase", "u", +1),
    Claim("The phrase reward has an effect of its own", "rrpo", "rrpo_no_phrase", "u", +1, "raw"),
    Claim("Better than SFT", "rrpo", "sft", "u", +1),
    Claim("Better than SFT", "rrpo", "sft", "u", +1, "own"),
    Claim("Less divergence than SFT", "rrpo", "sft", "kl_truth", -1),
)
SUBJECTS = {"u": "Unbiased accuracy", "b": "Biased accuracy", "kl_truth": "Divergence"}
RULE = ("A claim holds where the 95 % interval of the difference, paired by base model, excludes zero on the side that the "
        "paper says; it does not reproduce where it excludes zero on the other side; it is not separated where the interval "
        "contains zero. Every method has the settings that tuning chose for it. The intervals are not corrected for the number "
        "of claims: at p = 0.02 to 0.04 one of them may be chance.")
UNITS = {"u": "points", "b": "points", "kl_truth": "nats per answer"}
WHERE = {"main": "", "raw": ", raw rejected answers", "own": ", truth in the model's own style"}


class Finding(NamedTuple):
    claim: Claim
    verdict: str
    measured: str

    def text(self):
        return self.claim.text + WHERE[self.claim.group]


def paired(comparisons, claim):
    """A − B as recorded, or B − A with its sign turned; None where it was not measured."""
    for row in comparisons:
        if (row["group"], row["metric"]) != (claim.group, claim.metric):
            continue
        if (row["a"], row["b"]) == (claim.a, claim.b):
            return row
        if (row["a"], row["b"]) == (claim.b, claim.a):
            low, high = (None if row[key] is None else -row[key] for key in ("high", "low"))
            return {**row, "a": claim.a, "b": claim.b, "mean": -row["mean"], "low": low, "high": high}
    return None


def verdict(row, better):
    if row is None or row.get("low") is None or row.get("high") is None:
        return UNKNOWN
    if row["low"] > 0 or row["high"] < 0:
        return HOLDS if (row["low"] > 0) == (better > 0) else FAILS
    return NOT_SEPARATED


def measured(row, claim):
    """The numbers as a sentence."""
    if row is None:
        return "There is no such comparison in these results."
    digits = METRICS[claim.metric].digits
    side = "above" if row["mean"] > 0 else "below"
    text = (f"{SUBJECTS[claim.metric]} of {method(claim.a).said()} is {number(abs(row['mean']), digits)} "
            f"{UNITS[claim.metric]} {side} that of {method(claim.b).said()}")
    if row.get("low") is None or row.get("high") is None:
        return text + ", without an interval."
    interval = f"95 % interval {number(row['low'], digits, True)} to {number(row['high'], digits, True)}"
    return f"{text} ({interval}{chance(row.get('p'))})."


def chance(p):
    if p is None:
        return ""
    return ", p < 0.001" if p < 0.001 else f", p = {number(p, 3)}"


def findings(comparisons):
    rows = [(claim, paired(comparisons, claim)) for claim in CLAIMS]
    return [Finding(claim, verdict(row, claim.better), measured(row, claim)) for claim, row in rows]


def shared(settings):
    """What RRPO with and without its KL term have in common."""
    return {key: value for key, value in settings.items() if key != "alpha"}


def same_settings(trials):
    """What the KL term does when nothing else changes, from the first trials that differ in it alone; empty without such."""
    for trial in trials:
        twin = next((t for t in trials if t["method"] == "rrpo_no_kl" and shared(t["settings"]) == shared(trial["settings"])), None)
        if trial["method"] != "rrpo" or twin is None:
            continue
        both = lambda key, digits: f"{number(trial[key], digits)} and {number(twin[key], digits)}"
        values = ", ".join(f"{key} {value:g}" for key, value in trial["settings"].items() if key in ("lr", "beta"))
        return (f"With and without the KL term at the same settings ({values}; one base, validation clips): divergence "
                f"{both('kl', 2)} nats per answer, unbiased accuracy {both('u', 1)} %, biased {both('b', 1)} %.")
    return ""


def sentence(finding):
    """Markdown."""
    return f"{finding.text()}: **{finding.verdict}**. {finding.measured}"
