"""The first sentences of the page and of the section of docs/evidence.md, from the data."""
from names import METHODS, counted, interval_words, number


def change(results, clips):
    """'59.4 to 86.9 % (+27.5, 95 % interval +26.1 to +28.9)'."""
    before, after, gain = (results.estimate("main", name, metric) for name, metric in
                           (("base", clips), ("rrpo", clips), ("rrpo", "gain_" + clips)))
    interval = ", " + interval_words(*gain.interval()) if gain.interval() else ""
    return f"from {number(before.mean)} to {number(after.mean)} % ({number(gain.mean, 1, True)}{interval})"


def headline(results):
    if not results.estimate("main", "rrpo", "u"):
        return []
    bases, seeds = results.counts()
    texts = [f"Over {counted(bases, 'base model')} and {counted(seeds, 'seed')}, RRPO takes unbiased accuracy "
             f"{change(results, 'u')} and biased accuracy {change(results, 'b')}."]
    far = [(name, results.estimate("main", name, "kl_truth")) for name in ("rrpo", "dpo", "dpo_same_lr", "sft")]
    listed = [f"{METHODS[name].said()} {number(kl.mean, 2)}" for name, kl in far if kl]
    return texts + ["Divergence from the base model, in nats per held-out answer: " + "; ".join(listed) + "."]
