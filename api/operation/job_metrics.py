"""What SQL and the broker know of the jobs, as metrics.

Gauges say how things stand, and are read anew at every scrape. Counters and histograms count what happened since this
process was first scraped: each scrape looks for what happened since the one before. They never fall, whatever is
deleted, and start at 0 with the process, as Prometheus expects of a counter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from activations import catalog
from broker.hints import Queue
from db import stats
from db.session import Sessions
from db.stats import EpochRecorded, JobTransition, QueueStats, RecentActivity
from jobs import errors
from jobs.errors import BrokerUnavailable, DatabaseUnavailable
from jobs.state import TERMINAL

OVERLAP = timedelta(seconds=60)
"""What was stamped so long ago may have been committed since; no transaction takes longer."""
LONGEST_LOOK_BACK = timedelta(hours=1)
"""Who is scraped more seldom counts only the last hour, so that no scrape is endless."""

QUEUE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
EPOCH_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
JOB_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)

FAILURES = tuple(sorted(kind.code for kind in errors.TrainingError.__subclasses__()))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look found; None where the part did not answer."""

    stats: QueueStats | None
    hints: int | None
    database_seconds: float


class JobMetrics(Collector):
    """Yields what the last `look` found."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._counted = CollectorRegistry()
        self._history = History(self._counted)

    def look(self, sessions: Sessions, queue: Queue) -> None:
        """Read SQL and the broker once; raises nothing where they are away."""
        began = perf_counter()
        found = self._asked(sessions)
        self._reading = Reading(found, hints(queue), perf_counter() - began)

    def _asked(self, sessions: Sessions) -> QueueStats | None:
        try:
            with sessions.read() as session:
                found = stats.read_stats(session)
                since = self._history.since(found.read_at)
                recent = stats.read_recent_activity(session, since)
        except DatabaseUnavailable:
            return None
        self._history.add(recent, since=since, until=found.read_at)
        return found

    def collect(self) -> Iterator[Metric]:
        if self._reading is None:
            return
        yield from gauges(self._reading)
        yield from self._counted.collect()


class History:
    """Counts each event once, however often a look finds it, and none from before the first look."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._began_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._seen: dict[tuple[str, str, int], datetime] = {}
        self._metrics = HistoryMetrics(registry)

    def since(self, now: datetime) -> datetime:
        """How far back a look has to go."""
        if self._began_at is None or self._looked_at is None:
            return now
        if now < self._looked_at - OVERLAP:  # the clock was set back: what is stamped from now on is new
            self._began_at = self._looked_at = now
        return max(self._began_at, now - LONGEST_LOOK_BACK, self._looked_at - OVERLAP)

    def add(self, recent: RecentActivity, *, since: datetime, until: datetime) -> None:
        self._count(recent, since)
        self._began_at = self._began_at or until
        self._looked_at = until
        self._seen = {event: at for event, at in self._seen.items() if at > until - 2 * OVERLAP}

    def _count(self, recent: RecentActivity, since: datetime) -> None:
        for job_id, at in recent.accepted:
            if self._new("accepted", job_id, at):
                self._metrics.accepted.inc()
        for epoch in recent.epochs:
            if self._new("epoch", epoch.job_id, epoch.recorded_at, number=epoch.epoch):
                self._metrics.recorded(epoch)
        for job in recent.transitions:
            if job.started_at > since and self._new("started", job.job_id, job.started_at):
                self._metrics.queue_seconds.observe(seconds(job.created_at, job.started_at))
            if job.finished_at is not None and self._new("ended", job.job_id, job.finished_at):
                self._metrics.has_ended(job, job.finished_at)

    def _new(self, kind: str, job_id: str, at: datetime, *, number: int = 0) -> bool:
        event = (kind, job_id, number)
        if event in self._seen:
            return False
        self._seen[event] = at
        return True


def seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())


class HistoryMetrics:
    """All label values known beforehand start at 0: the first increase of a series that was not there is lost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter("activation_lab_jobs_accepted", "Jobs accepted.", registry=registry)
        self.ended = Counter(
            "activation_lab_jobs_ended", "Jobs that came to their end.", ["activation", "state"], registry=registry
        )
        self.failures = Counter(
            "activation_lab_job_failures", "Jobs that failed, by the code of their error.", ["code"], registry=registry
        )
        self.epochs = Counter("activation_lab_epochs_recorded", "Epochs recorded.", registry=registry)
        self.queue_seconds = Histogram(
            "activation_lab_job_queue_seconds",
            "From a job's acceptance to its first start.",
            buckets=QUEUE_SECONDS,
            registry=registry,
        )
        self.job_seconds = Histogram(
            "activation_lab_job_duration_seconds",
            "From a job's first start to its end.",
            ["state"],
            buckets=JOB_SECONDS,
            registry=registry,
        )
        self.epoch_seconds = Histogram(
            "activation_lab_epoch_duration_seconds",
            "Training time of an epoch.",
            ["activation"],
            buckets=EPOCH_SECONDS,
            registry=registry,
        )
        self._begin()

    def recorded(self, epoch: EpochRecorded) -> None:
        self.epochs.inc()
        self.epoch_seconds.labels(epoch.activation).observe(epoch.epoch_seconds)

    def has_ended(self, job: JobTransition, finished_at: datetime) -> None:
        self.ended.labels(job.activation, job.state).inc()
        self.job_seconds.labels(job.state).observe(seconds(job.started_at, finished_at))
        if job.error_code:
            self.failures.labels(job.error_code).inc()

    def _begin(self) -> None:
        for state in TERMINAL:
            self.job_seconds.labels(state)
        for code in FAILURES:
            self.failures.labels(code)
        for activation in catalog.ACTIVATIONS:
            self.epoch_seconds.labels(activation)
            for state in TERMINAL:
                self.ended.labels(activation, state)


def hints(queue: Queue) -> int | None:
    try:
        return queue.length()
    except BrokerUnavailable:
        return None


def gauges(reading: Reading) -> Iterator[Metric]:
    """What is not known is absent, and never a stale figure."""
    answers = {"database": reading.stats is not None, "broker": reading.hints is not None}
    yield family("up", "1 where the part answers.", ["part"], [((part,), ok) for part, ok in answers.items()])
    yield family(
        "scrape_duration_seconds",
        "Time that SQL and the broker took to answer this scrape.",
        [],
        [((), reading.database_seconds)],
    )
    if reading.hints is not None:
        yield family("queue_hints", "Hints for jobs that wait in the broker.", [], [((), reading.hints)])
    if reading.stats is not None:
        yield from standing(reading.stats)


def standing(found: QueueStats) -> Iterator[Metric]:
    yield family(
        "jobs", "Jobs stored, by state.", ["state"], [((state,), count) for state, count in found.jobs.items()]
    )
    yield family("queue_due_jobs", "Queued jobs that a worker may take now.", [], [((), found.due)])
    yield family(
        "queue_oldest_wait_seconds",
        "How long the first of the due jobs has been due.",
        [],
        [((), found.oldest_wait_seconds)],
    )
    yield family("sweeps_open", "Sweeps with a job that has not ended.", [], [((), found.sweeps_open)])
    yield family(
        "predictions_waiting", "Predictions that no worker has answered yet.", [], [((), found.predictions_waiting)]
    )
    yield family(
        "workers", "Worker processes heard of in the last minute.", ["device", "state"], list(found.workers.items())
    )


def family(
    name: str, documentation: str, labels: list[str], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    made = GaugeMetricFamily(f"activation_lab_{name}", documentation, labels=labels)
    for label_values, value in samples:
        made.add_metric(label_values, value)
    return made
