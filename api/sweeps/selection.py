"""The configurations of a sweep that a drawing or a chart shows, and the means over their seeds by epoch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from api.http.validation import make_refusal, split_names
from api.jobs.figures import MetricName
from db import sweep_results, sweeps
from db.models import Epoch
from db.session import Sessions
from db.sweep_results import Mean, Result
from jobs.sweep import Configuration, SweepSpec

Excluded = Annotated[
    list[str],
    Query(description="Activations to leave out: separated by commas, or given again.", examples=[["sigmoid"]]),
]


@dataclass(frozen=True, slots=True)
class Selection:
    spec: SweepSpec
    configurations: Sequence[Configuration]
    """In the sweep's order."""
    total: int
    """Configurations that are not excluded, selected or not."""
    means: Mapping[MetricName, Mapping[int, Sequence[Mean]]]
    """By metric and by the configuration's number."""


def select(
    sessions: Sessions, sweep_id: str, metrics: Sequence[MetricName], *, exclude: Sequence[str], most: int
) -> Selection:
    """Select those that are not excluded, and of more than `most` those of the lowest validation loss.

    Raises:
        SweepNotFound: there is no such sweep.
        RequestValidationError: an excluded activation is not in the sweep, or nothing is left.
    """
    with sessions.read() as session:
        spec = sweeps.find_spec(session, sweep_id)
        jobs = sweep_results.list_jobs(session, sweep_id, spec)
        configurations = {job.configuration.number: job.configuration for job in jobs}
        included = selected = leave_out(spec, configurations.values(), exclude)
        if len(included) > most:
            selected = find_best(included, sweep_results.read_results(session, sweep_id, spec), most)
        numbers = [configuration.number for configuration in selected]
        means = {
            name: sweep_results.read_means(session, sweep_id, getattr(Epoch, name), of=numbers) for name in metrics
        }
    return Selection(spec, selected, len(included), means)


def leave_out(spec: SweepSpec, configurations: Iterable[Configuration], exclude: Sequence[str]) -> list[Configuration]:
    excluded = {*split_names(exclude)}
    unknown = sorted(excluded - {*spec.activations})
    if unknown:
        message = f"{unknown[0]} is not in this sweep"
        raise RequestValidationError([make_refusal(("query", "exclude"), message, exclude)])
    found = [configuration for configuration in configurations if configuration.activation not in excluded]
    if not found:
        raise RequestValidationError([make_refusal(("query", "exclude"), "this leaves nothing to draw", exclude)])
    return found


def find_best(included: Sequence[Configuration], results: Sequence[Result], most: int) -> list[Configuration]:
    """Find those with the lowest validation loss of any seed, in their order; those without any loss come last."""
    lowest = dict.fromkeys((configuration.number for configuration in included), float("inf"))
    for result in results:
        number = result.job.configuration.number
        if result.best is not None and number in lowest:
            lowest[number] = min(lowest[number], result.best["val_loss"])
    chosen = sorted(included, key=lambda configuration: lowest[configuration.number])[:most]
    return sorted(chosen, key=attrgetter("number"))
