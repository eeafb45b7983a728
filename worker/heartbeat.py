"""The sign of life of a job in training, on a thread and a connection of its own."""

import logging
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from statistics import median
from time import monotonic
from typing import Self

from db import leases, predictions
from db.leases import Lease, LeaseStatus
from db.session import Sessions
from jobs.errors import DatabaseUnavailable, Fenced
from worker.death_cause import STALLED_STATUS

log = logging.getLogger(__name__)

CANCEL_POLL_SECONDS = 0.5
STALLED_AFTER_MEDIANS = 10
SUSPENDED_AFTER_SECONDS = 5.0
"""A beat that comes so late comes from a process that was suspended, or waited for the database."""


class Cancelled(Exception):
    """A client asked to cancel the job."""


class Draining(Exception):
    """The worker is to stop; another one goes on with the job."""


def leave() -> None:
    """End the process at once: a thread that hangs in native code hears of nothing else."""
    os._exit(STALLED_STATUS)


class Pulse:
    """Renews a lease while training, and learns of cancellation, of a lost lease, of draining and of predictions.

    After an outage of the database it renews the lease before anything else is written, which `in_contact` tells.

    It watches over progress too: where no epoch has ended for `stalled_seconds`, or ten times as long as one takes, the
    training hangs, and its process ends so that another one can go on. It ends too where the lease can no longer be
    renewed because of an error that nobody expected.
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
        leave: Callable[[], None] = leave,
    ) -> None:
        self._sessions = sessions
        self._lease = lease
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._draining = draining
        self._stalled_seconds = stalled_seconds
        self._leave = leave
        self._progressed_at = self._beaten_at = monotonic()
        self._epoch_seconds: list[float] = []
        self._renewed_at = monotonic()
        self._in_contact = True
        self._asked = False
        self._stopped = threading.Event()
        self._interruption: type[Exception] | None = None
        self._thread = threading.Thread(
            target=copy_context().run,  # what it logs is about this job
            args=(self._run,),
            name=f"pulse-{lease.job_id}",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def check(self) -> None:
        """Called between batches.

        Raises:
            Cancelled, Fenced, Draining: the training is to stop here, for this reason.
        """
        if self._interruption is not None:
            raise self._interruption
        if self._draining.is_set():
            raise Draining

    def progressed(self) -> None:
        """Called after every epoch."""
        before, self._progressed_at = self._progressed_at, monotonic()
        self._epoch_seconds.append(self._progressed_at - before)

    def asked(self) -> bool:
        """Whether a client waits for a prediction that no idle process took; said once, until it is looked again."""
        asked, self._asked = self._asked, False
        return asked

    @property
    def in_contact(self) -> bool:
        """False from an outage of the database until the lease has been renewed after it."""
        return self._in_contact

    def lose_contact(self) -> None:
        """Called by who met an outage of the database elsewhere."""
        self._in_contact = False

    def _run(self) -> None:
        """Beat until the job ends. A training that nobody watches over must not go on: then its process ends."""
        try:
            self._beat_until_stopped()
        except BaseException:
            log.critical("job %s: no heartbeat any more, this process ends", self._lease.job_id, exc_info=True)
            self._leave()

    def _beat_until_stopped(self) -> None:
        while self._interruption is None and not self._stopped.wait(CANCEL_POLL_SECONDS):
            before, self._beaten_at = self._beaten_at, monotonic()
            self._forgive_suspension(self._beaten_at - before)
            self._watch_progress()
            try:
                self._beat()
            except DatabaseUnavailable as error:
                log.warning("job %s: no heartbeat: %s", self._lease.job_id, error)
                self._in_contact = False
                self._progressed_at = monotonic()  # to wait for the database is not to hang
            except Fenced:
                self._interruption = Fenced
            except Exception:
                if monotonic() - self._renewed_at > self._lease_seconds:  # another worker may have the job
                    raise
                log.exception("job %s: a heartbeat failed, the next one may not", self._lease.job_id)

    def _beat(self) -> None:
        if not self._in_contact or monotonic() - self._renewed_at >= self._heartbeat_seconds:
            self._renew()
        if self._look().needs_renewal:
            self._renew()

    def _forgive_suspension(self, seconds: float) -> None:
        """To be suspended, with the whole machine or alone, is not to hang."""
        if seconds > SUSPENDED_AFTER_SECONDS:
            self._progressed_at += seconds

    def _watch_progress(self) -> None:
        usual = median(self._epoch_seconds) if self._epoch_seconds else 0.0
        silent = self._beaten_at - self._progressed_at
        if silent > max(self._stalled_seconds, STALLED_AFTER_MEDIANS * usual):
            log.critical("job %s: no epoch for %.0f s, this process ends", self._lease.job_id, silent)
            self._leave()

    def _renew(self) -> None:
        with self._sessions.begin() as session:
            leases.heartbeat(session, self._lease, lease_seconds=self._lease_seconds)
        self._renewed_at = monotonic()
        self._in_contact = True

    def _look(self) -> LeaseStatus:
        with self._sessions.read() as session:
            standing = leases.check(
                session, self._lease, lease_seconds=self._lease_seconds, heartbeat_seconds=self._heartbeat_seconds
            )
            self._asked = predictions.waiting(session)
        if standing.cancel_requested:
            self._interruption = Cancelled
        return standing
