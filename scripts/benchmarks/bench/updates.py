"""One update of an adapter by AdamW, clipped by the norm of all gradients, against torch's two ways."""
from common import Line, cpu, package, within

LR, UPDATES = 1e-4, 3
# Layers in the proportions of a 7B decoder at a quarter of its width.
LAYERS, RANK, LINEARS = 20, 64, ((896, 896), (896, 128), (896, 128), (896, 896), (896, 4736), (896, 4736), (4736, 896))


def shapes():
    return [shape for _ in range(LAYERS) for width, out in LINEARS for shape in ((RANK, width), (out, RANK))]


class Theirs:
    """torch.optim.AdamW over leaves of these values; the gradients are there before the clock begins."""

    def __init__(self, values, gradients, fused):
        torch = package("torch")
        self.torch, self.gradients = torch, gradients
        self.leaves = [value.clone().requires_grad_() for value in values]
        self.optimizer = torch.optim.AdamW(self.leaves, lr=LR, weight_decay=0.0, fused=fused, foreach=not fused)

    def give(self):
        for leaf, gradient in zip(self.leaves, self.gradients):
            leaf.grad = gradient.clone()

    def update(self):
        self.torch.nn.utils.clip_grad_norm_(self.leaves, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def timed(self):
        self.give()
        return cpu(self.update)()


def sides(context):
    numpy, torch = package("numpy"), package("torch")
    generator = torch.Generator().manual_seed(3)
    values = [0.05 * torch.randn(shape, generator=generator) for shape in shapes()]
    gradients = [0.01 * torch.randn(shape, generator=generator) for shape in shapes()]
    folder = context.folder("update")
    request = {"do": "update", "sizes": [list(shape) for shape in shapes()], "lr": LR}
    for name, all_of in (("weights", values), ("gradients", gradients)):
        torch.cat([one.flatten() for one in all_of]).numpy().tofile(folder / name)
        request[name] = folder / name
    for i in range(UPDATES):
        context.worker.ask(**request, anew=i == 0, out=folder / "updated")
    mine, peers = torch.from_numpy(numpy.fromfile(folder / "updated", dtype=numpy.float32)), {}
    before = torch.cat([value.flatten() for value in values])
    for name, fused in (("torch, fused", True), ("torch, foreach", False)):
        theirs = Theirs(values, gradients, fused)
        for _ in range(UPDATES):
            theirs.give()
            theirs.update()
        after = torch.cat([leaf.detach().flatten() for leaf in theirs.leaves])
        within(f"update: movement, from {name}", float((mine - after).norm() / (after - before).norm()), 1e-3)
        peers[name] = theirs.timed
    return context.worker.timed(**request), peers


def lines(quick):
    count = sum(a * b for a, b in shapes())
    return [Line("update by AdamW", f"{len(shapes())} tensors, {count / 1e6:.0f} million values, clipped by their norm", sides,
                 targets={"torch, fused": 1.0})]
