"""The worker's parent process: consumes hints, hands them to its children, and watches over them. No torch here."""

import fcntl
import logging
import os
import signal
import socket
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from celery.signals import setup_logging, task_failure, worker_shutting_down
from celery.worker import state

from broker.app import PREDICTIONS, QUEUE, create_consumer
from broker.hints import CeleryHintQueue
from broker.reconciler import Reconciler, send_lost_hints
from db import queue, workers
from db.session import Sessions, connect
from jobs.errors import BrokerUnavailable, DatabaseUnavailable
from runtime.settings import Settings
from worker.death_cause import Causes

log = logging.getLogger(__name__)

LONGEST_HOST = 200
"""Characters of the machine's name: SQL keeps 255 of a worker's with its process."""


def main(settings: Settings, *, tasks: str = "worker.tasks") -> None:
    """Run until SIGTERM or SIGINT: then jobs in training are given back at the next batch.

    `tasks` names the module that the children import.
    """
    sessions = connect(settings.database, pool_size=4, goes_first=True)
    name, lock = sign_in(settings.data_dir / "workers")
    hints = CeleryHintQueue(settings.broker_url)
    with lock:
        forget_former_life(sessions, name)
        send_hints_at_once(sessions, hints)
        watch_children(sessions, hints, name)
        reconciler = Reconciler(
            sessions, hints, interval_seconds=settings.reconcile_seconds, lease_seconds=settings.lease_seconds
        )
        reconciler.start()
        consume(settings, name, tasks)
        reconciler.stop()
        sign_out(sessions, name)
        send_hints_at_once(sessions, hints)  # for the jobs given back: another worker need not wait


def sign_in(folder: Path) -> tuple[str, IO[str]]:
    """A name nobody else holds, and the lock that proves it: who finds the lock free knows its last holder dead."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / f"{number}.lock"
        lock = path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return name_in(lock), lock
    raise RuntimeError(f"a thousand workers share {folder}")


def name_in(lock: IO[str]) -> str:
    """The name this lock stands for: made up once, so that no other machine has it."""
    lock.seek(0)
    name = lock.read()
    if not name:
        name = f"worker-{uuid4().hex[:8]}@{socket.gethostname()[:LONGEST_HOST]}"
        lock.write(name)
        lock.flush()
    return name


def forget_former_life(sessions: Sessions, name: str) -> None:
    while True:
        with sessions.begin() as session:
            reaped = queue.reap(session, owned_by=name, cause="it was started again")
            workers.sign_out(session, f"{name}/")
        for job_id in reaped:
            log.warning("job %s was left behind by this worker's former life", job_id)
        if len(reaped) < queue.REAP_BATCH:
            return


def sign_out(sessions: Sessions, name: str) -> None:
    try:
        with sessions.begin() as session:
            workers.sign_out(session, f"{name}/")
    except DatabaseUnavailable as error:
        log.warning("this worker stays on the list for a while: %s", error)


def send_hints_at_once(sessions: Sessions, hints: CeleryHintQueue) -> None:
    """Not only when the reconciler comes round."""
    try:
        send_lost_hints(sessions, hints)
    except (DatabaseUnavailable, BrokerUnavailable) as error:
        log.warning("hints have to wait for the reconciler: %s", error)


def watch_children(sessions: Sessions, hints: CeleryHintQueue, name: str) -> None:
    """Celery's signals, connected weakly by default, are kept here as long as the process."""
    causes = Causes()

    def release_dead(exception: BaseException, **_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
        release_jobs_of_dead_children(sessions, name, causes.name(str(exception)))
        send_hints_at_once(sessions, hints)

    task_failure.connect(release_dead, weak=False)
    worker_shutting_down.connect(drain_children, weak=False)


def release_jobs_of_dead_children(sessions: Sessions, name: str, cause: str) -> None:
    """Faster than the lease: the parent knows its child dead."""
    try:
        with sessions.begin() as session:
            for owner in queue.list_lease_owners(session, name):
                if not alive(int(owner.rpartition("/")[2])):
                    queue.reap(session, owned_by=owner, cause=cause)
    except DatabaseUnavailable as error:
        log.warning("the lease of a dead child has to run out: %s", error)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def drain_children(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    for request in list(state.active_requests):
        if request.worker_pid:
            os.kill(request.worker_pid, signal.SIGTERM)


def log_as_before(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """Whoever answers this signal keeps Celery from setting up logging its own way."""


def consume(settings: Settings, name: str, tasks: str) -> None:
    setup_logging.connect(log_as_before, weak=False)
    celery = create_consumer(settings.broker_url, include=[tasks])
    celery.worker_main(
        [
            "--quiet",
            "worker",
            f"--hostname={name}",
            f"--queues={QUEUE},{PREDICTIONS}",
            f"--concurrency={settings.worker_processes}",
            f"--loglevel={settings.log_level}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
