"""A sweep's curves, thinned to what a chart has room for: what the page draws, and what plot.svg draws."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

from api.dependencies import Sessions
from api.http.numbers import ExactJSON, NonFinite
from api.http.out import Out
from api.http.responses import declare_errors
from api.http.routing import Route
from api.jobs.figures import MetricName
from api.plots.drawings import MAX_LINES
from api.plots.endpoints import Excluded, best, remaining
from api.sweeps.parameters import SweepId
from api.sweeps.table import count_variants
from db import sweeps
from db.models import Epoch
from db.sweeps import Mean
from jobs.errors import DatabaseUnavailable, SweepNotFound
from jobs.sweep import MAX_JOBS, Configuration

T = TypeVar("T")
router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)


class MeanCurve(Out):
    activation: str = Field(description="Of the configuration.", examples=["gelu"])
    values: dict[str, JsonValue] = Field(
        description="The grid's fields and their values here.", examples=[{"optimizer.learning_rate": 0.001}]
    )
    variant: int = Field(description="As in the sweep's table.", examples=[0])
    epoch: list[int] = Field(description="1-based; the first and the last one that is recorded are among them.")
    mean: list[float | None] = Field(description="Over the seeds that have come so far.", examples=[[0.91, 0.95]])
    low: list[float | None] = Field(description="The lowest of them.", examples=[[0.9, 0.94]])
    high: list[float | None] = Field(description="The highest of them.", examples=[[0.92, 0.96]])
    non_finite: NonFinite = None


class SweepMeans(Out):
    metric: MetricName = Field(description="What the figures are.", examples=["val_accuracy"])
    total: int = Field(description="Configurations that are not excluded.", examples=[6])
    configurations: list[MeanCurve] = Field(description="Those chosen, in the sweep's order.")


@router.get(
    "/{sweep_id}/means", responses=declare_errors(SweepNotFound, 422, DatabaseUnavailable), response_model=SweepMeans
)
def get_means(
    sweep_id: SweepId,
    sessions: Sessions,
    metric: Annotated[MetricName, Query(description="Which.", examples=["val_accuracy"])] = "val_loss",
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
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        configurations = {
            job.configuration.number: job.configuration for job in sweeps.list_jobs(session, sweep_id, spec)
        }
        included = shown = remaining(spec, configurations.values(), exclude)
        if len(included) > lines:
            shown = best(included, sweeps.results(session, sweep_id, spec), most=lines)
        numbers = [configuration.number for configuration in shown]
        means = sweeps.means(session, sweep_id, getattr(Epoch, metric), of=numbers)
    curves = [
        curve(configuration, count_variants(spec, configuration), spread(means.get(configuration.number, []), points))
        for configuration in shown
    ]
    return ExactJSON({"metric": metric, "total": len(included), "configurations": curves})


def curve(configuration: Configuration, variant: int, means: Sequence[Mean]) -> dict[str, Any]:
    """As MeanCurve has it."""
    return {
        "activation": configuration.activation,
        "values": dict(configuration.values),
        "variant": variant,
        "epoch": [mean.epoch for mean in means],
        **{name: [getattr(mean, name) for mean in means] for name in ("mean", "low", "high")},
    }


def spread(things: Sequence[T], most: int) -> Sequence[T]:
    """At most so many, evenly, with both ends."""
    if len(things) <= most:
        return things
    return [things[place * (len(things) - 1) // (most - 1)] for place in range(most)]
