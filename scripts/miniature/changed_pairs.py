"""The controls: pairs changed so that they should teach the opposite (swapped) or nothing (marks shuffled); and of pairs
with twins those that a twin decides. Pure."""
import random
import re

from protocol import SIDES


def swapped(pairs):
    """Chosen and rejected exchanged."""
    return [{**pair, "chosen": pair["rejected"], "rejected": pair["chosen"]} for pair in pairs]


def decided(pairs):
    """Those whose truth is another one under their second clip."""
    return [pair for pair in pairs if "other_chosen" in pair]


def words(text):
    """Byte ranges of the words of a text."""
    data = text.encode()
    return [[m.start(), m.end()] for m in re.finditer(rb"\S+", data)]


def touched(side):
    """Numbers of the words that a span touches."""
    return [i for i, (begin, end) in enumerate(words(side["text"]))
            if any(begin < span[1] and span[0] < end for span in side["spans"])]


def marked_at(side, numbers):
    """The side with the words of these numbers marked, counted round when the text is shorter."""
    ranges = words(side["text"])
    spans = [ranges[i] for i in sorted({n % len(ranges) for n in numbers})]
    return {"text": side["text"], "spans": spans}


def spans_shuffled(pairs, seed):
    """Each pair with the marks of another: the numbers of the words that are marked there."""
    order = list(range(len(pairs)))
    random.Random(seed).shuffle(order)
    return [{**pair, **{side: marked_at(pair[side], touched(pairs[other][side])) for side in SIDES}}
            for pair, other in zip(pairs, order)]
