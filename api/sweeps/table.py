"""A sweep's table: a row a configuration, estimated over its seeds, and the best figures of all its jobs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite
from operator import itemgetter

from api.http.out import Out
from api.sweeps.models import (
    BestFigure,
    BestFigures,
    ConfigurationOut,
    EstimateOut,
    JobCounts,
    TestFigures,
    ValidationFigures,
)
from db.sweep_results import Result
from jobs import statistics
from jobs.metrics import EPOCH_FIGURES
from jobs.state import JobState
from jobs.sweep import Configuration, SweepSpec

BASELINE = "relu"


def find_best(results: Sequence[Result]) -> BestFigures:
    return BestFigures(**{name: find_best_figure(results, name) for name in BestFigures.model_fields})


def find_best_figure(results: Sequence[Result], name: str) -> BestFigure | None:
    """Find the best figure of all jobs; of several jobs with the same figure, the first."""
    found = [(result.best[name], result.job) for result in results if result.best and name in result.best]
    finite = [(value, job) for value, job in found if isfinite(value)]
    if not finite:
        return None
    choose = min if EPOCH_FIGURES[name].lower_is_better else max
    value, job = choose(finite, key=itemgetter(0))
    return BestFigure(
        value=value,
        job_id=job.id,
        activation=job.configuration.activation,
        seed=job.seed,
        values=dict(job.configuration.values),
    )


def tabulate(spec: SweepSpec, results: Sequence[Result]) -> tuple[ConfigurationOut, ...]:
    grouped: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        grouped[result.job.configuration.number].append(result)
    configurations = {number: grouped[number][0].job.configuration for number in sorted(grouped)}
    variants = {number: count_variants(spec, configuration) for number, configuration in configurations.items()}
    seconds = {number: estimate([result.epoch_seconds for result in grouped[number]]) for number in grouped}
    baselines = {
        variants[number]: seconds[number]
        for number, configuration in configurations.items()
        if configuration.activation == BASELINE
    }
    return tuple(
        make_row(
            configuration,
            grouped[number],
            variant=variants[number],
            seconds=seconds[number],
            baseline=baselines.get(variants[number]),
        )
        for number, configuration in configurations.items()
    )


def count_variants(spec: SweepSpec, configuration: Configuration) -> int:
    """Count the earlier configurations of the same activation: one at each earlier point of the grid."""
    return configuration.number // len(spec.activations)


def make_row(
    configuration: Configuration,
    results: Sequence[Result],
    *,
    variant: int,
    seconds: EstimateOut | None,
    baseline: EstimateOut | None,
) -> ConfigurationOut:
    succeeded = [result for result in results if result.state == JobState.SUCCEEDED]
    return ConfigurationOut(
        activation=configuration.activation,
        values=dict(configuration.values),
        jobs=JobCounts.of([result.state for result in results]),
        variant=variant,
        job_ids=tuple(result.job.id for result in results),
        final=ValidationFigures(**estimate_figures(ValidationFigures, [result.last for result in succeeded])),
        best=ValidationFigures(**estimate_figures(ValidationFigures, [result.best for result in results])),
        test=TestFigures(**estimate_figures(TestFigures, [result.test for result in succeeded])),
        epoch_seconds=seconds,
        ratio_to_relu=seconds.mean / baseline.mean if seconds and baseline and seconds.mean and baseline.mean else None,
    )


def estimate_figures(model: type[Out], runs: Sequence[Mapping[str, float] | None]) -> dict[str, EstimateOut | None]:
    return {name: estimate([run.get(name) for run in runs if run]) for name in model.model_fields}


def estimate(values: Sequence[float | None]) -> EstimateOut | None:
    found = statistics.estimate([value for value in values if value is not None])
    return None if found is None else EstimateOut.model_validate(found)
