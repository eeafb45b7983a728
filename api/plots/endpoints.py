"""Drawings of jobs and sweeps by epoch; for a browser, a paper or a README."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from api.dependencies import Sessions
from api.http.answers import draw
from api.http.formats import Format
from api.http.responses import declare_drawing, declare_errors
from api.http.routing import Route
from api.http.validation import invalid_value, names_in
from api.jobs.parameters import JobId
from api.plots import looks
from api.plots.drawings import MAX_LINES, Drawing, Line, Panel
from api.plots.looks import Look
from api.sweeps.endpoints import SweepId
from api.sweeps.models import variant
from article import published
from article.published import Point
from db import history, jobs, sweeps
from db.models import Epoch, Layer
from db.sweeps import Mean, Result
from jobs.errors import DatabaseUnavailable, JobNotFound, SweepNotFound
from jobs.sweep import Configuration, SweepSpec

router = APIRouter(route_class=Route)

MetricName = Literal[
    "loss", "accuracy", "binary_accuracy", "val_loss", "val_accuracy", "val_binary_accuracy",
    "epoch_seconds", "images_per_second",
]  # fmt: skip
Excluded = Annotated[
    list[str],
    Query(description="Activations to leave out: separated by commas, or given again.", examples=[["sigmoid"]]),
]
Kind = Annotated[Literal["svg", "png"], Path(description="Of the file.", examples=["png"])]


@dataclass(frozen=True, slots=True)
class Metric:
    title: str
    axis: str
    log: bool = False
    factor: float = 1
    """Of the axis's unit."""


LOSS_AXIS, ACCURACY_AXIS, BINARY_AXIS = "loss (nats, log scale)", "images whose digit is right (%)", "outputs right (%)"
METRICS: Mapping[str, Metric] = {
    "loss": Metric("Training loss", f"training {LOSS_AXIS}", log=True),
    "accuracy": Metric("Training accuracy", f"training {ACCURACY_AXIS}", factor=100),
    "binary_accuracy": Metric("Training binary accuracy", f"training {BINARY_AXIS}", factor=100),
    "val_loss": Metric("Validation loss", f"validation {LOSS_AXIS}", log=True),
    "val_accuracy": Metric("Validation accuracy", f"validation {ACCURACY_AXIS}", factor=100),
    "val_binary_accuracy": Metric("Validation binary accuracy", f"validation {BINARY_AXIS}", factor=100),
    "epoch_seconds": Metric("Time of an epoch", "seconds an epoch"),
    "images_per_second": Metric("Training speed", "training images a second"),
}
OF_A_LAYER: Mapping[str, Metric] = {
    "gradient_norm": Metric("", "L2 norm of the gradient (log scale)", log=True),
    "update_ratio": Metric("", "norm of update over weights' (log scale)", log=True),
    "activation_mean": Metric("", "mean of the outputs"),
    "activation_variance": Metric("", "variance of the outputs (log scale)", log=True),
    "zero_fraction": Metric("", "outputs that are 0 (%)", factor=100),
    "dead_fraction": Metric("", "units without a gradient (%)", factor=100),
    "saturated_fraction": Metric("", "outputs with hardly a slope (%)", factor=100),
    "clipped_fraction": Metric("", "gradient elements clipped (%)", factor=100),
}


@router.get(
    "/jobs/{job_id}/plot.{kind}",
    tags=["jobs"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(JobNotFound, 422, DatabaseUnavailable),
)
def plot_job(job_id: JobId, kind: Kind, sessions: Sessions) -> Response:
    """Its loss and accuracy by epoch, in training and in validation."""
    with sessions.read() as session:
        job, epochs = jobs.find(session, job_id), history.read_epochs(session, job_id)
    title = f"{job.activation}, seed {job.spec['seed']}"
    own = looks.look(job.activation)
    panels = [
        Panel(
            xlabel="epoch",
            ylabel=axis,
            lines=[
                replace(line("training", epochs, METRICS[name], name, looks.dotted(own)), hollow=True),
                line("validation", epochs, METRICS[f"val_{name}"], f"val_{name}", own),
            ],
            log=METRICS[name].log,
            integers=True,
        )
        for name, axis in (("loss", LOSS_AXIS), ("accuracy", ACCURACY_AXIS))
    ]
    return draw(Format(kind), f"job-{job_id}", Drawing(title, panels))


def line(label: str, rows: Sequence[Epoch] | Sequence[Layer], metric: Metric, name: str, look: Look) -> Line:
    """By epoch; where a layer has no such figure, it has no point."""
    found = [(row.epoch, getattr(row, name)) for row in rows if getattr(row, name) is not None]
    return Line(label, [epoch for epoch, _ in found], [metric.factor * value for _, value in found], look=look)


@router.get(
    "/jobs/{job_id}/layers/plot.{kind}",
    tags=["jobs"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(JobNotFound, 422, DatabaseUnavailable),
)
def plot_layers(job_id: JobId, kind: Kind, sessions: Sessions) -> Response:
    """Each layer by epoch, on the probe batch: gradients, updates, outputs; what is dead, saturated or clipped."""
    with sessions.read() as session:
        job, rows = jobs.find(session, job_id), history.read_layers(session, job_id)
    names = list(dict.fromkeys(row.layer for row in rows))
    panels = []
    for name, metric in OF_A_LAYER.items():
        lines = [
            line(layer, [row for row in rows if row.layer == layer], metric, name, looks.numbered(number))
            for number, layer in enumerate(names)
        ]
        with_points = [drawn for drawn in lines if drawn.x]
        panels.append(Panel(xlabel="epoch", ylabel=metric.axis, lines=with_points, log=metric.log, integers=True))
    title = f"{job.activation}, seed {job.spec['seed']}: its layers"
    return draw(Format(kind), f"layers-{job_id}", Drawing(title, panels))


@router.get(
    "/sweeps/{sweep_id}/plot.{kind}",
    tags=["sweeps"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(SweepNotFound, 422, DatabaseUnavailable),
)
def plot_sweep(
    sweep_id: SweepId,
    kind: Kind,
    sessions: Sessions,
    metric: Annotated[
        MetricName | None,
        Query(
            description="What to draw; without it, validation loss and accuracy side by side.",
            examples=["val_accuracy"],
        ),
    ] = None,
    exclude: Excluded = [],  # noqa: B006  # FastAPI copies it
    beside: Annotated[
        Literal["published"] | None,
        Query(
            description="published: the article's points too, of val_loss and val_binary_accuracy.",
            examples=["published"],
        ),
    ] = None,
) -> Response:
    """A line a configuration: the mean over its seeds by epoch, and a band from the lowest to the highest of them.

    Hollow markers are the article's points, see GET /v1/published. An activation keeps its colour when others are
    excluded. Of more than 24 configurations, those of the lowest validation loss are drawn.
    """
    names: list[MetricName] = [metric] if metric else ["val_loss", "val_binary_accuracy" if beside else "val_accuracy"]
    if beside and names[0] not in published.METRICS:
        message = f"nothing is published of {names[0]}, only of {' and '.join(published.METRICS)}"
        raise RequestValidationError([invalid_value(("query", "beside"), message, beside)])
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        configurations = {
            job.configuration.number: job.configuration for job in sweeps.list_jobs(session, sweep_id, spec)
        }
        included = remaining(spec, configurations.values(), exclude)
        drawn = included
        if len(included) > MAX_LINES:
            drawn = best(included, sweeps.results(session, sweep_id, spec))
        numbers = [configuration.number for configuration in drawn]
        means = {name: sweeps.means(session, sweep_id, getattr(Epoch, name), of=numbers) for name in names}
    panels = [panel_of_sweep(spec, drawn, METRICS[name], means[name]) for name in names]
    title = " and ".join([METRICS[names[0]].title, *(METRICS[name].title.lower() for name in names[1:])])
    subtitle = described(spec, drawn, of=len(included))
    if beside:
        activations = [configuration.activation for configuration in drawn]
        panels = [with_published(panel, name, activations) for panel, name in zip(panels, names, strict=True)]
        subtitle += "; hollow markers: as published"
    return draw(Format(kind), f"sweep-{sweep_id}", Drawing(title, panels, subtitle))


def remaining(spec: SweepSpec, configurations: Iterable[Configuration], exclude: Sequence[str]) -> list[Configuration]:
    """The configurations whose activation is not excluded."""
    excluded = {*names_in(exclude)}
    unknown = sorted(excluded - {*spec.activations})
    if unknown:
        message = f"{unknown[0]} is not in this sweep"
        raise RequestValidationError([invalid_value(("query", "exclude"), message, exclude)])
    found = [configuration for configuration in configurations if configuration.activation not in excluded]
    if not found:
        raise RequestValidationError([invalid_value(("query", "exclude"), "this leaves nothing to draw", exclude)])
    return found


def best(included: Sequence[Configuration], results: Sequence[Result], *, most: int = MAX_LINES) -> list[Configuration]:
    """Those with the lowest validation loss that any seed came to, in their order; those without any come last."""
    lowest = dict.fromkeys((configuration.number for configuration in included), float("inf"))
    for result in results:
        number = result.job.configuration.number
        if result.best is not None and number in lowest:
            lowest[number] = min(lowest[number], result.best["val_loss"])
    chosen = sorted(included, key=lambda configuration: lowest[configuration.number])[:most]
    return sorted(chosen, key=attrgetter("number"))


def panel_of_sweep(
    spec: SweepSpec, drawn: Sequence[Configuration], metric: Metric, means: Mapping[int, Sequence[Mean]]
) -> Panel:
    lines = [
        mean_line(configuration, means.get(configuration.number, []), metric, look(spec, configuration))
        for configuration in drawn
    ]
    return Panel(xlabel="epoch", ylabel=metric.axis, lines=lines, log=metric.log, integers=True)


def with_published(panel: Panel, name: MetricName, activations: Sequence[str]) -> Panel:
    """The article's points of each line's activation, as far as our epochs go."""
    last = max((epoch for line in panel.lines for epoch in line.x), default=0)
    found = [
        published_line(
            [point for point in published.points(activation, name) if point.epoch <= last], ours, METRICS[name]
        )
        for activation, ours in zip(activations, panel.lines, strict=True)
    ]
    return replace(panel, lines=[*panel.lines, *found])


def published_line(points: Sequence[Point], ours: Line, metric: Metric) -> Line:
    y = [metric.factor * point.value for point in points]
    return Line("published", [point.epoch for point in points], y, look=ours.look, points_only=True)


def look(spec: SweepSpec, configuration: Configuration) -> Look:
    return looks.look(configuration.activation, variant(spec, configuration))


def mean_line(configuration: Configuration, means: Sequence[Mean], metric: Metric, look: Look) -> Line:
    band = ([metric.factor * mean.low for mean in means], [metric.factor * mean.high for mean in means])
    return Line(
        configuration.label,
        [mean.epoch for mean in means],
        [metric.factor * mean.mean for mean in means],
        band=band,
        look=look,
    )


def described(spec: SweepSpec, drawn: Sequence[Configuration], *, of: int) -> str:
    seeds = f"mean of {len(spec.seeds)} seeds, as far as trained; band from the lowest to the highest"
    if len(spec.seeds) == 1:
        seeds = "one seed"
    if len(drawn) == 1:  # which has no legend
        return f"{drawn[0].label}: {seeds}"
    if len(drawn) < of:
        return f"{seeds}; {len(drawn)} of {of} configurations: those of the lowest validation loss"
    return seeds
