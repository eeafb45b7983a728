"""What the article published of its experiment, and what our runs say about it.

The article's figures are pictures. `published.json` has their points as read off them: one run an activation, epochs
1 to 100, null where another curve lies on top; and the tables of the article's text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jobs import statistics
from jobs.labels import format_leaves
from jobs.spec import JobSpec
from jobs.statistics import Estimate

Metric = Literal["val_binary_accuracy", "val_loss"]
READING_ERROR: Mapping[str, float] = {"val_binary_accuracy": 1e-4, "val_loss": 3e-4}
SIGMOID_READING_ERROR = 1e-3
"""Sigmoid's figures have axes ten times as long."""
EPOCHS = 100
METRICS: tuple[Metric, ...] = ("val_binary_accuracy", "val_loss")

Verdict = Literal["agrees", "ours_higher", "ours_lower", "undecided"]
NOT_THE_EXPERIMENT = frozenset(
    {"activation", "epochs", "seed", "device", "diagnostics", "checkpoint_every", "metadata"}
)
"""Fields of a JobSpec that do not make it another experiment."""


@dataclass(frozen=True, slots=True)
class Point:
    """A published figure, and how far off its reading may be."""

    epoch: int
    value: float
    reading_error: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published figure beside the same figure of our runs."""

    published: Point
    ours: Estimate
    prediction: tuple[float, float] | None
    """Where one more run of ours would lie, in 95 of 100 cases; None of a single run."""
    verdict: Verdict


def activations() -> Sequence[str]:
    """In the article's order."""
    return [*figures()]


def points(activation: str, metric: str) -> list[Point]:
    """By epoch, those that could be read; none of an activation that the article does not have.

    `metric` is one of METRICS.
    """
    error = reading_errors(activation)[metric]
    curve = figures().get(activation, {}).get(metric, ())
    return [Point(epoch, value, error) for epoch, value in enumerate(curve, start=1) if value is not None]


def reading_errors(activation: str) -> Mapping[str, float]:
    return dict.fromkeys(METRICS, SIGMOID_READING_ERROR) if activation == "sigmoid" else READING_ERROR


@cache
def figures() -> Mapping[str, Mapping[str, Any]]:
    """Everything, as published.json has it."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return found


def compare(published: Point, runs: Sequence[float]) -> Comparison | None:
    """Could the published run be one of ours? None without a run.

    It agrees if it lies within the prediction interval of one more run, the reading error allowed for. One comparison
    in twenty fails by chance, and those of one run by epoch fail together.
    """
    ours = statistics.estimate(runs)
    if ours is None:
        return None
    prediction = statistics.predict_interval(runs)
    return Comparison(published, ours, prediction, verdict(published, prediction))


def verdict(published: Point, prediction: tuple[float, float] | None) -> Verdict:
    if prediction is None:
        return "undecided"
    low, high = prediction
    if published.value - published.reading_error > high:
        return "ours_lower"
    return "ours_higher" if published.value + published.reading_error < low else "agrees"


def departures(spec: JobSpec) -> list[str]:
    """Where a job is another experiment than the published one: dotted paths, with the job's value."""
    article = JobSpec.model_validate({"activation": spec.activation, "protocol": "article"})
    ours, theirs = (
        dict(format_leaves(one.model_dump(mode="json", exclude=set(NOT_THE_EXPERIMENT)))) for one in (spec, article)
    )
    del ours["protocol"], theirs["protocol"]  # a name for what the other fields say
    return [f"{path} {value}" for path, value in ours.items() if theirs.get(path) != value]
