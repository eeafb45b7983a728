"""Drawings of jobs and sweeps by epoch; for a browser, a paper or a README."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from api.jobs.figures import MetricName
from api.jobs.parameters import JobId
from api.plots import axes, looks
from api.plots.drawings import MAX_LINES, Drawing, Line, Panel
from api.plots.looks import Look
from api.sweeps.parameters import SweepId
from api.sweeps.table import count_variants
from article import published
from article.published import Point
from db import history, jobs, sweeps
from db.models import Epoch, Layer
from db.sweeps import Mean, Result
from jobs.errors import DatabaseUnavailable, JobNotFound, SweepNotFound
from jobs.metrics import EPOCH_FIGURES, LAYER_FIGURES, Figure
from jobs.sweep import Configuration, SweepSpec

router = APIRouter(route_class=Route)

Excluded = Annotated[
    list[str],
    Query(description="Activations to leave out: separated by commas, or given again.", examples=[["sigmoid"]]),
]
Kind = Annotated[Literal["svg", "png"], Path(description="Of the file.", examples=["png"])]


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
            ylabel=axes.label(training, with_stage=False),
            lines=[
                replace(line("training", epochs, training, looks.dotted(own)), hollow=True),
                line("validation", epochs, validation, own),
            ],
            log=training.log,
            integers=True,
        )
        for training, validation in (
            (EPOCH_FIGURES["loss"], EPOCH_FIGURES["val_loss"]),
            (EPOCH_FIGURES["accuracy"], EPOCH_FIGURES["val_accuracy"]),
        )
    ]
    return draw(Format(kind), f"job-{job_id}", Drawing(title, panels))


def line(label: str, rows: Sequence[Epoch] | Sequence[Layer], figure: Figure, look: Look) -> Line:
    """By epoch; where a layer has no such figure, it has no point."""
    found = [(row.epoch, getattr(row, figure.name)) for row in rows if getattr(row, figure.name) is not None]
    return Line(label, [epoch for epoch, _ in found], [axes.scale(figure) * value for _, value in found], look=look)


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
    for figure in filter(attrgetter("plotted"), LAYER_FIGURES.values()):
        lines = [
            line(layer, [row for row in rows if row.layer == layer], figure, looks.numbered(number))
            for number, layer in enumerate(names)
        ]
        with_points = [drawn for drawn in lines if drawn.x]
        panels.append(
            Panel(xlabel="epoch", ylabel=axes.label(figure), lines=with_points, log=figure.log, integers=True)
        )
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
    panels = [panel_of_sweep(spec, drawn, EPOCH_FIGURES[name], means[name]) for name in names]
    title = " and ".join([EPOCH_FIGURES[names[0]].title, *(EPOCH_FIGURES[name].title.lower() for name in names[1:])])
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
    spec: SweepSpec, drawn: Sequence[Configuration], figure: Figure, means: Mapping[int, Sequence[Mean]]
) -> Panel:
    lines = [
        mean_line(configuration, means.get(configuration.number, []), figure, look(spec, configuration))
        for configuration in drawn
    ]
    return Panel(xlabel="epoch", ylabel=axes.label(figure), lines=lines, log=figure.log, integers=True)


def with_published(panel: Panel, name: MetricName, activations: Sequence[str]) -> Panel:
    """The article's points of each line's activation, as far as our epochs go."""
    last = max((epoch for line in panel.lines for epoch in line.x), default=0)
    found = [
        published_line(
            [point for point in published.points(activation, name) if point.epoch <= last], ours, EPOCH_FIGURES[name]
        )
        for activation, ours in zip(activations, panel.lines, strict=True)
    ]
    return replace(panel, lines=[*panel.lines, *found])


def published_line(points: Sequence[Point], ours: Line, figure: Figure) -> Line:
    y = [axes.scale(figure) * point.value for point in points]
    return Line("published", [point.epoch for point in points], y, look=ours.look, points_only=True)


def look(spec: SweepSpec, configuration: Configuration) -> Look:
    return looks.look(configuration.activation, count_variants(spec, configuration))


def mean_line(configuration: Configuration, means: Sequence[Mean], figure: Figure, look: Look) -> Line:
    band = ([axes.scale(figure) * mean.low for mean in means], [axes.scale(figure) * mean.high for mean in means])
    return Line(
        configuration.label,
        [mean.epoch for mean in means],
        [axes.scale(figure) * mean.mean for mean in means],
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
