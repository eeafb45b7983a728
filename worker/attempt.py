"""One attempt at a job, from its hint to its end: claim, train, record, finish. Knows neither Celery nor torch."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from structlog.contextvars import bound_contextvars

from db import leases
from db.checkpoints import CheckpointFile
from db.leases import Claim
from jobs.errors import CheckpointDamaged, DatabaseUnavailable, Fenced, InternalError, TrainingError
from jobs.metrics import EpochMetrics, Evaluation
from runtime import tracing
from storage.checkpoints import Listed
from worker.heartbeat import Cancelled, Draining, Heartbeat
from worker.journal import Entry, Journal
from worker.retries import retry_database, retry_storage
from worker.trainer import Tensors, Trainer, Training

log = logging.getLogger(__name__)
T = TypeVar("T")


def work_on(job_id: str, trainer: Trainer, *, carrier: Mapping[str, str] | None = None) -> None:
    """Train the job to its end, or as far as its client, its lease and this worker allow.

    A stale or duplicate hint changes nothing. Every other outcome is written to SQL. The carrier continues the trace of
    the request that sent the hint.
    """
    with bound_contextvars(worker=trainer.owner, job_id=job_id):
        claim = try_claim(job_id, trainer)
        if claim is not None:
            attributes: tracing.Attributes = {
                "job_id": job_id,
                "attempt": claim.lease.attempt,
                "activation": claim.spec.activation,
            }
            with (
                bound_contextvars(attempt=claim.lease.attempt),
                tracing.span("train job", attributes, carrier=carrier),
            ):
                train_claimed(claim, trainer)


def try_claim(job_id: str, trainer: Trainer) -> Claim | None:
    try:
        with trainer.sessions.begin() as session:
            claim = leases.claim(session, job_id, trainer.owner, lease_seconds=trainer.lease_seconds)
    except DatabaseUnavailable as error:
        log.warning("job %s stays queued, its hint will be sent again: %s", job_id, error)
        return None
    if claim is None:
        log.info("the hint for job %s was stale or a duplicate", job_id)
    return claim


def train_claimed(claim: Claim, trainer: Trainer) -> None:
    job_id = claim.lease.job_id
    log.info("job started", extra={"activation": claim.spec.activation, "epochs_done": claim.epochs_done})
    try:
        with trainer.make_heartbeat(claim.lease) as heartbeat:
            Attempt(trainer, claim, heartbeat).execute()
    except Fenced:
        log.warning("job %s was taken from attempt %d", job_id, claim.lease.attempt)
        take_back_crash(claim, trainer)
    except DatabaseUnavailable as error:
        log.warning("job %s keeps its lease until that expires: %s", job_id, error)


def take_back_crash(claim: Claim, trainer: Trainer) -> None:
    """Uncount the crash: this worker lost its lease, but it was only suspended, or could not write."""
    try:
        for retry in retry_database(trainer.draining):
            with retry, trainer.sessions.begin() as session:
                if leases.take_back_crash(session, claim.lease):
                    log.info("job %s: attempt %d was no crash", claim.lease.job_id, claim.lease.attempt)
    except DatabaseUnavailable as error:
        log.warning("job %s: a crash stays counted: %s", claim.lease.job_id, error)


class Attempt:
    """Trains a claimed job, and writes its epochs and its end under its lease."""

    def __init__(self, trainer: Trainer, claim: Claim, heartbeat: Heartbeat) -> None:
        self.trainer = trainer
        self.claim = claim
        self.heartbeat = heartbeat
        self.journal = Journal(trainer.sessions, claim.lease, heartbeat, trainer.checkpoints.delete)

    def execute(self) -> None:
        """Train, and write how it ended.

        Raises:
            Fenced: the lease is lost.
            DatabaseUnavailable: the worker drains and cannot wait longer.
        """
        try:
            evaluation = self.train()
        except Cancelled:
            self.finish(leases.cancel)
        except Draining:
            self.finish(leases.release, "the worker shuts down")
        except TrainingError as error:
            self.finish(leases.fail, error)
        except (Fenced, DatabaseUnavailable):
            raise
        except Exception as error:
            # Whatever it was, the client learns that the job ended, and the log has the traceback.
            log.exception("job %s failed with an unexpected error", self.claim.lease.job_id)
            self.finish(leases.fail, InternalError(f"{type(error).__name__}: {error}"))
        else:
            self.finish(leases.succeed, evaluation)

    def train(self) -> Evaluation:
        training, environment = self.trainer.prepare(self.claim.spec, self.between_batches)
        self.write_fenced(leases.record_start, environment, training.initial_parameters())
        self.resume(training)
        self.heartbeat.report(training.measure_progress)
        for metrics in training.epochs():
            if metrics.epoch > self.claim.epochs_done:  # else recomputed, after an older checkpoint
                self.record(training, metrics)
        return training.evaluate_on_test()

    def resume(self, training: Training) -> None:
        """Load the newest undamaged checkpoint; without one, training from the seed leads to the same history."""
        for checkpoint in self.write_fenced(leases.list_checkpoints):
            try:
                training.load_state_dict(self.load_checkpoint(checkpoint))
            except CheckpointDamaged as error:
                log.warning("job %s: %s; trying the one before it", self.claim.lease.job_id, error)
            except OSError:
                log.exception("job %s starts over: its checkpoints cannot be read", self.claim.lease.job_id)
                return
            else:
                return

    def load_checkpoint(self, checkpoint: Listed) -> Tensors:
        for retry in retry_storage():
            with retry:
                self.heartbeat.check()
                tensors = self.trainer.checkpoints.load(checkpoint)
        return tensors

    def between_batches(self) -> None:
        self.heartbeat.check()
        self.journal.catch_up()
        if self.heartbeat.prediction_waiting():
            self.trainer.predictor.answer_waiting()

    def record(self, training: Training, metrics: EpochMetrics) -> None:
        """Save a checkpoint, then the epoch: training can resume from every epoch that SQL knows."""
        tracing.record_span(
            "train epoch", {"epoch": metrics.epoch, "loss": metrics.loss}, seconds=metrics.epoch_seconds
        )
        checkpoint = self.save_checkpoint(training, metrics.epoch)
        self.heartbeat.record_epoch()
        self.journal.record(Entry(metrics, training.layers, checkpoint, training.parameters))

    def save_checkpoint(self, training: Training, epoch: int) -> CheckpointFile | None:
        spec, lease = self.claim.spec, self.claim.lease
        if epoch % spec.checkpoint_every and epoch != spec.epochs:
            return None
        try:
            return self.trainer.checkpoints.save(lease.job_id, epoch, lease.attempt, training.state_dict())
        except OSError:
            # A full disk costs recomputing after a crash, not the epoch.
            log.exception("job %s: epoch %d has no checkpoint", lease.job_id, epoch)
            return None

    def finish(self, write: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  # the function's own
        """Write all waiting epochs, then the end."""
        for retry in retry_database(self.trainer.draining):
            with retry:
                self.journal.write_all()
        self.write_fenced(write, *arguments)
        log.info("attempt ended", extra={"how": write.__name__})

    def write_fenced(self, write: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  # the function's own
        """Call a function of db.leases with this attempt's lease, and retry while the database is away."""
        for retry in retry_database(self.trainer.draining):
            with retry, self.trainer.sessions.begin() as session:
                result = write(session, self.claim.lease, *arguments)
        return result
