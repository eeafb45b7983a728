"""Retention: ended jobs are deleted by age and number, with their checkpoints, one by one while the service runs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from db import jobs, retention
from db.session import Sessions
from jobs.errors import JobNotFound
from storage import files

log = logging.getLogger(__name__)

BATCH = 25
PAUSE_SECONDS = 600.0
"""After the last expired job, before the next ones are looked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the ended jobs that are kept; a job that exceeds either is deleted."""

    max_age: timedelta | None = None
    keep: int | None = None


class Retention:
    """Deletes a batch of expired jobs in each round of the reconciler, and pauses once there are no more."""

    def __init__(self, sessions: Sessions, checkpoints_url: str, limits: Limits) -> None:
        self._sessions = sessions
        self._checkpoints_url = checkpoints_url
        self._limits = limits
        self._next_at = monotonic()

    def delete_batch(self) -> None:
        """Delete some expired jobs, unless another process does so at this moment.

        Raises:
            DatabaseUnavailable, OSError: a later round deletes the rest.
        """
        if monotonic() < self._next_at:
            return
        self._next_at = monotonic() + PAUSE_SECONDS  # also after an error
        with retention.try_turn(self._sessions) as taken:
            expired = list_expired(self._sessions, self._limits, limit=BATCH) if taken else []
            for job_id in expired:
                delete(self._sessions, self._checkpoints_url, job_id)
                log.info("deleted job %s, which ended long ago", job_id)
        if len(expired) == BATCH:
            self._next_at = monotonic()


def list_expired(sessions: Sessions, limits: Limits, *, limit: int | None = None) -> Sequence[str]:
    with sessions.read() as session:
        return retention.list_expired(session, max_age=limits.max_age, keep=limits.keep, limit=limit)


def delete(sessions: Sessions, checkpoints_url: str, job_id: str) -> None:
    """Delete the files before the rows, so that no file outlives its job."""
    files.delete_folder(files.join(checkpoints_url, job_id))
    try:
        with sessions.begin() as session:
            jobs.remove(session, job_id)
    except JobNotFound:  # a client has deleted it meanwhile
        return
