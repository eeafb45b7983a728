"""The article's published figures, and the comparison of a sweep with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from api.dependencies import Sessions
from api.http.answers import answer
from api.http.formats import Format
from api.http.negotiation import offer
from api.http.responses import declare_errors, declare_files
from api.http.routing import Route
from api.http.tables import Table, Types
from api.sweeps import grid_columns
from api.sweeps.models import EstimateOut
from api.sweeps.parameters import SweepId
from api.sweeps.published_models import PublishedRuns, SweepBesidePublished
from article import published
from article.published import Comparison, Metric
from db import sweep_results, sweeps
from db.sweep_results import SweepJob
from jobs.errors import DatabaseUnavailable, SweepNotFound, UnsupportedSpec
from jobs.spec import JobSpec
from jobs.sweep import ARTICLE_ACTIVATIONS, Configuration, SweepSpec

router = APIRouter(route_class=Route)

PublishedFormat = Annotated[Format, Depends(offer(Format.JSON, Format.CSV))]
POINT_FILES = declare_files("activation,metric,epoch,published,reading_error\r\ngelu,val_loss,1,0.009412,0.0003\r\n")
COMPARISON_FILES = declare_files(
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
COMPARISON_COLUMNS: Types = {
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
    """Read the article's published figures: its curves point by point, as read off its figures, and its tables."""
    return answer(kind, "published", document=list_runs, table=tabulate_points)


def list_runs() -> dict[str, Any]:
    """Make what PublishedRuns has."""
    return {
        "data": [
            {"activation": name, "reading_error": published.find_reading_errors(name), **figures}
            for name, figures in published.load_figures().items()
        ]
    }


def tabulate_points() -> Table:
    rows = [
        (activation, metric, point.epoch, point.value, point.reading_error)
        for activation in ARTICLE_ACTIVATIONS
        for metric in published.METRICS
        for point in published.read_points(activation, metric)
    ]
    return Table.of_rows(POINT_COLUMNS, rows)


@router.get(
    "/sweeps/{sweep_id}/published",
    name="get_sweep_beside_published",
    tags=["sweeps", "published"],
    responses=COMPARISON_FILES | declare_errors(SweepNotFound, UnsupportedSpec, 406, 422, DatabaseUnavailable),
    response_model=SweepBesidePublished,
)
def compare_with_published(sweep_id: SweepId, sessions: Sessions, kind: PublishedFormat) -> Response:
    """Compare a sweep with the published curves, epoch by epoch, with a verdict on each figure.

    In CSV `low` and `high` are the prediction interval, and each field of the grid is a column, `values.` and its path,
    as in the sweep's history.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweep_results.list_jobs(session, sweep_id, spec)
        runs = sweep_results.read_figures(session, sweep_id, published.METRICS, up_to=published.EPOCHS)
        trained = sweep_results.read_configuration_specs(session, sweep_id)
    rows = [*compare(jobs, runs)]
    return answer(
        kind,
        f"published-{sweep_id}",
        document=lambda: {
            "sweep_id": sweep_id,
            "departures": list_departures(trained),
            "verdicts": Counter(row.comparison.verdict for row in rows),
            "data": [row.to_object() for row in rows],
        },
        table=lambda: tabulate(spec, rows),
    )


def list_departures(trained: Iterable[JobSpec]) -> list[str]:
    """List the differences from the published experiment, each once; nothing is published of a formula."""
    compared = [spec for spec in trained if spec.formula is None]
    return [*dict.fromkeys(path for spec in compared for path in published.differences_from_article(spec))]


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
        """Make what PublishedBeside has."""
        return {
            **self.point,
            "values": dict(self.configuration.values),
            "ours": EstimateOut.model_validate(self.comparison.ours).model_dump(),
            "prediction": self.comparison.prediction,
            "verdict": self.comparison.verdict,
        }


def compare(jobs: Sequence[SweepJob], runs: Mapping[tuple[int, int], Sequence[Sequence[float]]]) -> Iterator[Row]:
    """Compare configuration by configuration, metric by metric, epoch by epoch."""
    configurations = {job.configuration.number: job.configuration for job in jobs}
    for number, configuration in sorted(configurations.items()):
        for at, metric in enumerate(published.METRICS):
            for point in published.read_points(configuration.activation, metric):
                found = published.compare(point, [figures[at] for figures in runs.get((number, point.epoch), [])])
                if found is not None:
                    yield Row(configuration, metric, found)


def tabulate(spec: SweepSpec, compared: Sequence[Row]) -> Table:
    rows = []
    for row in compared:
        low, high = row.comparison.prediction or (None, None)
        ours = (row.comparison.ours.n, row.comparison.ours.mean, low, high, row.comparison.verdict)
        rows.append((*row.point.values(), *ours, *grid_columns.cells(spec.grid, row.configuration)))
    return Table.of_rows({**COMPARISON_COLUMNS, **grid_columns.types(spec.grid)}, rows)
