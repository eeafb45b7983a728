"""Counters and histograms of recent activity: jobs accepted, started and ended, epochs recorded.

They count what happened since this process was first scraped: each scrape reads what happened since the one before.
They never fall, whatever is deleted, and start at 0 with the process, as Prometheus expects of a counter.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

from activations import catalog
from db.stats import EpochRecorded, JobTransition, RecentActivity
from jobs import errors
from jobs.state import TERMINAL

OVERLAP = timedelta(seconds=60)
"""Rows stamped within it may have been committed since the last read; no transaction takes longer."""
LONGEST_READ = timedelta(hours=1)
"""After a longer pause only the last hour is counted, so that every scrape ends soon."""

QUEUE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
EPOCH_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
JOB_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)

CUSTOM = "custom"
FAILURES = tuple(sorted(kind.code for kind in errors.TrainingError.__subclasses__()))


class ActivityCounter:
    """Counts each event once, however often it is read, and none from before the first read."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters = JobCounters(self._registry)
        self._first_read_at: datetime | None = None
        self._last_read_at: datetime | None = None
        self._counted: dict[tuple[str, str, int], datetime] = {}

    def choose_start(self, now: datetime) -> datetime:
        """Choose the time from which to read; later events are new or, within the overlap, known."""
        if self._first_read_at is None or self._last_read_at is None:
            return now
        if now < self._last_read_at - OVERLAP:  # the clock was set back: what is stamped from now on is new
            self._first_read_at = self._last_read_at = now
        return max(self._first_read_at, now - LONGEST_READ, self._last_read_at - OVERLAP)

    def add(self, recent: RecentActivity, *, since: datetime, until: datetime) -> None:
        self._count(recent, since)
        self._first_read_at = self._first_read_at or until
        self._last_read_at = until
        self._counted = {event: at for event, at in self._counted.items() if at > until - 2 * OVERLAP}

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()

    def _count(self, recent: RecentActivity, since: datetime) -> None:
        for job_id, at in recent.accepted:
            if self._is_new("accepted", job_id, at):
                self._counters.accepted.inc()
        for epoch in recent.epochs:
            if self._is_new("epoch", epoch.job_id, epoch.recorded_at, number=epoch.epoch):
                self._counters.record_epoch(epoch)
        for job in recent.transitions:
            if job.started_at > since and self._is_new("started", job.job_id, job.started_at):
                self._counters.queue_seconds.observe(seconds_between(job.created_at, job.started_at))
            if job.finished_at is not None and self._is_new("ended", job.job_id, job.finished_at):
                self._counters.record_end(job, job.finished_at)

    def _is_new(self, kind: str, job_id: str, at: datetime, *, number: int = 0) -> bool:
        """Whether the event has not been counted; it has from now on."""
        event = (kind, job_id, number)
        if event in self._counted:
            return False
        self._counted[event] = at
        return True


class JobCounters:
    """All series with known labels start at 0: Prometheus does not see the first increase of a series that appears."""

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
        self._start_at_zero()

    def record_epoch(self, epoch: EpochRecorded) -> None:
        self.epochs.inc()
        self.epoch_seconds.labels(label_activation(epoch.activation)).observe(epoch.epoch_seconds)

    def record_end(self, job: JobTransition, finished_at: datetime) -> None:
        self.ended.labels(label_activation(job.activation), job.state).inc()
        self.job_seconds.labels(job.state).observe(seconds_between(job.started_at, finished_at))
        if job.error_code:
            self.failures.labels(job.error_code).inc()

    def _start_at_zero(self) -> None:
        for state in TERMINAL:
            self.job_seconds.labels(state)
        for code in FAILURES:
            self.failures.labels(code)
        for activation in (*catalog.ACTIVATIONS, CUSTOM):
            self.epoch_seconds.labels(activation)
            for state in TERMINAL:
                self.ended.labels(activation, state)


def label_activation(name: str) -> str:
    """Label all that clients define by one word: each value of a label is a series of its own."""
    return name if name in catalog.ACTIVATIONS else CUSTOM


def seconds_between(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
