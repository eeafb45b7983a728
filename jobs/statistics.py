"""What several runs of the same configuration say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n runs; the interval (low, high) covers the true mean in 95 of 100 such experiments."""

    mean: float
    interval: tuple[float, float] | None
    """None for a single run, which says nothing of the spread."""
    n: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and Student's t interval, mean +- t(n - 1) s / sqrt(n) with s the sample deviation; None of no values."""
    n = len(values)
    if n == 0:
        return None
    if not all(map(math.isfinite, values)):
        return Estimate(sum(values), None, n)  # inf or nan; a spread has no meaning
    mean = fmean(values)
    if n == 1:
        return Estimate(mean, None, n)
    reach = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * stdev(values) / math.sqrt(n)
    return Estimate(mean, (mean - reach, mean + reach), n)
