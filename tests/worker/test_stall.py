from typing import Any

import pytest

from worker.stall import StallWatch


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("worker.stall.monotonic", clock)
    return clock


def poll(watch: StallWatch, clock: Clock, *, seconds: float) -> float | None:
    """Check once a second, as a process does that is not suspended; returns the first stall."""
    for _ in range(round(seconds)):
        clock.now += 1
        if (stall := watch.find_stall()) is not None:
            return stall
    return None


@pytest.mark.parametrize(("epoch_seconds", "stalled_after"), [([], 101), ([1], 101), ([60, 60, 1], 601)])
def test_a_training_without_an_epoch_for_long_has_stalled(
    clock: Clock, epoch_seconds: list[int], stalled_after: float
) -> None:
    """The limit, or ten times the median epoch if that is longer."""
    watch = StallWatch(100)
    for seconds in epoch_seconds:
        assert poll(watch, clock, seconds=seconds) is None
        watch.record_epoch()
    assert poll(watch, clock, seconds=10_000) == stalled_after


@pytest.mark.parametrize("event", ["record_epoch", "restart"])
def test_the_time_is_counted_from_the_last_epoch_or_outage(clock: Clock, event: Any) -> None:
    watch = StallWatch(100)
    assert poll(watch, clock, seconds=90) is None
    getattr(watch, event)()
    assert poll(watch, clock, seconds=90) is None


def test_a_process_that_was_suspended_has_not_stalled(clock: Clock) -> None:
    watch = StallWatch(1800)
    for _ in range(10):
        clock.now += 3600
        assert watch.find_stall() is None
    assert poll(watch, clock, seconds=10_000) == 1801
