"""Gauges: the present numbers of jobs, sweeps, predictions and workers, read anew at every scrape."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from db.stats import QueueStats


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Findings of one scrape; None of a part that did not answer."""

    stats: QueueStats | None
    hints: int | None
    read_seconds: float


def make_gauges(snapshot: Snapshot) -> Iterator[Metric]:
    """Make the gauges; an unknown number is absent, never an old one."""
    answers = {"database": snapshot.stats is not None, "broker": snapshot.hints is not None}
    yield make_gauge("up", "1 where the part answers.", ["part"], [((part,), ok) for part, ok in answers.items()])
    yield make_gauge(
        "scrape_duration_seconds",
        "Time that SQL and the broker took to answer this scrape.",
        [],
        [((), snapshot.read_seconds)],
    )
    if snapshot.hints is not None:
        yield make_gauge("queue_hints", "Hints for jobs that wait in the broker.", [], [((), snapshot.hints)])
    if snapshot.stats is not None:
        yield from make_job_gauges(snapshot.stats)


def make_job_gauges(stats: QueueStats) -> Iterator[Metric]:
    yield make_gauge(
        "jobs", "Jobs stored, by state.", ["state"], [((state,), count) for state, count in stats.jobs.items()]
    )
    yield make_gauge("queue_due_jobs", "Queued jobs that a worker may take now.", [], [((), stats.due)])
    yield make_gauge(
        "queue_oldest_wait_seconds",
        "How long the first of the due jobs has been due.",
        [],
        [((), stats.oldest_wait_seconds)],
    )
    yield make_gauge("sweeps_open", "Sweeps with a job that has not ended.", [], [((), stats.sweeps_open)])
    yield make_gauge(
        "predictions_waiting", "Predictions that no worker has answered yet.", [], [((), stats.predictions_waiting)]
    )
    yield make_gauge(
        "workers", "Worker processes heard of in the last minute.", ["device", "state"], list(stats.workers.items())
    )


def make_gauge(
    name: str, documentation: str, labels: list[str], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"activation_lab_{name}", documentation, labels=labels)
    for label_values, value in samples:
        gauge.add_metric(label_values, value)
    return gauge
