"""The loss from hidden rows, forward and backward, against the same formulas in eager PyTorch."""
from functools import partial

from common import Line, cpu, package, within

ALPHA, BETA, WIDTH, ANSWER = 0.01, 0.1, 256, 61


def inputs(context, vocabulary, sequence):
    """Hidden rows of whole sequences [2, S, D] of both models, and what is read of them, as tensors and as files."""
    torch = package("torch")
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn((2, sequence, WIDTH), generator=generator)
    both = {"hidden": hidden, "reference": hidden + 0.05 * torch.randn(hidden.shape, generator=generator),
            "head": 0.2 * torch.randn((vocabulary, WIDTH), generator=generator)}
    begin = sequence - ANSWER - 1
    labels = torch.randint(vocabulary, (2, ANSWER), generator=generator)
    marked = (torch.arange(ANSWER) % 3 == 0).long().expand(2, -1)
    row = torch.arange(2).unsqueeze(1).expand(-1, ANSWER)
    folder = context.folder(f"loss-{vocabulary}-{sequence}")
    files = {"hidden": hidden[:, begin:-1], "reference": both["reference"][:, begin:-1], "head": both["head"], "labels": labels,
             "phrase": marked, "row": row}
    for name, values in files.items():
        values.contiguous().numpy().tofile(folder / name)
    request = {"do": "loss", **{name: folder / name for name in files}, "rows": 2 * ANSWER, "width": WIDTH,
               "vocabulary": vocabulary}
    return both, labels, marked, begin, request


def eager(both, labels, marked, begin):
    """All positions through the head, then the loss as a trainer in PyTorch writes it; gradient at the hidden rows."""
    torch = package("torch")
    hidden = both["hidden"].detach().requires_grad_()
    own = (hidden @ both["head"].T)[:, :-1].log_softmax(-1)
    with torch.no_grad():
        other = (both["reference"] @ both["head"].T)[:, :-1].log_softmax(-1)
    whole = torch.zeros(own.shape[:2], dtype=torch.long)
    whole[:, begin:] = labels
    answer, phrase = torch.zeros(whole.shape), torch.zeros(whole.shape)
    answer[:, begin:], phrase[:, begin:] = 1, marked.float()
    ratio = own.gather(2, whole.unsqueeze(2)).squeeze(2) - other.gather(2, whole.unsqueeze(2)).squeeze(2)
    reward = BETA * (ratio * phrase).sum(-1)
    divergence = ((other.exp() * (other - own)).sum(-1) * answer).sum(-1)
    loss = -torch.nn.functional.logsigmoid(reward[0] - reward[1]) + ALPHA * divergence[0]
    loss.backward()
    return loss.item(), hidden.grad


def loss_sides(context, vocabulary, sequence):
    numpy = package("numpy")
    both, labels, marked, begin, request = inputs(context, vocabulary, sequence)
    out = context.work / "gradient"
    mine = context.worker.ask(**request, out=out)
    peers = {}
    rows = {name: values[:, begin:] if name != "head" else values for name, values in both.items()}
    for name, (values, first) in {"eager, whole sequences": (both, begin), "eager, the same rows": (rows, 0)}.items():
        loss, gradient = eager(values, labels, marked, first)
        within(f"loss, V {vocabulary}: {name}", abs(loss - mine["loss"]) / abs(loss), 1e-5)
        theirs = gradient[:, first:-1].reshape(2 * ANSWER, WIDTH).numpy()
        error = abs(numpy.fromfile(out, dtype=numpy.float32).reshape(theirs.shape) - theirs).max() / abs(theirs).max()
        within(f"loss, V {vocabulary}: gradient of {name}", float(error), 1e-4)
        peers[name] = cpu(partial(eager, values, labels, marked, first))
    return context.worker.timed(**request), peers


def lines(quick):
    found = []
    for vocabulary in (8192, 32000) if quick else (8192, 32000, 152064):
        target = {"eager, whole sequences": 40.0, "eager, the same rows": 3.0} if vocabulary == 152064 else {}
        found.append(Line(f"loss, V {vocabulary}", f"2 x {ANSWER} answer tokens of 2 x 512 positions, D {WIDTH}",
                          partial(loss_sides, vocabulary=vocabulary, sequence=512), targets=target,
                          repeats=3 if vocabulary == 152064 else 0))
    return found
