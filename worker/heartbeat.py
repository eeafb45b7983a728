"""The heartbeat of a job in training: renews its lease, on a thread and a connection of its own."""

import logging
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from typing import Self

from db import leases, predictions
from db.leases import Lease, LeaseStatus
from db.session import Sessions
from jobs.errors import DatabaseUnavailable, Fenced, WrongSchema
from jobs.progress import EpochProgress
from worker.death_cause import STALLED_STATUS
from worker.stall import StallWatch

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5

PROGRESS_SECONDS = 2.0
"""The progress of an epoch is written this often, and not at all before the epoch has lasted as long."""


class Cancelled(Exception):
    """A client has cancelled the job."""


class Draining(Exception):
    """The worker shuts down; another worker will resume the job."""


def measure_nothing() -> None:
    """Measure no progress, as before training."""


def exit_process() -> None:
    """End the process at once, also while a thread hangs in native code."""
    os._exit(STALLED_STATUS)


class Heartbeat:
    """Renews a lease during training, and polls for cancellation, a lost lease and predictions.

    The renewal also carries the progress of the epoch in training.

    After an outage of the database, while `connected` is false, it renews the lease before anything else is written.

    It ends the process, so that another one can resume the job, when the training has stalled (worker/stall.py), and
    when an unexpected error keeps it from renewing the lease.
    """

    def __init__(
        self,
        sessions: Sessions,
        lease: Lease,
        lease_seconds: float,
        heartbeat_seconds: float,
        draining: threading.Event,
        *,
        stalled_seconds: float = 1800,
        exit_process: Callable[[], None] = exit_process,
    ) -> None:
        self._sessions = sessions
        self._lease = lease
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._draining = draining
        self._stall_watch = StallWatch(stalled_seconds)
        self._exit_process = exit_process
        self._renewed_at = monotonic()
        self._connected = True
        self._prediction_waiting = False
        self._measure_progress: Callable[[], EpochProgress | None] = measure_nothing
        self._stopped = threading.Event()
        self._interruption: type[Exception] | None = None
        self._thread = threading.Thread(
            target=copy_context().run,  # its log lines carry the job's fields
            args=(self.run,),
            name=f"heartbeat-{lease.job_id}",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def check(self) -> None:
        """Stop the training between two batches where there is a reason to.

        Raises:
            Cancelled, Fenced, Draining, WrongSchema: the reason.
        """
        if self._interruption is not None:
            raise self._interruption
        if self._draining.is_set():
            raise Draining

    def report(self, measure_progress: Callable[[], EpochProgress | None]) -> None:
        """Write the measured progress, from now on, wherever an epoch takes longer than PROGRESS_SECONDS."""
        self._measure_progress = measure_progress

    def record_epoch(self) -> None:
        self._stall_watch.record_epoch()

    def prediction_waiting(self) -> bool:
        """Return whether the last poll found a prediction that no idle process took; true once for each poll."""
        waiting, self._prediction_waiting = self._prediction_waiting, False
        return waiting

    @property
    def connected(self) -> bool:
        """False from an outage of the database until the lease has been renewed after it."""
        return self._connected

    def disconnect(self) -> None:
        """Note an outage of the database that the training thread has met."""
        self._connected = False

    def run(self) -> None:
        """Run until the job ends. Training without a heartbeat must not go on: an error here ends the process."""
        try:
            self.run_until_stopped()
        except BaseException:
            log.critical("job %s: the heartbeat has failed, this process exits", self._lease.job_id, exc_info=True)
            self._exit_process()

    def run_until_stopped(self) -> None:
        while self._interruption is None and not self._stopped.wait(POLL_SECONDS):
            self.exit_when_stalled()
            try:
                self.renew_and_poll()
            except WrongSchema as error:
                log.error("job %s is left to a worker of the database's version: %s", self._lease.job_id, error)  # noqa: TRY400
                self._interruption = WrongSchema
            except DatabaseUnavailable as error:
                log.warning("job %s: no heartbeat: %s", self._lease.job_id, error)
                self._connected = False
                self._stall_watch.restart()  # waiting for the database is not stalling
            except Fenced:
                self._interruption = Fenced
            except Exception:
                if monotonic() - self._renewed_at > self._lease_seconds:  # another worker may have the job
                    raise
                log.exception("job %s: a heartbeat failed, the next one follows", self._lease.job_id)

    def renew_and_poll(self) -> None:
        progress = self._measure_progress()
        interval = min(PROGRESS_SECONDS, self._heartbeat_seconds) if is_slow(progress) else self._heartbeat_seconds
        if not self._connected or monotonic() - self._renewed_at >= interval:
            self.renew(progress)
        if self.poll_cancellation().needs_renewal:
            self.renew()

    def exit_when_stalled(self) -> None:
        seconds = self._stall_watch.find_stall()
        if seconds is not None:
            log.critical("job %s: no epoch for %.0f s, this process exits", self._lease.job_id, seconds)
            self._exit_process()

    def renew(self, progress: EpochProgress | None = None) -> None:
        with self._sessions.begin() as session:
            leases.heartbeat(session, self._lease, lease_seconds=self._lease_seconds, progress=progress)
        self._renewed_at = monotonic()
        self._connected = True

    def poll_cancellation(self) -> LeaseStatus:
        """Read the lease's status, whether a client has cancelled, and whether a prediction waits."""
        with self._sessions.read() as session:
            status = leases.check(
                session, self._lease, lease_seconds=self._lease_seconds, heartbeat_seconds=self._heartbeat_seconds
            )
            self._prediction_waiting = predictions.is_waiting(session)
        if status.cancel_requested:
            self._interruption = Cancelled
        return status


def is_slow(progress: EpochProgress | None) -> bool:
    """Whether the epoch has lasted long enough for its progress to be worth a write."""
    return progress is not None and progress.fraction * progress.epoch_seconds >= PROGRESS_SECONDS
