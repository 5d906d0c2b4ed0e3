"""The first sentences of the page and of the README section, from the data."""
from figures import counted
from names import method, number


def change(results, clips):
    """'59.4 to 86.9 % (+27.5, 95 % interval +26.1 to +28.9)'."""
    before, after = (results.estimate("main", name, clips) for name in ("base", "rrpo"))
    gain = results.estimate("main", "rrpo", "gain_" + clips)
    difference = number(gain.mean if gain else after.mean - before.mean, 1, True)
    sure = gain and gain.low is not None
    interval = f", 95 % interval {number(gain.low, 1, True)} to {number(gain.high, 1, True)}" if sure else ""
    return f"from {number(before.mean)} to {number(after.mean)} % ({difference}{interval})"


def headline(results):
    if not results.estimate("main", "rrpo", "u"):
        return []
    bases, seeds = results.counts()
    texts = [f"Over {counted(bases, 'base model')} and {counted(seeds, 'seed')}, RRPO takes unbiased accuracy "
             f"{change(results, 'u')} and biased accuracy {change(results, 'b')}."]
    far = [(name, results.estimate("main", name, "kl_truth")) for name in ("rrpo", "dpo", "dpo_same_lr", "sft")]
    listed = [f"{method(name).said()} {number(kl.mean, 2)}" for name, kl in far if kl]
    return texts + ["Divergence from the base model, in nats per held-out answer: " + "; ".join(listed) + "."]
