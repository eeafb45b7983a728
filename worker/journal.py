"""Epochs on their way to SQL, in order. While the database is away training goes on, and they wait here."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db import checkpoints, leases
from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.session import Sessions
from jobs.errors import DatabaseUnavailable
from jobs.metrics import EpochMetrics, LayerMetrics
from worker.heartbeat import Pulse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """All that one epoch leaves behind; the checkpoint is a file already."""

    metrics: EpochMetrics
    layers: Sequence[LayerMetrics]
    checkpoint: CheckpointFile | None


class Journal:
    """What an attempt has trained and SQL does not know yet.

    After an outage the pulse renews the lease first; only then is anything written here, and nothing at all where the
    lease was lost.
    """

    def __init__(self, sessions: Sessions, lease: Lease, pulse: Pulse, delete: Callable[[str], None]) -> None:
        self._sessions = sessions
        self._lease = lease
        self._pulse = pulse
        self._delete = delete
        self._entries: deque[Entry] = deque()

    def record(self, entry: Entry) -> None:
        """Write this epoch, at once or when the database is back. Raises Fenced when the lease is lost."""
        self._entries.append(entry)
        self.catch_up()

    def catch_up(self) -> None:
        """Write what waits, as far as the database answers; cheap where nothing waits or nothing can be written.

        Raises:
            Fenced: the lease is lost.
        """
        if not self._entries or not self._pulse.in_contact:
            return
        try:
            self.write_all()
        except DatabaseUnavailable as error:
            log.warning("job %s: %d epochs wait for the database: %s", self._lease.job_id, len(self._entries), error)
            self._pulse.lose_contact()

    def write_all(self) -> None:
        """Write what waits.

        Raises:
            DatabaseUnavailable: the rest waits on.
            Fenced: the lease is lost.
        """
        while self._entries:
            entry = self._entries[0]
            with self._sessions.begin() as session:
                leases.record_epoch(
                    session, self._lease, entry.metrics, layers=entry.layers, checkpoint=entry.checkpoint
                )
                stale = checkpoints.forget_stale(session, self._lease.job_id) if entry.checkpoint else []
            self._entries.popleft()
            for path in stale:
                self._forget(path)

    def _forget(self, path: str) -> None:
        try:
            self._delete(path)
        except OSError:
            # It lies there until the job is deleted, with the folder it lies in.
            log.exception("job %s: %s could not be deleted", self._lease.job_id, path)
