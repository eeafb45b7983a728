"""A worker that trains nothing: it claims jobs and writes figures of a test's choice under a real lease."""

from collections.abc import Sequence
from typing import Any

from db import leases
from db.checkpoints import CheckpointFile
from db.leases import Lease
from db.session import Sessions
from jobs.errors import TrainingError
from jobs.metrics import Evaluation, LayerMetrics, ParameterMetrics
from tests.support import protocol
from tests.support.figures import ENVIRONMENT, TEST, epoch_metrics, epoch_progress


class FakeWorker:
    def __init__(self, sessions: Sessions, owner: str = "worker/1") -> None:
        self.sessions = sessions
        self.owner = owner

    def claim(self, job_id: str) -> Lease:
        return protocol.claim(self.sessions, job_id, self.owner)

    def record(
        self,
        lease: Lease,
        epoch: int = 1,
        *,
        layers: Sequence[LayerMetrics] = (),
        checkpoint: CheckpointFile | None = None,
        parameters: Sequence[ParameterMetrics] = (),
        **figures: Any,
    ) -> None:
        metrics = epoch_metrics(epoch, **figures)
        with self.sessions.begin() as session:
            leases.record_epoch(session, lease, metrics, layers=layers, checkpoint=checkpoint, parameters=parameters)

    def start(self, lease: Lease, *parameters: ParameterMetrics) -> None:
        """Record where the job is trained, and what its learnt parameters start from."""
        with self.sessions.begin() as session:
            leases.record_start(session, lease, ENVIRONMENT, parameters)

    def report(self, lease: Lease, epoch: int = 1, **figures: Any) -> None:
        """Renew the lease with the progress of an epoch."""
        with self.sessions.begin() as session:
            leases.heartbeat(session, lease, lease_seconds=60, progress=epoch_progress(epoch, **figures))

    def checkpoint(self, lease: Lease, epoch: int) -> None:
        """Record an epoch with a checkpoint, whose file does not exist."""
        file = CheckpointFile(epoch, lease.attempt, f"{lease.job_id}/{epoch}", "0" * 64, 1)
        self.record(lease, epoch, checkpoint=file)

    def train(self, job_id: str, *val_losses: float, **figures: Any) -> Lease:
        """Claim a job and record an epoch for each validation loss; the job goes on."""
        lease = self.claim(job_id)
        for epoch, val_loss in enumerate(val_losses, start=1):
            self.record(lease, epoch, val_loss=val_loss, **figures)
        return lease

    def succeed(self, lease: Lease, test: Evaluation = TEST) -> None:
        with self.sessions.begin() as session:
            leases.succeed(session, lease, test)

    def fail(self, lease: Lease, error: TrainingError) -> None:
        with self.sessions.begin() as session:
            leases.fail(session, lease, error)

    def cancel(self, lease: Lease) -> None:
        with self.sessions.begin() as session:
            leases.cancel(session, lease)
