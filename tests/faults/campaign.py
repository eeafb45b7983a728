"""Faults at random moments on a whole running service, for as many kills as wished; then every promise is checked.

`make faults` runs it on both databases and prints the tables of docs/faults.md.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from sqlalchemy import func, select

from bench.postgres import run_server
from db import schema
from db.models import Epoch, Event, Job
from jobs.state import JobState
from runtime.settings import sqlite_url
from tests.faults.chaos import KILLS, TROUBLES, Fault
from tests.faults.clients import SPECS, Clients
from tests.faults.environment import Ground, Strike
from tests.support.invariants import History, read_history, violations

SETTLED_WITHIN_SECONDS = 600
SECONDS_BETWEEN_KILLS = (2, 10)  # time to train an epoch now and then: three crashes without one end a job


@dataclass(frozen=True, slots=True)
class Outcome:
    """The faults of a campaign, and the violations found."""

    seconds: float
    faults: Mapping[str, int]
    resumed_after: Mapping[str, Sequence[float]]
    """Seconds from each fault that interrupted a job to the job's next attempt."""
    ends: Mapping[str, int]
    attempts: int
    epochs: int
    bit_equal: int
    streams: int
    violations: Sequence[str]


@contextmanager
def ground_on(database: str) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="activation-lab-faults-") as name:
        folder = Path(name)
        if database == "sqlite":
            yield from fought_over(Ground(folder, sqlite_url(folder / "activation-lab.db"), None))
            return
        with run_server() as postgres:
            yield from fought_over(Ground(folder, postgres.url("postgres"), postgres))


def fought_over(ground: Ground) -> Iterator[Ground]:
    schema.migrate(ground.database_url)
    ground.start()
    try:
        yield ground
    finally:
        ground.stop()


def campaign(ground: Ground, *, kills: int, seed: int) -> Outcome:
    """Train each spec once in peace; then let clients, kills and other troubles loose on the service at once."""
    clients = Clients(ground)
    references = trained_in_peace(clients)
    started = monotonic()
    with ThreadPoolExecutor(5) as pool:
        everyone = [
            pool.submit(clients.submit_and_cancel, random.Random(f"{seed} clients")),
            pool.submit(clients.listen),
            pool.submit(clients.listen),
            pool.submit(trouble, ground, clients, random.Random(f"{seed} troubles")),
        ]
        killed = kill(ground, random.Random(f"{seed} kills"), kills)
        clients.over.set()
        troubled = everyone[-1].result()
        settle(clients)
        for future in everyone:
            future.result()
        # Before the pool's threads end: what a thread started, a database for one, dies with it.
        return judge(ground, clients, references, killed + troubled, monotonic() - started)


def trained_in_peace(clients: Clients) -> list[History]:
    """The history that each spec has without any fault."""
    job_ids = [clients.train(number) for number in range(len(SPECS))]
    for job_id in job_ids:
        clients.wait_for_end(job_id)
    return [read_history(clients.ground.sessions, job_id) for job_id in job_ids]


def kill(ground: Ground, chance: random.Random, kills: int) -> Counter[str]:
    done: Counter[str] = Counter()
    while done.total() < kills:
        sleep(chance.uniform(*SECONDS_BETWEEN_KILLS))
        done[inflict(KILLS, ground, chance)] += 1
        show(f"{done.total()} of {kills} kills")
    return done


def trouble(ground: Ground, clients: Clients, chance: random.Random) -> Counter[str]:
    done: Counter[str] = Counter()
    while not clients.over.wait(chance.uniform(2, 10)):
        done[inflict(TROUBLES, ground, chance)] += 1
    return done


def inflict(kinds: Mapping[str, tuple[int, Fault]], ground: Ground, chance: random.Random) -> str:
    [name] = chance.choices(list(kinds), [weight for weight, _ in kinds.values()])
    kinds[name][1](ground, chance)
    return name


def settle(clients: Clients) -> None:
    deadline = monotonic() + SETTLED_WITHIN_SECONDS
    for number, job_id in zip(count(1), clients.accepted, strict=False):
        while not clients.ended(job_id):
            if monotonic() > deadline:
                return  # an invariant will name it
            sleep(0.3)
        show(f"{number} of {len(clients.accepted)} jobs have ended")


def judge(
    ground: Ground, clients: Clients, references: Sequence[History], faults: Mapping[str, int], seconds: float
) -> Outcome:
    found = [
        f"{job_id}: {breach}" for job_id in clients.accepted for breach in breaches(ground, clients, job_id, references)
    ]
    with ground.sessions.read() as session:
        jobs = session.scalars(select(Job)).all()
        epochs = session.scalar(select(func.count()).select_from(Epoch)) or 0
    if {job.id for job in jobs} != set(clients.accepted):
        found.append(f"{len(jobs)} jobs are stored, {len(clients.accepted)} were accepted")
    return Outcome(
        seconds=seconds,
        faults=faults,
        resumed_after=resumed_after(ground),
        ends=Counter(job.state for job in jobs),
        attempts=sum(job.attempt for job in jobs),
        epochs=epochs,
        bit_equal=sum(
            read_history(ground.sessions, job.id) == references[clients.accepted[job.id]]
            for job in jobs
            if job.state == JobState.SUCCEEDED
        ),
        streams=len(clients.heard),
        violations=found,
    )


def breaches(ground: Ground, clients: Clients, job_id: str, references: Sequence[History]) -> list[str]:
    # A job may be unlucky three times in a row, or twenty times in all, and is then given up, as promised.
    ends = [JobState.SUCCEEDED, JobState.FAILED, *([JobState.CANCELLED] if job_id in clients.cancelled else [])]
    found = violations(ground.sessions, job_id, references[clients.accepted[job_id]], ends=ends)
    with ground.sessions.read() as session:
        job = session.get_one(Job, job_id)
    if job.error_code not in {None, "worker_crashed_repeatedly"}:
        found.append(f"it failed: {job.error_code}: {job.error_message}")
    if job_id in clients.heard and clients.heard[job_id] != list(range(1, job.event_seq + 1)):
        found.append(f"its {job.event_seq} events were heard as {clients.heard[job_id]}")
    return found


def resumed_after(ground: Ground) -> Mapping[str, Sequence[float]]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for strike in ground.strikes:
        if resumed_at := next_attempt(ground, strike):
            seconds[strike.fault].append(resumed_at - strike.at)
    return seconds


def next_attempt(ground: Ground, strike: Strike) -> float | None:
    states = select(Event).where(Event.job_id == strike.job_id, Event.kind == "state").order_by(Event.seq)
    with ground.sessions.read() as session:
        for event in session.scalars(states):
            if event.data["state"] == JobState.RUNNING and event.data["attempt"] > strike.attempt:
                return event.at.timestamp()
    return None  # it was cancelled, or had just ended


def report(database: str, seed: int, outcome: Outcome) -> str:
    ends = ", ".join(f"{count} {state}" for state, count in sorted(outcome.ends.items()))
    kills = sum(outcome.faults.get(name, 0) for name in KILLS)
    others = sum(outcome.faults.values()) - kills
    equal = f"{outcome.bit_equal} of {outcome.ends.get('succeeded', 0)}"
    lines = [
        f"### {database}",
        "",
        f"Seed {seed}, {outcome.seconds / 60:.0f} minutes: {kills} kills and {others} other faults.",
        "",
        "| fault | times | interrupted a job | resumed after, median (worst) |",
        "| --- | ---: | ---: | ---: |",
        *(fault_row(name, outcome) for name in (*KILLS, *TROUBLES) if outcome.faults.get(name)),
        "",
        "| checked | |",
        "| --- | ---: |",
        f"| jobs accepted and ended once | {sum(outcome.ends.values())}: {ends} |",
        f"| attempts | {outcome.attempts} |",
        f"| epochs | {outcome.epochs} |",
        f"| whole histories equal to the one without faults, bit for bit | {equal} |",
        f"| streams, cut all the time, that sent every event once | {outcome.streams} |",
        f"| **violations** | **{len(outcome.violations)}** |",
        *(f"- {violation}" for violation in outcome.violations),
    ]
    return "\n".join(lines)


def fault_row(name: str, outcome: Outcome) -> str:
    seconds = outcome.resumed_after.get(name, [])
    resumed = f"{median(seconds):.1f} s ({max(seconds):.1f} s)" if seconds else ""
    return f"| {name} | {outcome.faults[name]} | {len(seconds) or ''} | {resumed} |"


def show(progress: str) -> None:
    """On one line of the terminal."""
    sys.stderr.write(f"\r{progress}\x1b[K")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    unharmed = True
    for database in options.database or ["sqlite", "postgres"]:
        with ground_on(database) as ground:
            outcome = campaign(ground, kills=options.kills, seed=options.seed)
        print(report(database, options.seed, outcome), end="\n\n", flush=True)
        unharmed = unharmed and not outcome.violations
    sys.exit(not unharmed)


if __name__ == "__main__":
    main()
