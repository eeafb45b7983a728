"""The figures that the article published, and their comparison with our runs.

The article's figures are pictures. `published.json` has their points as read from them: one run for each activation,
epochs 1 to 100, null where another curve hides the point; and the tables of the article's text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jobs import statistics
from jobs.spec import JobSpec
from jobs.statistics import Estimate
from jobs.values import format_fields

Metric = Literal["val_binary_accuracy", "val_loss"]
READING_ERROR: Mapping[str, float] = {"val_binary_accuracy": 1e-4, "val_loss": 3e-4}
SIGMOID_READING_ERROR = 1e-3
"""The axes of sigmoid's figures are ten times as long."""
EPOCHS = 100
METRICS: tuple[Metric, ...] = ("val_binary_accuracy", "val_loss")

Verdict = Literal["agrees", "ours_higher", "ours_lower", "undecided"]
NOT_THE_EXPERIMENT = frozenset(
    {"activation", "formula", "epochs", "seed", "device", "diagnostics", "checkpoint_every", "metadata"}
)
"""Fields of a JobSpec in which a job may differ and still be the same experiment."""


@dataclass(frozen=True, slots=True)
class Point:
    """A published figure, and the largest error of reading it."""

    epoch: int
    value: float
    reading_error: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published figure beside the same figure of our runs."""

    published: Point
    ours: Estimate
    prediction: tuple[float, float] | None
    """The interval of one more run of ours, in 95 of 100 cases; None for a single run."""
    verdict: Verdict


def read_points(activation: str, metric: str) -> list[Point]:
    """Read the points of a curve by epoch; none for an activation that the article does not have.

    `metric` is one of METRICS.
    """
    error = find_reading_errors(activation)[metric]
    curve = load_figures().get(activation, {}).get(metric, ())
    return [Point(epoch, value, error) for epoch, value in enumerate(curve, start=1) if value is not None]


def find_reading_errors(activation: str) -> Mapping[str, float]:
    return dict.fromkeys(METRICS, SIGMOID_READING_ERROR) if activation == "sigmoid" else READING_ERROR


@cache
def load_figures() -> Mapping[str, Mapping[str, Any]]:
    """Load published.json."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return found


def compare(published: Point, runs: Sequence[float]) -> Comparison | None:
    """Compare a published figure with our runs; None without a run.

    They agree if it lies within the prediction interval of one more run, plus the reading error. One comparison in
    twenty fails by chance, and those of successive epochs of one run fail together.
    """
    ours = statistics.estimate(runs)
    if ours is None:
        return None
    prediction = statistics.predict_interval(runs)
    return Comparison(published, ours, prediction, judge(published, prediction))


def judge(published: Point, prediction: tuple[float, float] | None) -> Verdict:
    if prediction is None:
        return "undecided"
    low, high = prediction
    if published.value - published.reading_error > high:
        return "ours_lower"
    return "ours_higher" if published.value + published.reading_error < low else "agrees"


def differences_from_article(spec: JobSpec) -> list[str]:
    """List the settings in which a job differs from the published experiment: dotted paths, with the job's value."""
    article = JobSpec.model_validate({"activation": spec.activation, "protocol": "article"})
    ours, theirs = (
        format_fields(one.model_dump(mode="json", exclude=set(NOT_THE_EXPERIMENT))) for one in (spec, article)
    )
    del ours["protocol"], theirs["protocol"]  # it stands for the values of other fields
    return [f"{path} {value}" for path, value in ours.items() if theirs.get(path) != value]
