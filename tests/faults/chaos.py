"""Faults of a running service, by name; each fault returns when it is over."""

import os
import random
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic, sleep

import psutil
import redis
from sqlalchemy import select

from broker.hints import CeleryHintQueue
from db.models import Job
from jobs.errors import DatabaseUnavailable
from jobs.state import JobState
from tests.faults.environment import LEASE_SECONDS, Ground

LESS_THAN_A_CHECKPOINT_BYTES = 10_000_000

Fault = Callable[[Ground, random.Random], None]


def kill_trainer(ground: Ground, chance: random.Random) -> None:
    ground.strike("child killed", ground.trainer(chance))


def kill_worker(ground: Ground, chance: random.Random) -> None:
    ground.strike("worker killed", ground.worker(chance))


def stop_worker(ground: Ground, chance: random.Random) -> None:
    ground.strike("worker told to stop (SIGTERM)", ground.worker(chance), signal.SIGTERM)


def kill_api(ground: Ground, _: random.Random) -> None:
    ground.part(" api").kill()


def kill_broker(ground: Ground, _: random.Random) -> None:
    ground.part("valkey").kill()


def kill_everything(ground: Ground, _: random.Random) -> None:
    """Kill every process, as a power failure does; the files on disk stay."""
    family = ground.service.family()
    ground.service.process.kill()
    ground.second.stop_by(monotonic())
    psutil.wait_procs(family, timeout=10)
    ground.start()


def truncate_checkpoint(ground: Ground, chance: random.Random) -> None:
    trainer = ground.trainer(chance)
    if held := ground.held_by(trainer):
        written = sorted((ground.checkpoints / held[0]).glob("epoch-*"), key=os.path.getmtime)
        for newest in written[-1:]:
            os.truncate(newest, 1000)
    ground.strike("newest checkpoint truncated, child killed", trainer)


def fill_disk(ground: Ground, chance: random.Random) -> None:
    """Limit one process to files smaller than its checkpoints."""
    trainer = ground.trainer(chance)
    with suppress(psutil.NoSuchProcess):
        trainer.rlimit(psutil.RLIMIT_FSIZE, (LESS_THAN_A_CHECKPOINT_BYTES, LESS_THAN_A_CHECKPOINT_BYTES))
        sleep(chance.uniform(1, 4))
    ground.strike("no room for checkpoints, then child killed", trainer)


def freeze_trainer(ground: Ground, chance: random.Random) -> None:
    """Past its lease: another worker goes on, and then it wakes."""
    with suppress(psutil.NoSuchProcess):
        trainer = ground.trainer(chance)
        trainer.suspend()
        sleep(LEASE_SECONDS + chance.uniform(2, 5))
        trainer.resume()


def pause_broker(ground: Ground, chance: random.Random) -> None:
    with suppress(psutil.NoSuchProcess):
        broker = ground.part("valkey")
        broker.suspend()
        sleep(chance.uniform(1, 20))
        broker.resume()


def flush_broker(ground: Ground, _: random.Random) -> None:
    with suppress(redis.RedisError), redis.Redis.from_url(ground.broker_url, socket_timeout=1) as broker:
        broker.flushall()


def double_hints(ground: Ground, _: random.Random) -> None:
    with suppress(DatabaseUnavailable), ground.sessions.read() as session:
        unfinished = session.scalars(select(Job.id).where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))).all()
        hints = CeleryHintQueue(ground.broker_url)
        hints.send([*unfinished, *unfinished])
        hints.close()


def stop_database(ground: Ground, chance: random.Random) -> None:
    """PostgreSQL killed outright and away for 0 to 60 s; SQLite locked by another program for as long."""
    seconds = chance.choice([0, 1, 5, 20, 60]) * chance.uniform(0.5, 1)
    if ground.postgres is not None:
        ground.postgres.kill()
        sleep(seconds)
        ground.postgres.start()
        return
    locking = sqlite3.connect(ground.database_url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE").close()
    sleep(seconds)
    locking.close()


KILLS: Mapping[str, tuple[int, Fault]] = {
    "child killed": (10, kill_trainer),
    "worker killed": (4, kill_worker),
    "API killed": (3, kill_api),
    "broker killed": (2, kill_broker),
    "newest checkpoint truncated, child killed": (2, truncate_checkpoint),
    "no room for checkpoints, then child killed": (2, fill_disk),
    "everything killed": (1, kill_everything),
}
"""How often each, beside the others."""

TROUBLES: Mapping[str, tuple[int, Fault]] = {
    "database away for 0 to 60 s": (3, stop_database),
    "child frozen past its lease": (3, freeze_trainer),
    "worker told to stop (SIGTERM)": (3, stop_worker),
    "broker paused for 1 to 20 s": (2, pause_broker),
    "broker flushed": (2, flush_broker),
    "hints doubled": (2, double_hints),
}
