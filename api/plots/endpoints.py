"""Drawings of jobs and sweeps by epoch; for a browser, a paper or a README."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from api.dependencies import Sessions
from api.http.answers import draw
from api.http.formats import Format
from api.http.responses import declare_drawing, declare_errors
from api.http.routing import Route
from api.http.threads import heavy
from api.http.validation import make_refusal
from api.jobs.figures import MetricName
from api.jobs.parameters import JobId
from api.plots.job_drawings import draw_job, draw_layers, draw_parameters
from api.plots.panels import MAX_LINES
from api.plots.sweep_drawings import draw_sweep
from api.sweeps.parameters import SweepId
from api.sweeps.selection import Excluded, select
from article import published
from db import history, jobs
from jobs.errors import Busy, DatabaseUnavailable, JobNotFound, SweepNotFound

router = APIRouter(route_class=Route)

Kind = Annotated[Literal["svg", "png"], Path(description="The file's format.", examples=["png"])]


@router.get(
    "/jobs/{job_id}/plot.{kind}",
    tags=["jobs"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(JobNotFound, 422, Busy, DatabaseUnavailable),
)
@heavy()
def plot_job(job_id: JobId, kind: Kind, sessions: Sessions) -> Response:
    """Draw a job's loss and accuracy by epoch, in training and in validation."""
    with sessions.read() as session:
        job, epochs = jobs.find(session, job_id), history.read_epochs(session, job_id)
    return draw(Format(kind), f"job-{job_id}", draw_job(job, epochs))


@router.get(
    "/jobs/{job_id}/layers/plot.{kind}",
    tags=["jobs"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(JobNotFound, 422, Busy, DatabaseUnavailable),
)
@heavy()
def plot_layers(job_id: JobId, kind: Kind, sessions: Sessions) -> Response:
    """Draw each layer by epoch, on the probe batch: gradients, updates, outputs; what is dead, saturated or clipped."""
    with sessions.read() as session:
        job, rows = jobs.find(session, job_id), history.read_layers(session, job_id)
    return draw(Format(kind), f"layers-{job_id}", draw_layers(job, rows))


@router.get(
    "/jobs/{job_id}/parameters/plot.{kind}",
    tags=["jobs"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(JobNotFound, 422, Busy, DatabaseUnavailable),
)
@heavy()
def plot_parameters(job_id: JobId, kind: Kind, sessions: Sessions) -> Response:
    """Draw each learnt parameter by epoch from the start: a line a layer, and a band from the least to the greatest.

    A job that learns none has an empty drawing that says so.
    """
    with sessions.read() as session:
        job, rows = jobs.find(session, job_id), history.read_parameters(session, job_id)
    return draw(Format(kind), f"parameters-{job_id}", draw_parameters(job, rows))


@router.get(
    "/sweeps/{sweep_id}/plot.{kind}",
    tags=["sweeps"],
    response_class=Response,
    responses=declare_drawing() | declare_errors(SweepNotFound, 422, Busy, DatabaseUnavailable),
)
@heavy()
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
    """Draw a line a configuration: the mean over its seeds by epoch, and a band from the lowest to the highest of them.

    Hollow markers are the article's points, see GET /v1/published. An activation keeps its colour when others are
    excluded. Of more than 24 configurations, those of the lowest validation loss are drawn.
    """
    names: list[MetricName] = [metric] if metric else ["val_loss", "val_binary_accuracy" if beside else "val_accuracy"]
    if beside and names[0] not in published.METRICS:
        message = f"nothing is published of {names[0]}, only of {' and '.join(published.METRICS)}"
        raise RequestValidationError([make_refusal(("query", "beside"), message, beside)])
    found = select(sessions, sweep_id, names, exclude=exclude, most=MAX_LINES)
    return draw(Format(kind), f"sweep-{sweep_id}", draw_sweep(found, with_published=beside is not None))
