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
    Member,
    Notes,
    claiming,
    crowd,
    member,
    percentiles,
    submitting,
    training,
)
from bench.stored import store_epochs
from broker.reconciler import reconcile
from db import events, job_list, jobs, queue, schema
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
    """How long a crowd works that has no end of its own."""
    limit_seconds: float
    """How long the largest crowd may take for all jobs."""
    workers: Sequence[int]
    """How many each crowd has, the largest last."""

    def crowd(self, size: int, member: Member) -> Figures:
        return crowd(size, member, sessions=self.sessions, server_pid=self.server.pid)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parsed(arguments)
    logging.disable(logging.WARNING)  # a line for each lost worker
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {vars(options)}")
    for count in (0, options.stored) if options.stored else (0,):
        with postgres.running(fsync=options.fsync, max_connections="500") as server:
            measure(server, count, options)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--stored", type=int, default=1_000_000, help="epoch rows; 0 = only the empty database")
    parser.add_argument("--seconds", type=float, default=10, help="for each number of workers")
    parser.add_argument("--limit", type=float, default=600, help="seconds for the largest crowd to do all jobs")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="of each crowd, the largest last")
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
    submit(scale)
    claim(scale)
    reconciler(scale)
    reads(scale)
    throughput(scale)
    clock(scale)
    sessions.close()


def warm_up(scale: Scale) -> None:
    """One job through all its life, here: what SQLAlchemy compiles for it, the crowds inherit."""
    submitting(scale.sessions, 0, Notes(), count=1, epochs=EPOCHS)
    training(scale.sessions, 0, Notes(), hints=all_due(scale), epoch_seconds=0.6, for_seconds=60)


# --- what is measured, in order ---


def submit(scale: Scale) -> None:
    client = member(submitting, count=scale.jobs // CLIENTS, epochs=EPOCHS)
    report(f"create, {CLIENTS} clients", scale.crowd(CLIENTS, client), "create")
    scale.server.execute("ANALYZE", database="scale")  # as autovacuum would, in its own time


def claim(scale: Scale) -> None:
    """Claims and nothing else; the leases have run out as they are given."""
    each, hints = scale.jobs // (len(scale.workers) + 1), all_due(scale)
    for workers in scale.workers:
        worker = member(claiming, jobs=each // workers, hints=hints)
        report(f"claim, {workers} workers", scale.crowd(workers, worker), "claim")


def reconciler(scale: Scale) -> None:
    """First with expired leases, until none is left; then with all jobs queued: all hinted, and none."""
    rounds = []
    while leases(scale) > 0:
        rounds.append(seconds_of(lambda: reconcile(scale.sessions, Full())))
    print_reads("reconcile, 100 expired leases", rounds)
    print_reads("reconcile, nothing to do", repeated(ROUNDS, lambda: reconcile(scale.sessions, Full())))
    print_reads("reconcile, 100 lost hints", repeated(ROUNDS, lambda: reconcile(scale.sessions, Empty())))


def reads(scale: Scale) -> None:
    job_id = seen(scale, lambda session: page(session).records[0].job.id)
    questions: dict[str, Callable[[Any], object]] = {
        "count_due": queue.count_due,
        "unfinished jobs (the quota)": lambda session: jobs.check_quota(session, 10**9),
        "page, newest 50": page,
        "page, newest 50 queued": lambda session: page(session, states=[JobState.QUEUED]),
        "page, newest 50 succeeded": lambda session: page(session, states=[JobState.SUCCEEDED]),
        "page, newest 50 with metadata": lambda session: page(session, metadata={"client": "3"}),
        "page, best 50 by accuracy": lambda session: page(session, sort="-best_val_accuracy"),
        "one job, queued": lambda session: job_list.find_record(session, job_id),
        "newest event of 100 streams": lambda session: events.read_newest_numbers(session, [job_id] * 100),
    }
    for name, ask in questions.items():
        print_reads(name, repeated(READS, partial(seen, scale, ask)))


def throughput(scale: Scale) -> None:
    """As fast as the database lets them: some workers for a while, then all of them to the last job."""
    for workers in scale.workers:
        seconds = scale.seconds if workers < scale.workers[-1] else scale.limit_seconds
        worker = member(training, hints=all_due(scale), epoch_seconds=0.0, for_seconds=seconds)
        report(f"flat out, {workers} workers", scale.crowd(workers, worker), "claim", "epoch", "succeed")
    print(f"jobs left: {seen(scale, queue.count_due):,} of {scale.jobs:,}")


def clock(scale: Scale) -> None:
    """An epoch a second and worker."""
    client = member(submitting, count=-(-scale.workers[-1] // CLIENTS), epochs=1000)
    scale.crowd(CLIENTS, client)
    for workers in scale.workers:
        worker = member(training, hints=all_due(scale), epoch_seconds=1.0, for_seconds=scale.seconds)
        report(f"an epoch a second, {workers} workers", scale.crowd(workers, worker), "epoch")


# --- steps ---


class Full:
    """A broker that has all hints."""

    def send(self, job_ids: Iterable[str]) -> list[str]:  # noqa: ARG002
        return []

    def send_prediction(self, prediction_id: str) -> None:
        raise NotImplementedError  # nobody predicts here

    def length(self) -> int:
        return 10**9


class Empty(Full):
    """A broker that was flushed."""

    def length(self) -> int:
        return 0


def all_due(scale: Scale) -> Hints:
    hints = Hints()
    with scale.sessions.begin() as session:
        hints.send(queue.take_due(session, resend_after_seconds=-1, limit=scale.jobs))
    return hints


def leases(scale: Scale) -> int:
    return len(seen(scale, lambda session: queue.list_lease_owners(session, "simulated")))


def page(session: Any, *, sort: str = "-created_at", **filters: Any) -> job_list.Page:
    return job_list.read_page(session, Filters(**filters), sort=sort, limit=50, cursor=None)


def seen(scale: Scale, ask: Callable[[Any], Any]) -> Any:
    with scale.sessions.read() as session:
        return ask(session)


def repeated(times: int, act: Callable[[], object]) -> list[float]:
    return [seconds_of(act) for _ in range(times)]


def seconds_of(act: Callable[[], object]) -> float:
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


if __name__ == "__main__":  # the crowd's processes import this module too
    main()
