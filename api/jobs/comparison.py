"""The comparison of any jobs, of a sweep or not."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, JsonValue

from api.dependencies import Sessions
from api.http import formats
from api.http.answers import answer
from api.http.auth import VisibleOwner
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.numbers import NonFinite
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.tables import ColumnType, Table
from api.http.threads import draws_or_packs, heavy
from api.http.validation import make_refusal, split_names
from api.jobs.figures import MetricName
from api.plots import axes, styles
from api.plots.drawings import Drawing
from api.plots.panels import MAX_LINES, Line, Panel
from db import history, jobs
from db.models import Job
from jobs.errors import Busy, DatabaseUnavailable, JobNotFound, UnsupportedSpec
from jobs.labels import find_differences, find_name, label_specs
from jobs.metrics import EPOCH_FIGURES
from jobs.spec import JobSpec
from jobs.stored import parse_spec

router = APIRouter(tags=["jobs"], route_class=Route)

CompareFormat = Annotated[Format, Depends(offer(*formats.TABLE_OR_DRAWING))]
FILES = declare_files(
    f"job_id,label,epoch,seconds,val_loss\r\n{EXAMPLE_ID},relu,1,30.1,0.031\r\n",
    *formats.DRAWINGS,
)
XLABELS = {"epoch": "epoch", "seconds": "seconds of training and validation"}


class JobCurve(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    label: str = Field(
        description="Its activation, its name, and the settings in which it differs from the others.",
        examples=["relu, batch_size 64"],
    )
    name: str | None = Field(None, description="The `name` of its metadata; null without one.", examples=["baseline"])
    activation: str = Field(description="Its activation.", examples=["relu"])
    differences: dict[str, JsonValue] = Field(
        description="The fields of its spec that differ from those of the other jobs, by dotted path.",
        examples=[{"batch_size": 64}],
    )
    epoch: list[int] = Field(description="The epochs, from 1.", examples=[[1, 2]])
    seconds: list[float] = Field(
        description="Seconds of training and validation until the epoch's end, without waiting.",
        examples=[[30.1, 60.3]],
    )
    value: list[float | None] = Field(description="The metric after each epoch.", examples=[[0.031, 0.022]])
    non_finite: NonFinite = None


class Comparison(Out):
    metric: MetricName = Field(description="The metric in `value`.", examples=["val_loss"])
    x: Literal["epoch", "seconds"] = Field(description="The x axis of a drawing.", examples=["epoch"])
    jobs: list[JobCurve] = Field(description="In the order of the request.")


def parse_ids(
    jobs: Annotated[
        list[str],
        Query(description="Ids of 1 to 24 jobs: separated by commas, or given again.", examples=[["0193…,0194…"]]),
    ],
) -> list[str]:
    ids = split_names(jobs)
    if not 1 <= len(ids) <= MAX_LINES:
        reason = f"name 1 to {MAX_LINES} jobs, separated by commas"
    elif repeated := [job_id for job_id, count in Counter(ids).items() if count > 1]:
        reason = f"{repeated[0]} is given twice"
    else:
        return ids
    raise RequestValidationError([make_refusal(("query", "jobs"), reason, jobs)])


@router.get(
    "/compare",
    responses={**FILES, **declare_errors(JobNotFound, 406, UnsupportedSpec, 422, Busy, DatabaseUnavailable)},
    response_model=Comparison,
)
@heavy(draws_or_packs)
def compare(
    ids: Annotated[list[str], Depends(parse_ids)],
    sessions: Sessions,
    owner: VisibleOwner,
    kind: CompareFormat,
    metric: Annotated[MetricName, Query(description="The metric to compare.")] = "val_loss",
    x: Annotated[Literal["epoch", "seconds"], Query(description="The x axis of a drawing.")] = "epoch",
) -> Response:
    """Compare one metric of several jobs by epoch or by time; as JSON, CSV, SVG or PNG."""
    with sessions.read() as session:
        found = [jobs.find(session, job_id, owner=owner) for job_id in ids]
        histories = [history.read_metric(session, job_id, metric) for job_id in ids]
    specs = [parse_spec(job.spec) for job in found]
    curves = [
        JobCurve.model_construct(
            job_id=job.id,
            label=label,
            name=find_name(spec),
            activation=job.activation,
            differences=different,
            epoch=[row[0] for row in rows],
            seconds=[*accumulate(row[1] for row in rows)],
            value=[row[2] for row in rows],
        )
        for job, spec, label, different, rows in zip(
            found, specs, make_labels(found, specs), find_differences(specs), histories, strict=True
        )
    ]
    return answer(
        kind,
        f"compare-{metric}",
        document=lambda: describe(curves, metric, x),
        table=lambda: make_table(curves, metric),
        drawing=lambda: draw(curves, metric, x),
    )


def make_labels(jobs: Sequence[Job], specs: Sequence[JobSpec]) -> list[str]:
    """Label the jobs; two of the same spec are told apart by the end of their ids."""
    found = label_specs(specs)
    count = Counter(found)
    return [label if count[label] == 1 else f"{label} (…{job.id[-4:]})" for job, label in zip(jobs, found, strict=True)]


def describe(curves: Sequence[JobCurve], metric: MetricName, x: str) -> dict[str, Any]:
    """Make what Comparison has."""
    return {"metric": metric, "x": x, "jobs": [curve.model_dump(exclude={"non_finite"}) for curve in curves]}


def make_table(curves: Sequence[JobCurve], metric: str) -> Table:
    types: dict[str, ColumnType] = {"job_id": "string", "label": "string", "epoch": "int64", "seconds": "float64"}
    rows = [
        (curve.job_id, curve.label, *figures)
        for curve in curves
        for figures in zip(curve.epoch, curve.seconds, curve.value, strict=True)
    ]
    return Table.of_rows({**types, metric: "float64"}, rows)


def draw(curves: Sequence[JobCurve], metric: MetricName, x: Literal["epoch", "seconds"]) -> Drawing:
    figure = EPOCH_FIGURES[metric]
    own_styles = styles.style_activations(curve.activation for curve in curves)
    lines = [
        Line(curve.label, getattr(curve, x), scale(curve, axes.scale(figure)), style=style)
        for curve, style in zip(curves, own_styles, strict=True)
    ]
    panel = Panel(xlabel=XLABELS[x], ylabel=axes.label(figure), lines=lines, log=figure.log, integers=x == "epoch")
    return Drawing(figure.title, [panel], subtitle=lines[0].label if len(lines) == 1 else "")


def scale(curve: JobCurve, factor: float) -> list[float]:
    """Scale the values; those that were not measured are left out of the drawing."""
    return [math.nan if value is None else factor * value for value in curve.value]
