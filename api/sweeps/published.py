"""The article's published figures, and a sweep beside them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field, JsonValue

from api.dependencies import Sessions
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.out import Out
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.tables import Table, Types
from api.sweeps import grid_columns
from api.sweeps.models import EstimateOut
from api.sweeps.parameters import SweepId
from article import published
from article.published import Comparison, Metric, Verdict
from db import sweeps
from db.sweeps import SweepJob
from jobs.errors import DatabaseUnavailable, SweepNotFound
from jobs.sweep import Configuration, SweepSpec

router = APIRouter(route_class=Route)

PublishedFormat = Annotated[Format, Depends(offer(Format.JSON, Format.CSV))]
NOT_READ = "null where it is not known."


class AfterHundredEpochs(Out):
    """Of the validation by the test set."""

    first_val_binary_accuracy: float = Field(description="After epoch 1.", examples=[0.9967])
    best_val_binary_accuracy: float = Field(description="The highest.", examples=[0.9987])
    best_epoch: int | None = Field(description=f"Its epoch; {NOT_READ}", examples=[28])
    last_ten_val_binary_accuracy: float | None = Field(
        description=f"Mean of the last ten; {NOT_READ}", examples=[0.9986]
    )
    lowest_val_loss: float = Field(description="The lowest.", examples=[0.0048])
    lowest_val_loss_epoch: int = Field(description="Its epoch.", examples=[9])
    final_val_loss: float = Field(description="After epoch 100.", examples=[0.0087])


class AfterOneEpoch(Out):
    """An earlier log of one epoch, without clipping."""

    ratio_to_relu: float = Field(description="Time of the epoch over relu's.", examples=[2.75])
    loss: float = Field(description="Training loss.", examples=[0.0397])
    binary_accuracy: float = Field(description="Training binary accuracy, 0 to 1.", examples=[0.9866])
    val_loss: float = Field(description="Validation loss.", examples=[0.0094])
    val_binary_accuracy: float = Field(description="Validation binary accuracy, 0 to 1.", examples=[0.9967])


class PublishedRun(Out):
    """One activation, one run. The curves have an element an epoch, 1 to 100; null where another curve lies on top."""

    activation: str = Field(description="Which activation.", examples=["gelu"])
    after_100_epochs: AfterHundredEpochs = Field(description="The published experiment.")
    after_one_epoch: AfterOneEpoch = Field(description="The published log.")
    reading_error: dict[Metric, float] = Field(
        description="How far off a point of the curves may be.",
        examples=[{"val_binary_accuracy": 1e-4, "val_loss": 3e-4}],
    )
    val_binary_accuracy: list[float | None] = Field(description="By epoch, 0 to 1.", examples=[[0.996851, 0.997703]])
    val_loss: list[float | None] = Field(description="By epoch.", examples=[[0.009412, 0.006929]])


class PublishedRuns(Out):
    data: list[PublishedRun] = Field(description="In the article's order.")


class PublishedBeside(Out):
    """One published figure beside ours."""

    activation: str = Field(description="Which activation.", examples=["gelu"])
    values: dict[str, JsonValue] = Field(description="The grid's fields and their values here.", examples=[{}])
    metric: Metric = Field(description="Which figure.", examples=["val_loss"])
    epoch: int = Field(description="1-based.", examples=[1])
    published: float = Field(description="As read off the article's figure.", examples=[0.009412])
    reading_error: float = Field(description="How far off that may be.", examples=[0.0003])
    ours: EstimateOut = Field(description="Ours, over the seeds that have come so far.")
    prediction: tuple[float, float] | None = Field(
        description="Where one more run of ours would lie in 95 of 100 cases; null with one seed.",
        examples=[[0.0083, 0.0107]],
    )
    verdict: Verdict = Field(
        description="agrees: the published run, within its reading error, could be one of ours; else ours are higher "
        "or lower; undecided with one seed. One in twenty differs by chance.",
        examples=["agrees"],
    )


class SweepBesidePublished(Out):
    sweep_id: str = Field(description="Which sweep.", examples=[EXAMPLE_ID])
    departures: list[str] = Field(
        description="Where its jobs are another experiment than the published one: dotted paths and values; none for "
        '`protocol: "article"` with the defaults.',
        examples=[["validation.kind holdout", "validation.fraction 0.2"]],
    )
    verdicts: dict[Verdict, int] = Field(description="How many of each.", examples=[{"agrees": 44, "ours_lower": 2}])
    data: list[PublishedBeside] = Field(description="Every published figure of an epoch that a job has come to.")


POINT_FILES = declare_files("activation,metric,epoch,published,reading_error\r\ngelu,val_loss,1,0.009412,0.0003\r\n")
BESIDE_FILES = declare_files(
    "activation,metric,epoch,published,reading_error,n,mean,low,high,verdict\r\n"
    "gelu,val_loss,1,0.009412,0.0003,3,0.0105,0.0041,0.017,agrees\r\n"
)
POINT_COLUMNS: Types = {
    "activation": "string",
    "metric": "string",
    "epoch": "int64",
    "published": "float64",
    "reading_error": "float64",
}
BESIDE_COLUMNS: Types = {
    **POINT_COLUMNS,
    "n": "int64",
    "mean": "float64",
    "low": "float64",
    "high": "float64",
    "verdict": "string",
}


@router.get(
    "/published", tags=["published"], responses=POINT_FILES | declare_errors(406, 422), response_model=PublishedRuns
)
def get_published(kind: PublishedFormat) -> Response:
    """What the article published: its curves point by point, as read off its figures, and its tables."""
    return answer(kind, "published", document=list_runs, table=tabulate_points)


def list_runs() -> dict[str, Any]:
    """As PublishedRuns has it."""
    return {
        "data": [
            {"activation": name, "reading_error": published.reading_errors(name), **figures}
            for name, figures in published.figures().items()
        ]
    }


def tabulate_points() -> Table:
    rows = [
        (activation, metric, point.epoch, point.value, point.reading_error)
        for activation in published.activations()
        for metric in published.METRICS
        for point in published.points(activation, metric)
    ]
    return Table.of_rows(POINT_COLUMNS, rows)


@router.get(
    "/sweeps/{sweep_id}/published",
    tags=["sweeps", "published"],
    responses=BESIDE_FILES | declare_errors(SweepNotFound, 406, 422, DatabaseUnavailable),
    response_model=SweepBesidePublished,
)
def get_sweep_beside_published(sweep_id: SweepId, sessions: Sessions, kind: PublishedFormat) -> Response:
    """A sweep beside the published curves, epoch by epoch, with a verdict on each figure.

    As CSV `low` and `high` are the prediction interval, and each field of the grid is a column, `values.` and its path,
    as in the sweep's history.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweeps.list_jobs(session, sweep_id, spec)
        runs = sweeps.figures_by_epoch(session, sweep_id, published.METRICS, up_to=published.EPOCHS)
        trained = sweeps.one_spec_each(session, sweep_id)
    rows = [*compare(jobs, runs)]
    return answer(
        kind,
        f"published-{sweep_id}",
        document=lambda: {
            "sweep_id": sweep_id,
            "departures": [*dict.fromkeys(path for job in trained for path in published.departures(job))],
            "verdicts": Counter(row.comparison.verdict for row in rows),
            "data": [row.to_object() for row in rows],
        },
        table=lambda: tabulate(spec, rows),
    )


@dataclass(frozen=True, slots=True)
class Row:
    configuration: Configuration
    metric: Metric
    comparison: Comparison

    @property
    def point(self) -> dict[str, Any]:  # Any: as POINT_COLUMNS says
        point = self.comparison.published
        cells = (self.configuration.activation, self.metric, point.epoch, point.value, point.reading_error)
        return dict(zip(POINT_COLUMNS, cells, strict=True))

    def to_object(self) -> dict[str, Any]:
        """As PublishedBeside has it."""
        return {
            **self.point,
            "values": dict(self.configuration.values),
            "ours": EstimateOut.model_validate(self.comparison.ours).model_dump(),
            "prediction": self.comparison.prediction,
            "verdict": self.comparison.verdict,
        }


def compare(jobs: Sequence[SweepJob], runs: Mapping[tuple[int, int], Sequence[Sequence[float]]]) -> Iterator[Row]:
    """Configuration by configuration, metric by metric, epoch by epoch."""
    configurations = {job.configuration.number: job.configuration for job in jobs}
    for number, configuration in sorted(configurations.items()):
        for at, metric in enumerate(published.METRICS):
            for point in published.points(configuration.activation, metric):
                found = published.compare(point, [figures[at] for figures in runs.get((number, point.epoch), [])])
                if found is not None:
                    yield Row(configuration, metric, found)


def tabulate(spec: SweepSpec, compared: Sequence[Row]) -> Table:
    rows = []
    for row in compared:
        low, high = row.comparison.prediction or (None, None)
        ours = (row.comparison.ours.n, row.comparison.ours.mean, low, high, row.comparison.verdict)
        rows.append((*row.point.values(), *ours, *grid_columns.cells(spec.grid, row.configuration)))
    return Table.of_rows({**BESIDE_COLUMNS, **grid_columns.types(spec.grid)}, rows)
