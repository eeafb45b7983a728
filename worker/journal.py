"""Epochs on their way to SQL, in order. During an outage of the database they wait here while training continues."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db import checkpoints, leases
from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.session import Sessions
from jobs.errors import DatabaseUnavailable
from jobs.metrics import EpochMetrics, LayerMetrics, ParameterMetrics
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """The results of one epoch; the checkpoint is a file already."""

    metrics: EpochMetrics
    layers: Sequence[LayerMetrics]
    checkpoint: CheckpointFile | None
    parameters: Sequence[ParameterMetrics] = ()


class Journal:
    """Holds the epochs of an attempt that are not in SQL yet.

    After an outage the heartbeat renews the lease first; nothing is written before that, or when the lease was lost.
    """

    def __init__(
        self, sessions: Sessions, lease: Lease, heartbeat: Heartbeat, delete: Callable[[str, str], None]
    ) -> None:
        self._sessions = sessions
        self._lease = lease
        self._heartbeat = heartbeat
        self._delete = delete
        self._entries: deque[Entry] = deque()

    def record(self, entry: Entry) -> None:
        """Write this epoch, now or after the outage. Raises Fenced when the lease is lost."""
        self._entries.append(entry)
        self.catch_up()

    def catch_up(self) -> None:
        """Write the waiting epochs as far as the database answers; cheap when there are none, or during an outage.

        Raises:
            Fenced: the lease is lost.
        """
        if not self._entries or not self._heartbeat.connected:
            return
        try:
            self.write_all()
        except DatabaseUnavailable as error:
            log.warning("job %s: %d epochs wait for the database: %s", self._lease.job_id, len(self._entries), error)
            self._heartbeat.disconnect()

    def write_all(self) -> None:
        """Write the waiting epochs.

        Raises:
            DatabaseUnavailable: the rest keeps waiting.
            Fenced: the lease is lost.
        """
        while self._entries:
            entry = self._entries[0]
            with self._sessions.begin() as session:
                leases.record_epoch(
                    session,
                    self._lease,
                    entry.metrics,
                    layers=entry.layers,
                    checkpoint=entry.checkpoint,
                    parameters=entry.parameters,
                )
                stale = checkpoints.forget_stale(session, self._lease.job_id) if entry.checkpoint else []
            self._entries.popleft()
            for path in stale:
                self.delete_file(path)

    def delete_file(self, path: str) -> None:
        try:
            self._delete(self._lease.job_id, path)
        except OSError:
            # The file goes with the job's folder when the job is deleted.
            log.exception("job %s: %s could not be deleted", self._lease.job_id, path)
