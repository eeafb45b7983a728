import math

import numpy as np
import pytest

from jobs.statistics import estimate


def test_no_values_are_no_estimate():
    assert estimate([]) is None


def test_one_value_has_no_interval():
    found = estimate([0.5])
    assert found is not None
    assert (found.mean, found.interval, found.n) == (0.5, None, 1)


def test_the_interval_is_students():
    """T for 95 % and 4 degrees of freedom is 2.776, as every table of it says."""
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found is not None
    assert found.interval is not None
    reach = 2.776445105 * math.sqrt(2.5) / math.sqrt(5)
    assert found.interval == pytest.approx((3 - reach, 3 + reach), rel=1e-9)


def test_the_interval_covers_the_mean_in_95_of_100_experiments():
    rng = np.random.default_rng(0)
    intervals = [found.interval for row in rng.normal(7, 2, (4000, 3)) if (found := estimate(row.tolist()))]
    covered = sum(low <= 7 <= high for low, high in filter(None, intervals)) / len(intervals)
    assert covered == pytest.approx(0.95, abs=0.012)


def test_a_figure_that_is_not_finite_has_no_interval():
    found = estimate([1.0, math.inf])
    assert found is not None
    assert (found.mean, found.interval) == (math.inf, None)
