"""The worker's parent process: consumes hints, hands them to its children, and watches over them. No torch here."""

import logging
import os
import signal
from typing import Any

from celery.signals import setup_logging, task_failure, worker_shutting_down
from celery.worker import state

from broker.app import PREDICTIONS, QUEUE, create_consumer
from broker.hints import CeleryHintQueue
from broker.reconciler import Reconciler, send_lost_hints
from db import queue, schema, workers
from db.session import Sessions, connect
from jobs.errors import BrokerUnavailable, DatabaseUnavailable
from runtime.settings import Settings
from storage.mnist import find_archives
from worker.death_cause import DeathCauses
from worker.identity import acquire_name

log = logging.getLogger(__name__)


def main(settings: Settings, *, tasks: str = "worker.tasks") -> None:
    """Run until SIGTERM or SIGINT; jobs in training are then given back at the next batch.

    `tasks` names the module that the children import.

    Raises:
        WrongSchema: the database has, or meanwhile got, the schema of another version.
        DataMissing: MNIST is not where the settings say.
    """
    find_archives(settings.mnist_dir)
    sessions = connect(settings.database, pool_size=4, goes_first=True)
    schema.check(sessions)
    name, lock = acquire_name(settings.data_dir / "workers")
    hints = CeleryHintQueue(settings.broker_url)
    with lock:
        release_previous_jobs(sessions, name)
        send_hints_now(sessions, hints)
        watch_children(sessions, hints, name)
        reconciler = Reconciler(
            sessions,
            hints,
            interval_seconds=settings.reconcile_seconds,
            lease_seconds=settings.lease_seconds,
            on_wrong_schema=stop,
        )
        reconciler.start()
        consume(settings, name, tasks)
        reconciler.stop()
        sign_out(sessions, name)
        send_hints_now(sessions, hints)  # for the jobs given back: another worker need not wait
    sessions.check()


def stop() -> None:
    """Drain, as on SIGTERM: the children write nothing more where the schema is another version's."""
    os.kill(os.getpid(), signal.SIGTERM)


def release_previous_jobs(sessions: Sessions, name: str) -> None:
    """Release the jobs that this worker trained before it was started again."""
    while True:
        with sessions.begin() as session:
            reaped = queue.reap(session, owned_by=name, cause="it was started again")
            workers.sign_out(session, f"{name}/")
        for job_id in reaped:
            log.warning("job %s was lost when this worker ended before", job_id)
        if len(reaped) < queue.REAP_BATCH:
            return


def sign_out(sessions: Sessions, name: str) -> None:
    try:
        with sessions.begin() as session:
            workers.sign_out(session, f"{name}/")
    except DatabaseUnavailable as error:
        log.warning("this worker stays on the list for a while: %s", error)


def send_hints_now(sessions: Sessions, hints: CeleryHintQueue) -> None:
    """Send lost hints before the reconciler's next round."""
    try:
        send_lost_hints(sessions, hints)
    except (DatabaseUnavailable, BrokerUnavailable) as error:
        log.warning("hints wait for the reconciler: %s", error)


def watch_children(sessions: Sessions, hints: CeleryHintQueue, name: str) -> None:
    """Connect Celery's signals for as long as the process lives; by default a connection is weak."""
    causes = DeathCauses()

    def release_dead(exception: BaseException, **_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
        release_jobs_of_dead_children(sessions, name, causes.name(str(exception)))
        send_hints_now(sessions, hints)

    task_failure.connect(release_dead, weak=False)
    worker_shutting_down.connect(drain_children, weak=False)


def release_jobs_of_dead_children(sessions: Sessions, name: str, cause: str) -> None:
    """Release them before their leases expire, because the parent knows that the child is dead."""
    try:
        with sessions.begin() as session:
            for owner in queue.list_lease_owners(session, name):
                if not is_alive(int(owner.rpartition("/")[2])):
                    queue.reap(session, owned_by=owner, cause=cause)
    except DatabaseUnavailable as error:
        log.warning("the lease of a dead child has to expire: %s", error)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def drain_children(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    for request in list(state.active_requests):
        if request.worker_pid:
            os.kill(request.worker_pid, signal.SIGTERM)


def keep_logging(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """Keep the logging as it is: Celery sets up its own only where nothing is connected to this signal."""


def consume(settings: Settings, name: str, tasks: str) -> None:
    setup_logging.connect(keep_logging, weak=False)
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
