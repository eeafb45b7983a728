"""The sign of life of a job in training, on a thread and a connection of its own."""

import logging
import threading
from time import monotonic
from typing import Self

from db import store
from db.session import Sessions
from db.store import Lease
from jobs.errors import DatabaseUnavailable, Fenced

log = logging.getLogger(__name__)

CANCEL_POLL_SECONDS = 0.5


class Cancelled(Exception):
    """A client asked to cancel the job."""


class Draining(Exception):
    """The worker is to stop; another one goes on with the job."""


class Pulse:
    """Renews a lease while training, and learns of cancellation, of a lost lease and of draining."""

    def __init__(
        self,
        sessions: Sessions,
        lease: Lease,
        lease_seconds: float,
        heartbeat_seconds: float,
        draining: threading.Event,
    ) -> None:
        self._sessions = sessions
        self._lease = lease
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._draining = draining
        self._stopped = threading.Event()
        self._interruption: type[Exception] | None = None
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{lease.job_id}", daemon=True)

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

    def _beat(self) -> None:
        renewed_at = monotonic()
        while self._interruption is None and not self._stopped.wait(CANCEL_POLL_SECONDS):
            try:
                if monotonic() - renewed_at >= self._heartbeat_seconds:
                    self._renew()
                    renewed_at = monotonic()
                self._look()
            except DatabaseUnavailable as error:
                log.warning("job %s: no heartbeat: %s", self._lease.job_id, error)
            except Fenced:
                self._interruption = Fenced

    def _renew(self) -> None:
        with self._sessions.begin() as session:
            store.heartbeat(session, self._lease, lease_seconds=self._lease_seconds)

    def _look(self) -> None:
        with self._sessions.read() as session:
            if not store.wanted(session, self._lease):
                self._interruption = Cancelled
