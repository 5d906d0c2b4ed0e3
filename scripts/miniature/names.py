"""What the keys of results.json are called in figures and tables, the one colour of each method, and how numbers are said.

Colours are of Okabe and Ito's and Tol's palettes, which colour-blind readers can tell apart; every figure also names
them."""
from typing import NamedTuple


class Method(NamedTuple):
    label: str
    colour: str
    phrase: str = ""    # in a sentence, where the label does not do

    def said(self):
        return self.phrase or self.label


class Metric(NamedTuple):
    label: str
    digits: int
    unit: str
    help: str


METHODS = {
    "base": Method("base", "#57606a", "the base model"),
    "rrpo": Method("RRPO", "#0072b2"),
    "rrpo_no_phrase": Method("RRPO, no phrase reward", "#56b4e9", "RRPO without its phrase reward"),
    "rrpo_no_kl": Method("RRPO, no KL", "#332288", "RRPO without its KL term"),
    "dpo": Method("DPO, tuned", "#d55e00", "tuned DPO"),
    "dpo_same_lr": Method("DPO, RRPO's rate", "#e69f00", "DPO at RRPO's learning rate"),
    "tdpo": Method("TDPO", "#cc79a7"),
    "ddpo": Method("DDPO", "#882255"),
    "dpa": Method("DPA", "#999933"),
    "sft": Method("SFT", "#009e73"),
    "mdpo": Method("mDPO", "#117733"),
    "vdpo": Method("VDPO", "#44aa99"),
    "sympo": Method("SymMPO", "#aa4499"),
    "simpo": Method("SimPO", "#661100"),
    "rrpo_other": Method("RRPO, second clip", "#004488", "RRPO with its phrase reward under a second clip too"),
    "rrpo_sft": Method("RRPO + SFT", "#6699cc"),
}
CLIPS = {"u": "unbiased", "b": "biased"}
CONDITIONS = {
    "main": ("foreign style", "the truth in a style that the model does not use, the rejected answer rewritten into it"),
    "raw": ("raw rejected", "the truth in that style, the rejected answer as the model gave it"),
    "own": ("own style", "truth and rejected answer both in the model's own style"),
}
VARIANTS = {
    "perturbation": {"none": "no perturbation", "mask": "mask", "local": "local shuffle", "global": "global shuffle",
                     "mask+local": "mask + local shuffle"},
    "control": {"rrpo": "RRPO", "spans_shuffled": "marks shuffled", "swapped": "chosen and rejected swapped",
                "no_counter_examples": "no counter-examples"},
}
VIDEOS = {"clean": "whole video", "one_frame": "one frame", "shuffled": "frames shuffled", "reversed": "frames reversed",
          "blank": "blank frames"}
METRICS = {
    "u": Metric("unbiased", 1, "%", "accuracy on unbiased clips, mean over the six question types"),
    "b": Metric("biased", 1, "%", "the same on biased clips, where the prejudice is right"),
    "gain_u": Metric("gain, unbiased", 1, "points", "unbiased accuracy minus that of the same base"),
    "gain_b": Metric("gain, biased", 1, "points", "biased accuracy minus that of the same base"),
    "kl_truth": Metric("KL, truth", 2, "nats", "KL(reference ‖ policy) per held-out true answer, summed over its tokens"),
    "kl_own": Metric("KL, own", 2, "nats", "the same on the policy's own answers"),
    "reward_accuracy": Metric("reward accuracy", 1, "%", "held-out pairs whose chosen answer has the higher reward"),
    "drift_chosen": Metric("drift, chosen", 2, "nats", "log p policy − log p reference of held-out chosen answers"),
    "drift_rejected": Metric("drift, rejected", 2, "nats", "the same of rejected answers"),
    "yes_u": Metric("yes rate, unbiased", 1, "%", "share of existence questions answered with yes"),
    "yes_b": Metric("yes rate, biased", 1, "%", "the same on biased clips"),
    "unparsed_u": Metric("unparsed, unbiased", 1, "answers", "answers that the judge could not read, per run"),
    "unparsed_b": Metric("unparsed, biased", 1, "answers", "the same on biased clips"),
}


def variant(group, name):
    """The size of a pool is its own name."""
    return VARIANTS.get(group, {}).get(name, name)


def ordered(found, known):
    """The found names in the order of `known`, those it does not know behind them, by number where they are numbers."""
    others = [name for name in found if name not in known]
    others.sort(key=lambda name: (float(name) if name.isdigit() else 0.0, name))
    return [name for name in known if name in found] + others


def number(value, digits=1, sign=False):
    """Fixed digits, a real minus sign, no negative zero; – where there is no value."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    text = text.lstrip("+-") if not float(text) else text
    return text.replace("-", "−")


def bracketed(value, ends, digits=1):
    """'86.9 [86.5, 87.3]', or the value alone where there are no ends."""
    between = f" [{number(ends[0], digits)}, {number(ends[1], digits)}]" if ends else ""
    return number(value, digits) + between


def interval_words(low, high, digits=1):
    return f"95 % interval {number(low, digits, True)} to {number(high, digits, True)}"


def counted(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
