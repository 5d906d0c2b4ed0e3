"""Means with 95 % intervals of a few numbers: Student's t, one number per base model. Standard library only."""
import math


def t_cumulative(t, freedom):
    """P(T <= t) of Student's distribution with a whole number of degrees of freedom, in closed form (Abramowitz and Stegun
    26.7.3 and 26.7.4)."""
    theta = math.atan2(t, math.sqrt(freedom))
    cosine, sine = math.cos(theta), math.sin(theta)
    if freedom % 2 == 0:
        term, total = 1.0, 1.0
        for k in range(1, freedom // 2):
            term *= (2 * k - 1) / (2 * k) * cosine * cosine
            total += term
        area = sine * total
    else:
        area = theta
        if freedom > 1:
            term = cosine
            total = term
            for k in range(1, (freedom - 1) // 2):
                term *= 2 * k / (2 * k + 1) * cosine * cosine
                total += term
            area += sine * total
        area *= 2 / math.pi
    return 0.5 + area / 2


def t_quantile(probability, freedom):
    """The t with P(T <= t) = probability, for probability > 0.5: by bisection."""
    low, high = 0.0, 1.0
    while t_cumulative(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cumulative(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def mean(values):
    return math.fsum(values) / len(values)


def interval(values):
    """Mean, low and high of the 95 % interval, and the p-value of mean = 0; low, high and p are None for fewer than two
    values."""
    centre = mean(values)
    if len(values) < 2:
        return centre, None, None, None
    freedom = len(values) - 1
    error = math.sqrt(math.fsum((v - centre) ** 2 for v in values) / freedom / len(values))
    half = t_quantile(0.975, freedom) * error
    p = 2 * (1 - t_cumulative(abs(centre) / error, freedom)) if error > 0 else (1.0 if centre == 0 else 0.0)
    return centre, centre - half, centre + half, p
