"""From data to pixels: linear and logarithmic scales, their ticks, and bounds that end on a tick."""
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value):
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count=6):
        step = nice_step(self.high - self.low, count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]


@dataclass(frozen=True)
class Log:
    """low and high must be positive."""
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        """1, 2 and 5 of every decade; more of them where that leaves fewer than three."""
        found = self.multiples((1, 2, 5))
        return found if len(found) > 2 else self.multiples((1, 1.5, 2, 3, 4, 5, 7))

    def multiples(self, factors):
        decades = range(math.floor(math.log10(self.low)) - 1, math.ceil(math.log10(self.high)) + 1)
        values = [round(factor * 10.0 ** decade, 10) for decade in decades for factor in factors]
        return [v for v in values if self.low * (1 - 1e-9) <= v <= self.high * (1 + 1e-9)]


def nice_step(span, count):
    """The least of 1, 2, 5 x 10^k that cuts the span into at most `count` parts."""
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def rounded_bounds(values, step, low=-math.inf, high=math.inf):
    """The multiples of `step` around the values, never empty, kept within [low, high]."""
    bottom, top = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step
    return max(low, bottom), min(high, top if top > bottom else bottom + step)


def log_bounds(values):
    """A quarter beyond the values on both sides."""
    return min(values) / 1.25, max(values) * 1.25
