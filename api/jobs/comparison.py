"""Any jobs beside each other, whether of a sweep or not."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from api.dependencies import Sessions
from api.http import formats
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.numbers import NonFinite
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import ColumnType, Table
from api.http.validation import invalid_value, names_in
from api.plots import looks
from api.plots.drawings import MAX_LINES, Drawing, Line, Panel
from api.plots.endpoints import METRICS, MetricName
from db import history, jobs
from db.models import Job
from jobs.errors import DatabaseUnavailable, JobNotFound
from jobs.labels import labels, name_of
from jobs.spec import JobSpec

router = APIRouter(tags=["jobs"], route_class=Route)

CompareFormat = Annotated[Format, Depends(offer(*formats.TABLE_OR_DRAWING))]
FILES = declare_files(
    "job_id,label,epoch,seconds,val_loss\r\n0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b,relu,1,30.1,0.031\r\n",
    *formats.DRAWINGS,
)
XLABELS = {"epoch": "epoch", "seconds": "seconds of training and validation"}


class Curve(Out):
    job_id: str = Field(description="Whose it is.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    label: str = Field(
        description="Its activation, its name, and whatever sets it apart from the others.",
        examples=["relu, batch_size 64"],
    )
    name: str | None = Field(
        None, description="What its owner calls it: `name` of its metadata; null without one.", examples=["baseline"]
    )
    activation: str = Field(description="Its activation.", examples=["relu"])
    epoch: list[int] = Field(description="1-based.", examples=[[1, 2]])
    seconds: list[float] = Field(
        description="Seconds of training and validation until the epoch's end; waiting is left out.",
        examples=[[30.1, 60.3]],
    )
    value: list[float | None] = Field(description="The metric after each epoch.", examples=[[0.031, 0.022]])
    non_finite: NonFinite = None


class Comparison(Out):
    metric: MetricName = Field(description="What `value` is.", examples=["val_loss"])
    x: Literal["epoch", "seconds"] = Field(description="What a drawing has on its x axis.", examples=["epoch"])
    jobs: list[Curve] = Field(description="In the order asked for.")


def wanted_ids(
    jobs: Annotated[
        list[str],
        Query(description="Ids of 1 to 24 jobs: separated by commas, or given again.", examples=[["0193…,0194…"]]),
    ],
) -> list[str]:
    ids = names_in(jobs)
    if not 1 <= len(ids) <= MAX_LINES:
        reason = f"name 1 to {MAX_LINES} jobs, separated by commas"
    elif repeated := [job_id for job_id, count in Counter(ids).items() if count > 1]:
        reason = f"{repeated[0]} stands there twice"
    else:
        return ids
    raise RequestValidationError([invalid_value(("query", "jobs"), reason, jobs)])


@router.get(
    "/compare",
    responses={**FILES, **declare_errors(JobNotFound, 406, 422, DatabaseUnavailable)},
    response_model=Comparison,
)
def compare(
    ids: Annotated[list[str], Depends(wanted_ids)],
    sessions: Sessions,
    kind: CompareFormat,
    metric: Annotated[MetricName, Query(description="What to compare.")] = "val_loss",
    x: Annotated[Literal["epoch", "seconds"], Query(description="The x axis of a drawing.")] = "epoch",
) -> Response:
    """One metric of several jobs by epoch or by time; as JSON, CSV, SVG or PNG."""
    with sessions.read() as session:
        found = [jobs.find(session, job_id) for job_id in ids]
        histories = [history.read_metric(session, job_id, metric) for job_id in ids]
    specs = [JobSpec.model_validate(job.spec) for job in found]
    curves = [
        Curve.model_construct(
            job_id=job.id,
            label=label,
            name=name_of(spec),
            activation=job.activation,
            epoch=[row[0] for row in rows],
            seconds=[*accumulate(row[1] for row in rows)],
            value=[row[2] for row in rows],
        )
        for job, spec, label, rows in zip(found, specs, told_apart(found, specs), histories, strict=True)
    ]
    return answer(
        kind,
        f"compare-{metric}",
        document=lambda: document(curves, metric, x),
        table=lambda: table(curves, metric),
        drawing=lambda: drawing(curves, metric, x),
    )


def told_apart(jobs: Sequence[Job], specs: Sequence[JobSpec]) -> list[str]:
    """Two jobs of the same spec differ by the end of their ids."""
    found = labels(specs)
    count = Counter(found)
    return [label if count[label] == 1 else f"{label} (…{job.id[-4:]})" for job, label in zip(jobs, found, strict=True)]


def document(curves: Sequence[Curve], metric: MetricName, x: str) -> dict[str, Any]:
    """The answer in JSON, as Comparison has it."""
    return {"metric": metric, "x": x, "jobs": [curve.model_dump(exclude={"non_finite"}) for curve in curves]}


def table(curves: Sequence[Curve], metric: str) -> Table:
    types: dict[str, ColumnType] = {"job_id": "string", "label": "string", "epoch": "int64", "seconds": "float64"}
    rows = [
        (curve.job_id, curve.label, *figures)
        for curve in curves
        for figures in zip(curve.epoch, curve.seconds, curve.value, strict=True)
    ]
    return Table.of_rows({**types, metric: "float64"}, rows)


def drawing(curves: Sequence[Curve], metric: MetricName, x: Literal["epoch", "seconds"]) -> Drawing:
    about = METRICS[metric]
    dressed = looks.dressed(curve.activation for curve in curves)
    lines = [
        Line(curve.label, getattr(curve, x), y_of(curve, about.factor), look=look)
        for curve, look in zip(curves, dressed, strict=True)
    ]
    panel = Panel(xlabel=XLABELS[x], ylabel=about.axis, lines=lines, log=about.log, integers=x == "epoch")
    return Drawing(about.title, [panel], subtitle=lines[0].label if len(lines) == 1 else "")


def y_of(curve: Curve, factor: float) -> list[float]:
    """Leave out figures that were not measured."""
    return [math.nan if value is None else factor * value for value in curve.value]
