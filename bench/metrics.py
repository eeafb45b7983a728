"""`python -m bench.metrics`: how long a scrape takes, with 1,000,000 epochs stored and 10,000 jobs queued."""

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from api.operation.metrics import Metrics
from bench import postgres
from bench.stored import store_epochs
from db import jobs, leases, schema
from db.session import Sessions, connect
from jobs.metrics import EpochMetrics
from jobs.spec import JobSpec
from runtime.settings import sqlite_url

SCRAPES = 20
QUEUED = 10_000
RUNNING = 100


class Hints:
    def send(self, job_ids: object) -> list[str]:  # noqa: ARG002  # a queue's
        return []

    def send_prediction(self, prediction_id: str) -> None: ...

    def length(self) -> int:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=1_000_000, help="epoch rows")
    stored = parser.parse_args().stored
    with postgres.run_server(fsync="off") as server:
        server.execute("CREATE DATABASE metrics")
        schema.migrate(server.url("metrics"))
        store_epochs(server, "metrics", stored)
        measure(connect(server.url("metrics")), f"PostgreSQL, {stored:,} epochs stored")
    with TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "metrics.db")
        schema.migrate(url)
        measure(connect(url), "SQLite, nothing stored")


def measure(sessions: Sessions, title: str) -> None:
    with sessions.begin() as session:
        ids = [jobs.create(session, JobSpec(activation="relu"), max_unfinished=10**6)[0].id for _ in range(QUEUED)]
    metrics = Metrics("bench")
    print(f"{title}, {QUEUED:,} queued")
    print(f"  first scrape {scrape(metrics, sessions):7.1f} ms")
    print(f"  then, p50    {median(scrape(metrics, sessions) for _ in range(SCRAPES)):7.1f} ms")
    for job_id in ids[:RUNNING]:
        train(sessions, job_id)
    print(f"  {RUNNING} epochs  {scrape(metrics, sessions):7.1f} ms")
    body, _ = metrics.render(sessions, Hints(), "")
    assert f"activation_lab_epochs_recorded_total {RUNNING:.1f}" in body.decode()
    sessions.close()


def scrape(metrics: Metrics, sessions: Sessions) -> float:
    began = perf_counter()
    metrics.render(sessions, Hints(), "")
    return 1000 * (perf_counter() - began)


def train(sessions: Sessions, job_id: str) -> None:
    with sessions.begin() as session:
        claim = leases.claim(session, job_id, "bench", lease_seconds=600)
        assert claim is not None
        leases.record_epoch(session, claim.lease, EpochMetrics(1, 0.1, 0.5, 0.9, 0.3, 0.6, 0.95, 1e-3, 2.0, 1000.0))


if __name__ == "__main__":
    main()
