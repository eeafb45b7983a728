"""A sweep's curves, thinned to the room of a chart, for the page."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.dependencies import Sessions
from api.http.numbers import ExactJSON, NonFinite
from api.http.out import Out
from api.http.responses import declare_errors
from api.http.routing import Route
from api.jobs.figures import MetricName
from api.plots.panels import MAX_LINES
from api.sweeps.models import GridValues
from api.sweeps.parameters import SweepId
from api.sweeps.selection import Excluded, select
from api.sweeps.table import count_variants
from db.sweep_results import Mean
from jobs.errors import DatabaseUnavailable, SweepNotFound
from jobs.sweep import MAX_JOBS, Configuration, SweepSpec

T = TypeVar("T")
router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)


class MeanCurve(Out):
    activation: str = Field(description="The configuration's activation.", examples=["gelu"])
    values: GridValues
    variant: int = Field(description="As in the sweep's table.", examples=[0])
    epoch: list[int] = Field(description="1-based; the first and the last one that is recorded are among them.")
    mean: list[float | None] = Field(
        description="The mean over the seeds that have recorded the epoch.", examples=[[0.91, 0.95]]
    )
    low: list[float | None] = Field(description="The lowest of these seeds.", examples=[[0.9, 0.94]])
    high: list[float | None] = Field(description="The highest of these seeds.", examples=[[0.92, 0.96]])
    non_finite: NonFinite = None


class SweepMeans(Out):
    metric: MetricName = Field(description="The metric of the figures.", examples=["val_accuracy"])
    total: int = Field(description="Configurations that are not excluded.", examples=[6])
    configurations: list[MeanCurve] = Field(description="The selected configurations, in the sweep's order.")


@router.get(
    "/{sweep_id}/means", responses=declare_errors(SweepNotFound, 422, DatabaseUnavailable), response_model=SweepMeans
)
def get_means(
    sweep_id: SweepId,
    sessions: Sessions,
    metric: Annotated[MetricName, Query(description="The metric.", examples=["val_accuracy"])] = "val_loss",
    exclude: Excluded = [],  # noqa: B006  # FastAPI copies it
    lines: Annotated[
        int,
        Query(
            ge=1, le=MAX_JOBS, description="Configurations at most: those of the lowest validation loss.", examples=[24]
        ),
    ] = MAX_LINES,
    points: Annotated[
        int, Query(ge=2, le=1000, description="Epochs of each at most, evenly spread.", examples=[200])
    ] = 1000,
) -> Response:
    """One metric of each configuration by epoch: its seeds' mean, lowest and highest, as far as trained."""
    found = select(sessions, sweep_id, [metric], exclude=exclude, most=lines)
    curves = [
        make_curve(found.spec, configuration, thin(found.means[metric].get(configuration.number, []), points))
        for configuration in found.configurations
    ]
    return ExactJSON({"metric": metric, "total": found.total, "configurations": curves})


def make_curve(spec: SweepSpec, configuration: Configuration, means: Sequence[Mean]) -> dict[str, Any]:
    """Make what MeanCurve has."""
    return {
        "activation": configuration.activation,
        "values": dict(configuration.values),
        "variant": count_variants(spec, configuration),
        "epoch": [mean.epoch for mean in means],
        **{name: [getattr(mean, name) for mean in means] for name in ("mean", "low", "high")},
    }


def thin(items: Sequence[T], most: int) -> Sequence[T]:
    """Keep at most so many, evenly spread, with both ends."""
    if len(items) <= most:
        return items
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]
