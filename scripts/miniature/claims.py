"""What the paper says, one row each, and whether the paired differences of the miniature bear it out.

A row holds where the 95 % interval of A − B lies on the side that the paper says, does not reproduce where it lies on the
other side, and is not separated where it contains zero. What stands beside the paper (a second clip, no reference, a sum) is
judged by its p-values after Holm's correction. Pure: a list of comparisons goes in, sentences come out."""
from typing import NamedTuple

from names import METHODS, METRICS, interval_words, number

HOLDS, NOT_SEPARATED, FAILS, UNKNOWN = "holds", "not separated", "does not reproduce", "not measured"
NULL, OPPOSITE = "null", "the opposite holds"


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
SECOND = (
    Claim("A second video adds to DPO", "mdpo", "dpo", "u", +1, "second"),
    Claim("A second video alone, without a rejected answer, aligns", "vdpo", "base", "u", +1, "second"),
    Claim("Two videos with two truths add to DPO", "sympo", "dpo", "u", +1, "second"),
    Claim("The phrase reward under a second video adds to RRPO", "rrpo_other", "rrpo", "u", +1, "second"),
    Claim("With a second video the phrase reward beats whole answers", "rrpo_other", "mdpo", "u", +1, "second"),
    Claim("Without a reference as accurate as DPO or more", "simpo", "dpo", "u", +1, "second"),
    Claim("A likelihood term adds to RRPO", "rrpo_sft", "rrpo", "u", +1, "second"),
)
SECOND_RULE = ("The same tuning budget, bases and seeds. A sentence holds where the p-value of the difference, paired by base "
               "model and corrected by Holm for the {count} sentences, is below 0.05 on the side that it says; below 0.05 on "
               "the other side the opposite holds; else the result is null. The intervals are not corrected.")
SUBJECTS = {"u": "Unbiased accuracy", "b": "Biased accuracy", "kl_truth": "Divergence"}
RULE = ("A claim holds where the 95 % interval of the difference, paired by base model, excludes zero on the side that the "
        "paper says; it does not reproduce where it excludes zero on the other side; it is not separated where the "
        "interval contains zero. Every method has the settings that tuning chose for it. The intervals are not corrected "
        "for the number of claims: at p = 0.02 to 0.04 one of them may be chance.")
UNITS = {"u": "points", "b": "points", "kl_truth": "nats per answer"}
WHERE = {"main": "", "second": "", "raw": ", raw rejected answers", "own": ", truth in the model's own style"}


class Finding(NamedTuple):
    claim: Claim
    verdict: str
    measured: str

    def text(self):
        return self.claim.text + WHERE[self.claim.group]


def paired(comparisons, claim):
    """A − B as recorded; None where it was not measured."""
    wanted = (claim.group, claim.a, claim.b, claim.metric)
    return next((row for row in comparisons if (row["group"], row["a"], row["b"], row["metric"]) == wanted), None)


def verdict(row, better):
    if row is None or row["low"] is None:
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
    text = (f"{SUBJECTS[claim.metric]} of {METHODS[claim.a].said()} is {number(abs(row['mean']), digits)} "
            f"{UNITS[claim.metric]} {side} that of {METHODS[claim.b].said()}")
    if row["low"] is None:
        return text + ", without an interval."
    return f"{text} ({interval_words(row['low'], row['high'], digits)}{chance(row['p'])})."


def chance(p):
    return ", p < 0.001" if p < 0.001 else f", p = {number(p, 3)}"


def findings(comparisons):
    rows = [(claim, paired(comparisons, claim)) for claim in CLAIMS]
    return [Finding(claim, verdict(row, claim.better), measured(row, claim)) for claim, row in rows]


def holm(values):
    """Holm's correction of p-values, in their order; None stays."""
    known = sorted((p, i) for i, p in enumerate(values) if p is not None)
    corrected, least = list(values), 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, (len(known) - rank) * p))
        corrected[i] = least
    return corrected


def corrected_verdict(row, better, p):
    if p is None:
        return UNKNOWN
    if p >= 0.05:
        return NULL
    return HOLDS if (row["mean"] > 0) == (better > 0) else OPPOSITE


def second_findings(comparisons):
    """What stands beside the paper; nothing where none of it was measured."""
    rows = [(claim, paired(comparisons, claim)) for claim in SECOND]
    if not any(row for _, row in rows):
        return []
    corrected = holm([row["p"] if row else None for _, row in rows])
    found = []
    for (claim, row), p in zip(rows, corrected):
        after = "" if p is None else f" After correction{chance(p)}."
        found.append(Finding(claim, corrected_verdict(row, claim.better, p), measured(row, claim) + after))
    return found


def second_rule():
    return SECOND_RULE.format(count=len(SECOND))


def shared(settings):
    """What RRPO with and without its KL term have in common."""
    return {key: value for key, value in settings.items() if key != "alpha"}


def same_settings(trials):
    """What the KL term does when nothing else changes, from the first trials that differ in it alone; empty without."""
    pairs = [(trial, twin) for trial in trials for twin in trials if trial["method"] == "rrpo" and
             twin["method"] == "rrpo_no_kl" and shared(trial["settings"]) == shared(twin["settings"])]
    if not pairs:
        return ""
    trial, twin = pairs[0]
    both = lambda key, digits: f"{number(trial[key], digits)} and {number(twin[key], digits)}"
    values = ", ".join(f"{key} {value:g}" for key, value in trial["settings"].items() if key in ("lr", "beta"))
    return (f"With and without the KL term at the same settings ({values}; one base, validation clips): divergence "
            f"{both('kl', 2)} nats per answer, unbiased accuracy {both('u', 1)} %, biased {both('b', 1)} %.")


def sentence(finding):
    """Markdown."""
    return f"{finding.text()}: **{finding.verdict}**. {finding.measured}"
