"""Samples of a run's contestants, taken in turns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

Measure = Callable[[], Iterable[float]]
"""Takes some samples of one contestant: seconds, or images a second."""


class NotMeasured(Exception):
    """A contestant cannot take part; the message says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    samples: dict[str, list[float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a contestant has no samples."""

    def alternate(self, contestants: Mapping[str, Measure], *, rounds: int) -> None:
        """Measure each contestant once a round, so that a change of the machine's speed affects all alike."""
        for number in range(rounds):
            for name in list(contestants)[:: -1 if number % 2 else 1]:
                self.measure(name, contestants[name])

    def measure(self, name: str, measure: Measure) -> None:
        if name in self.reasons:
            return
        try:
            values = [*measure()]
        except NotMeasured as error:
            self.reasons[name] = str(error)
        else:
            self.samples.setdefault(name, []).extend(values)


def time_call(act: Callable[[], object]) -> float:
    """Seconds."""
    began = perf_counter()
    act()
    return perf_counter() - began


def time_calls(act: Callable[[], object], count: int) -> list[float]:
    return [time_call(act) for _ in range(count)]


def time_warm(act: Callable[[], object], count: int) -> list[float]:
    """Seconds of each call after one that is not counted: it opens the connection again, or fills a cache."""
    act()
    return time_calls(act, count)
