"""Where labels go: boxes, their overlap, a place near a marker that covers least, and a column without collisions."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other):
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def outside(self, frame):
        area = (self.right - self.left) * (self.bottom - self.top)
        return area - self.overlap(frame)


def around(x, y, width, height, gap):
    """Boxes of that size near a point: right and left first, then above and below, then the corners, near before far."""
    for far in (gap, gap + 6, gap + 14, gap + 26, gap + 40):
        for dx, dy in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)):
            left = x - width / 2 + dx * (width / 2 + far)
            top = y - height / 2 + dy * (height / 2 + far)
            yield Box(left, top, left + width, top + height)


def place(points, sizes, obstacles, frame, gap=9):
    """One box per point. `obstacles` are (box, weight); placed labels become obstacles of the ones that follow.
    Among equal costs the earlier candidate wins, so the result depends on the data alone."""
    taken, placed = [(box, weight) for box, weight in obstacles], []
    for (x, y), (width, height) in zip(points, sizes):
        def cost(candidate):
            index, box = candidate
            covered = sum(weight * box.overlap(other) for other, weight in taken)
            return covered + 50 * box.outside(frame) + 8 * index
        best = min(enumerate(around(x, y, width, height, gap)), key=cost)[1]
        placed.append(best)
        taken.append((best, 10))
    return placed


def spread(positions, gap, low, high):
    """The positions moved as little as needed so that neighbours stand `gap` apart within [low, high], in their order:
    without the gaps between them they must not decrease, which pools neighbours that do into their mean."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    pools = []  # [sum, count]
    for rank, i in enumerate(order):
        pools.append([positions[i] - rank * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    starts = [total / count for total, count in pools for _ in range(count)]
    last = max(low, high - (len(positions) - 1) * gap)
    moved = [min(max(start, low), last) + rank * gap for rank, start in enumerate(starts)]
    return [moved[order.index(i)] for i in range(len(positions))]
