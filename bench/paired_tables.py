"""The tables of docs/results.md about learned parameters and formulas: differences of jobs that have the same seed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from jobs import statistics

LAYERS = ("conv1", "conv2", "dense1")
FIGURES = {
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy %",
    "test_accuracy": "test accuracy %",
}
OF_FORMULAS = ("val_loss", "test_accuracy")
BESIDE = ("relu", "gelu")
"""The figures of the table of formulas, and the activations beside which they stand."""
FIXED = ""
"""In place of `per` where no parameter learns."""
HOW_LEARNED = {FIXED: "fixed", "layer": "learned per layer", "channel": "learned per channel"}
Row = Sequence[str]
Answer = Mapping[str, Any]  # as the service sent it
Configuration = tuple[str, str]
"""An activation, and per what its parameter is learned."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A job that succeeded, after its last epoch."""

    id: str
    activation: str
    formula: str
    per: str
    start: Mapping[str, float]
    """The parameters before the first epoch."""
    seed: int
    figures: Mapping[str, float]
    """The holdout's loss and accuracy, those of the test set, and the seconds of the last epoch."""


Jobs = Mapping[Configuration, Sequence[Trained]]


def read_jobs(folder: Path, *runs: str) -> Jobs:
    """The jobs of the runs by configuration: those of an activation together, else in the order of the sweeps."""
    found: dict[Configuration, list[Trained]] = {}
    for run in runs:
        for job in json.loads((folder / f"{run}-jobs.json").read_text())["data"]:
            trained = parse_job(job)
            found.setdefault((trained.activation, trained.per), []).append(trained)
    activations = [activation for activation, _ in found]
    return dict(sorted(found.items(), key=lambda item: activations.index(item[0][0])))


def parse_job(job: Answer) -> Trained:
    if job["state"] != "succeeded":
        raise SystemExit(f"job {job['id']} is {job['state']}: {job['error']}")
    spec, latest, test = job["spec"], job["latest"], job["test"]
    return Trained(
        id=job["id"],
        activation=spec["activation"],
        formula=spec["formula"] or "",
        per=(spec["trainable"] or {"per": FIXED})["per"],
        start=spec["parameters"],
        seed=spec["seed"],
        figures={
            **{name: latest[name] for name in ("val_loss", "val_accuracy", "epoch_seconds")},
            **{f"test_{name}": test[name] for name in ("loss", "accuracy")},
        },
    )


def read_learned(folder: Path, *runs: str) -> dict[str, list[Answer]]:
    """Each job's learned parameters after its last epoch, a row a layer, by the job's id."""
    answers = [answer for run in runs for answer in json.loads((folder / f"{run}-parameters.json").read_text())]
    return {answer["job_id"]: answer["parameters"] for answer in answers}


# --- the tables ---


def tabulate_learned(jobs: Jobs) -> tuple[Row, list[Row]]:
    """A row a configuration, with its differences from the same activation with a fixed parameter."""
    headers = ["activation", "alpha", *(cell for title in FIGURES.values() for cell in (title, "minus fixed"))]
    return headers, [format_learned(key, trained, jobs[key[0], FIXED]) for key, trained in jobs.items()]


def format_learned(key: Configuration, jobs: Sequence[Trained], fixed: Sequence[Trained]) -> Row:
    activation, per = key
    cells = [
        cell
        for name in FIGURES
        for cell in (format_mean(jobs, name), "" if per == FIXED else format_difference(jobs, fixed, name))
    ]
    return [activation, HOW_LEARNED[per], *cells]


def tabulate_formulas(jobs: Jobs) -> tuple[Row, list[Row]]:
    """A row a configuration, with its differences from relu and from gelu."""
    minus = [f"minus {other}" for other in BESIDE]
    figures = [cell for name in OF_FORMULAS for cell in (FIGURES[name], *minus)]
    others = {other: jobs[other, FIXED] for other in BESIDE}
    rows = [format_formula(key, trained, others) for key, trained in jobs.items()]
    return ["activation", "formula", *figures, "epoch, x relu"], rows


def format_formula(key: Configuration, jobs: Sequence[Trained], others: Mapping[str, Sequence[Trained]]) -> Row:
    activation, per = key
    title = activation if per == FIXED else f"{activation}, {HOW_LEARNED[per]}"
    ratio = average(jobs, "epoch_seconds") / average(others["relu"], "epoch_seconds")
    cells = []
    for name in OF_FORMULAS:
        beside = [
            "" if activation == other else format_difference(jobs, found, name) for other, found in others.items()
        ]
        cells += [format_mean(jobs, name), *beside]
    return [title, f"`{jobs[0].formula}`" if jobs[0].formula else "", *cells, f"{ratio:.2f}"]


def tabulate_values(jobs: Jobs, learned: Mapping[str, Sequence[Answer]]) -> tuple[Row, list[Row]]:
    """A row a configuration that learns: the value before the first epoch, and each layer's after the last."""
    rows = [
        format_learned_values(key, trained[0].start, [row for job in trained for row in learned[job.id]])
        for key, trained in jobs.items()
        if key[1] != FIXED
    ]
    return ["activation", "parameter", "start", *LAYERS], rows


def format_learned_values(key: Configuration, start: Mapping[str, float], found: Sequence[Answer]) -> Row:
    """Format those of one parameter; a run with two would need two rows."""
    activation, per = key
    [parameter] = {row["parameter"] for row in found}
    layers = [format_values([row for row in found if row["layer"] == layer]) for layer in LAYERS]
    return [activation, f"{parameter}, {HOW_LEARNED[per]}", f"{start[parameter]:g}", *layers]


def format_values(rows: Sequence[Answer]) -> str:
    """The mean over the seeds, and from the lowest to the highest of any seed and channel."""
    low, high = min(row["minimum"] for row in rows), max(row["maximum"] for row in rows)
    return f"{fmean(row['mean'] for row in rows):.3f} ({low:.3f} to {high:.3f})"


def format_mean(jobs: Iterable[Trained], name: str) -> str:
    return format_figure(average(jobs, name), name)


def average(jobs: Iterable[Trained], name: str) -> float:
    return fmean(job.figures[name] for job in jobs)


def format_difference(jobs: Iterable[Trained], others: Iterable[Trained], name: str) -> str:
    """The mean difference of jobs with the same seed, and its 95 % interval; bold where that excludes 0."""
    beside = {job.seed: job.figures[name] for job in others}
    found = statistics.estimate([job.figures[name] - beside[job.seed] for job in jobs])
    if found is None or found.interval is None:
        raise SystemExit("a difference needs two seeds")
    low, high = found.interval
    text = f"{format_figure(found.mean, name, '+')} [{format_figure(low, name, '+')}, {format_figure(high, name, '+')}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def format_figure(value: float, name: str, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f}" if name.endswith("accuracy") else f"{value:{sign}.4f}"
