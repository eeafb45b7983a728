"""`make scale`: 100 simulated workers and 10,000 jobs on real PostgreSQL; then again with 1,000,000 epochs stored.

Training is a clock; all else is the real worker, store and reconciler. docs/scaling.md shows what this prints.
"""

import argparse
import logging
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from bench import postgres
from bench.postgres import PostgresServer
from bench.simulated_workers import (
    Figures,
    Hints,
    Notes,
    Work,
    bind,
    claim_jobs,
    percentiles,
    run_processes,
    submit_jobs,
    train_jobs,
)
from bench.stored import store_epochs
from broker.reconciler import reconcile
from db import events, job_list, job_records, new_jobs, queue, schema
from db.job_list import Filters
from db.session import Sessions, connect
from jobs.state import JobState

WORKERS = [1, 10, 50, 100]
CLIENTS = 10
EPOCHS = 1
ROUNDS = 40
READS = 30


@dataclass(frozen=True, slots=True)
class Scale:
    server: PostgresServer
    sessions: Sessions
    jobs: int
    seconds: float
    """The time after which workers stop when their work has no end."""
    limit_seconds: float
    """The time limit for the largest number of workers to do all jobs."""
    workers: Sequence[int]
    """The numbers of workers, the largest last."""

    def run(self, size: int, work: Work) -> Figures:
        return run_processes(size, work, sessions=self.sessions, server_pid=self.server.pid)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {vars(options)}")
    for count in (0, options.stored) if options.stored else (0,):
        with postgres.run_server(fsync=options.fsync, max_connections="500") as server:
            measure(server, count, options)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--stored", type=int, default=1_000_000, help="epoch rows; 0 = only the empty database")
    parser.add_argument("--seconds", type=float, default=10, help="for each number of workers")
    parser.add_argument(
        "--limit", type=float, default=600, help="seconds for the largest number of workers to do all jobs"
    )
    parser.add_argument(
        "--workers", type=int, nargs="+", default=WORKERS, help="the numbers of workers, the largest last"
    )
    parser.add_argument("--fsync", choices=["on", "off"], default="on")
    return parser.parse_args(arguments)


def measure(server: PostgresServer, stored: int, options: argparse.Namespace) -> None:
    started, url = monotonic(), server.url("scale")
    server.execute("CREATE DATABASE scale")
    schema.migrate(url)
    store_epochs(server, "scale", stored)
    print(f"\n## {stored:,} epochs stored (loaded in {monotonic() - started:.0f} s)")
    sessions = connect(url)
    scale = Scale(server, sessions, options.jobs, options.seconds, options.limit, options.workers)
    warm_up(scale)
    measure_submits(scale)
    measure_claims(scale)
    measure_reconciler(scale)
    measure_reads(scale)
    measure_throughput(scale)
    measure_steady_load(scale)
    sessions.close()


def warm_up(scale: Scale) -> None:
    """Run one job to its end in this process: its children inherit what SQLAlchemy compiles for it."""
    submit_jobs(scale.sessions, 0, Notes(), count=1, epochs=EPOCHS)
    train_jobs(scale.sessions, 0, Notes(), hints=take_all_due(scale), epoch_seconds=0.6, for_seconds=60)


# --- what is measured, in order ---


def measure_submits(scale: Scale) -> None:
    client = bind(submit_jobs, count=scale.jobs // CLIENTS, epochs=EPOCHS)
    report(f"create, {CLIENTS} clients", scale.run(CLIENTS, client), "create")
    scale.server.execute("ANALYZE", database="scale")  # as autovacuum does later


def measure_claims(scale: Scale) -> None:
    """Only claims; their leases expire at once."""
    each, hints = scale.jobs // (len(scale.workers) + 1), take_all_due(scale)
    for workers in scale.workers:
        worker = bind(claim_jobs, jobs=each // workers, hints=hints)
        report(f"claim, {workers} workers", scale.run(workers, worker), "claim")


def measure_reconciler(scale: Scale) -> None:
    """First with expired leases, until none is left; then with all jobs queued: with all hints, and with none."""
    rounds = []
    while count_leases(scale) > 0:
        rounds.append(time_call(lambda: reconcile(scale.sessions, FullBroker())))
    print_reads("reconcile, 100 expired leases", rounds)
    print_reads("reconcile, nothing to do", repeat(ROUNDS, lambda: reconcile(scale.sessions, FullBroker())))
    print_reads("reconcile, 100 lost hints", repeat(ROUNDS, lambda: reconcile(scale.sessions, EmptyBroker())))


def measure_reads(scale: Scale) -> None:
    job_id = read(scale, lambda session: read_page(session).records[0].job.id)
    queries: dict[str, Callable[[Any], object]] = {
        "count_due": queue.count_due,
        "unfinished jobs (the quota)": lambda session: new_jobs.check_quota(session, 10**9),
        "page, newest 50": read_page,
        "page, newest 50 queued": lambda session: read_page(session, states=[JobState.QUEUED]),
        "page, newest 50 succeeded": lambda session: read_page(session, states=[JobState.SUCCEEDED]),
        "page, newest 50 with metadata": lambda session: read_page(session, metadata={"client": "3"}),
        "page, best 50 by accuracy": lambda session: read_page(session, sort="-best_val_accuracy"),
        "one job, queued": lambda session: job_records.find_record(session, job_id),
        "newest event of 100 streams": lambda session: events.read_newest(session, [job_id] * 100),
    }
    for name, ask in queries.items():
        print_reads(name, repeat(READS, partial(read, scale, ask)))


def measure_throughput(scale: Scale) -> None:
    """Train at the database's speed: some workers for a while, then all of them to the last job."""
    for workers in scale.workers:
        seconds = scale.seconds if workers < scale.workers[-1] else scale.limit_seconds
        worker = bind(train_jobs, hints=take_all_due(scale), epoch_seconds=0.0, for_seconds=seconds)
        report(f"flat out, {workers} workers", scale.run(workers, worker), "claim", "epoch", "succeed")
    print(f"jobs left: {read(scale, queue.count_due):,} of {scale.jobs:,}")


def measure_steady_load(scale: Scale) -> None:
    """One epoch a second for each worker."""
    client = bind(submit_jobs, count=-(-scale.workers[-1] // CLIENTS), epochs=1000)
    scale.run(CLIENTS, client)
    for workers in scale.workers:
        worker = bind(train_jobs, hints=take_all_due(scale), epoch_seconds=1.0, for_seconds=scale.seconds)
        report(f"an epoch a second, {workers} workers", scale.run(workers, worker), "epoch")


# --- steps ---


class FullBroker:
    """A broker that has all hints."""

    def send(self, job_ids: Iterable[str]) -> list[str]:  # noqa: ARG002
        return []

    def send_prediction(self, prediction_id: str) -> None:
        raise NotImplementedError  # no prediction is requested

    def length(self) -> int:
        return 10**9


class EmptyBroker(FullBroker):
    """A broker that has lost all hints."""

    def length(self) -> int:
        return 0


def take_all_due(scale: Scale) -> Hints:
    hints = Hints()
    with scale.sessions.begin() as session:
        hints.send(queue.take_due(session, resend_after_seconds=-1, limit=scale.jobs))
    return hints


def count_leases(scale: Scale) -> int:
    return len(read(scale, lambda session: queue.list_lease_owners(session, "simulated")))


def read_page(session: Any, *, sort: str = "-created_at", **filters: Any) -> job_list.Page:
    return job_list.read_page(session, Filters(**filters), sort=sort, limit=50, cursor=None)


def read(scale: Scale, ask: Callable[[Any], Any]) -> Any:
    with scale.sessions.read() as session:
        return ask(session)


def repeat(times: int, act: Callable[[], object]) -> list[float]:
    return [time_call(act) for _ in range(times)]


def time_call(act: Callable[[], object]) -> float:
    notes = Notes()
    with notes.timing("act"):
        act()
    return notes.seconds["act"][0]


def report(title: str, figures: Figures, *names: str) -> None:
    for name in (name for name in names if len(figures.samples.get(name, ())) > 1):
        p50, p95 = figures.milliseconds(name)
        cpu = f"server {figures.server_milliseconds(name):.2f} ms CPU each" if name == names[0] else ""
        latency = f"p50 {p50:7.1f} ms  p95 {p95:7.1f} ms"
        print(f"{title:<32} {name:<8} {figures.rate(name):7.1f} /s  {latency}  {cpu}", flush=True)


def print_reads(title: str, seconds: Sequence[float]) -> None:
    p50, p95 = percentiles(seconds)
    print(f"{title:<41} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms", flush=True)


if __name__ == "__main__":  # spawned processes import this module too
    logging.disable(logging.WARNING)  # a line for each lost worker
    main()
