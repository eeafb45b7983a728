"""Metrics of the jobs, read from SQL and the broker at every scrape: gauges, and counters of recent activity."""

from collections.abc import Iterator
from time import perf_counter

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.operation.job_counters import ActivityCounter
from api.operation.job_gauges import Snapshot, make_gauges
from broker.hints import HintQueue
from db import stats
from db.session import Sessions
from db.stats import QueueStats
from jobs.errors import BrokerUnavailable, DatabaseUnavailable


class JobMetrics(Collector):
    """Yields what the last `read` found."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._activity = ActivityCounter()

    def read(self, sessions: Sessions, hints: HintQueue) -> None:
        """Read SQL and the broker once; raises nothing if they are away."""
        started = perf_counter()
        found = self._read_database(sessions)
        self._snapshot = Snapshot(found, count_hints(hints), perf_counter() - started)

    def _read_database(self, sessions: Sessions) -> QueueStats | None:
        try:
            with sessions.read() as session:
                found = stats.read_stats(session)
                since = self._activity.choose_start(found.read_at)
                recent = stats.read_recent_activity(session, since)
        except DatabaseUnavailable:
            return None
        self._activity.add(recent, since=since, until=found.read_at)
        return found

    def collect(self) -> Iterator[Metric]:
        if self._snapshot is None:
            return
        yield from make_gauges(self._snapshot)
        yield from self._activity.collect()


def count_hints(hints: HintQueue) -> int | None:
    try:
        return hints.length()
    except BrokerUnavailable:
        return None
