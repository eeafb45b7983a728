"""Statistics of several runs of the same configuration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n runs; the interval (low, high) covers the true mean in 95 of 100 such experiments."""

    mean: float
    interval: tuple[float, float] | None
    """None for a single run, which has no spread."""
    n: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """Estimate mean and Student's t interval, mean +- t(n - 1) s / sqrt(n), s the sample deviation; None: no values."""
    n = len(values)
    if n == 0:
        return None
    if not all(map(math.isfinite, values)):
        return Estimate(sum(values), None, n)  # inf or nan, whose spread has no meaning
    mean = fmean(values)
    if n == 1:
        return Estimate(mean, None, n)
    reach = compute_quantile(n) * stdev(values) / math.sqrt(n)
    return Estimate(mean, (mean - reach, mean + reach), n)


def predict_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Predict the interval of one more run in 95 of 100 cases: mean +- t(n - 1) s sqrt(1 + 1 / n).

    None if there are fewer than two values, or one is not finite.
    """
    n = len(values)
    if n < 2 or not all(map(math.isfinite, values)):
        return None
    reach = compute_quantile(n) * stdev(values) * math.sqrt(1 + 1 / n)
    return fmean(values) - reach, fmean(values) + reach


def compute_quantile(n: int) -> float:
    """Compute the two-sided quantile of Student's t for n values."""
    from scipy import special  # noqa: PLC0415  # a fifth of the time that the API needs to start

    return float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2))
