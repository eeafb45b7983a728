"""One job from its hint to its end: claim, train, record, finish. Knows neither Celery nor torch."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from structlog.contextvars import bound_contextvars
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    stop_all,
    stop_when_event_set,
    wait_exponential_jitter,
)

from db import leases
from db.checkpoints import CheckpointFile
from db.leases import Claim
from db.session import Sessions
from jobs.errors import CheckpointDamaged, DatabaseUnavailable, Fenced, InternalError, TrainingError
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics
from jobs.spec import JobSpec
from runtime import tracing
from worker.heartbeat import Cancelled, Draining, Heartbeat
from worker.journal import Entry, Journal
from worker.predictor import Predictor

log = logging.getLogger(__name__)
T = TypeVar("T")
LONGEST_WAIT_SECONDS = 2
DRAINED_WITHIN_SECONDS = 5
STORAGE_BACK_WITHIN_SECONDS = 60
Tensors = Mapping[str, Any]  # of torch, which this module does not know


class Training(Protocol):
    """What is needed of a training; worker/training/train.py has the real one."""

    @property
    def layers(self) -> Sequence[LayerMetrics]: ...
    def state_dict(self) -> Tensors: ...
    def load_state_dict(self, tensors: Tensors) -> None: ...
    def epochs(self) -> Iterable[EpochMetrics]: ...
    def evaluate_on_test(self) -> Evaluation: ...


class Checkpoints(Protocol):
    """What is needed of a store of checkpoints; worker/checkpoint.py has the real one."""

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Tensors) -> CheckpointFile: ...
    def load(self, path: str, sha256: str) -> Tensors: ...
    def delete(self, path: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Runner:
    """What the jobs of one worker process have in common."""

    sessions: Sessions
    owner: str
    checkpoints: Checkpoints
    prepare: Callable[[JobSpec, Callable[[], None]], tuple[Training, Environment]]
    """Makes a training ready to start; the callable it is given is called between batches and may raise."""
    predictor: Predictor
    lease_seconds: float = 60
    heartbeat_seconds: float = 10
    stalled_seconds: float = 1800
    draining: threading.Event = field(default_factory=threading.Event)

    def make_heartbeat(self, claim: Claim) -> Heartbeat:
        return Heartbeat(
            self.sessions,
            claim.lease,
            self.lease_seconds,
            self.heartbeat_seconds,
            self.draining,
            stalled_seconds=self.stalled_seconds,
        )


def run(job_id: str, runner: Runner, *, carrier: Mapping[str, str] | None = None) -> None:
    """Train the job to its end, or as far as its client, its lease and this worker allow.

    A hint that is stale or doubled does nothing. Every other end is written to SQL. The carrier leads to the trace of
    the request that sent the hint.
    """
    with bound_contextvars(worker=runner.owner, job_id=job_id):
        claim = claimed(job_id, runner)
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
                attempt(claim, runner)


def claimed(job_id: str, runner: Runner) -> Claim | None:
    try:
        with runner.sessions.begin() as session:
            claim = leases.claim(session, job_id, runner.owner, lease_seconds=runner.lease_seconds)
    except DatabaseUnavailable as error:
        log.warning("job %s stays queued, its hint will come again: %s", job_id, error)
        return None
    if claim is None:
        log.info("the hint for job %s was stale or doubled", job_id)
    return claim


def attempt(claim: Claim, runner: Runner) -> None:
    job_id = claim.lease.job_id
    log.info("job started", extra={"activation": claim.spec.activation, "epochs_done": claim.epochs_done})
    try:
        with runner.make_heartbeat(claim) as heartbeat:
            Run(runner, claim, heartbeat).to_its_end()
    except Fenced:
        log.warning("job %s was taken from attempt %d", job_id, claim.lease.attempt)
        prove_alive(claim, runner)
    except DatabaseUnavailable as error:
        log.warning("job %s is left to the end of its lease: %s", job_id, error)


def prove_alive(claim: Claim, runner: Runner) -> None:
    """Take the crash back: a worker that comes back to a lost lease was suspended, or could not write."""
    try:
        for attempt in patiently(runner.draining):
            with attempt, runner.sessions.begin() as session:
                if leases.take_back_crash(session, claim.lease):
                    log.info("job %s: attempt %d was no crash", claim.lease.job_id, claim.lease.attempt)
    except DatabaseUnavailable as error:
        log.warning("job %s: a crash stays counted: %s", claim.lease.job_id, error)


def patiently(draining: threading.Event) -> Retrying:
    """Until the database answers; but a draining worker has only seconds left."""
    return Retrying(
        retry=retry_if_exception_type(DatabaseUnavailable),
        wait=wait_exponential_jitter(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
        stop=stop_all(stop_when_event_set(draining), stop_after_delay(DRAINED_WITHIN_SECONDS)),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )


class Run:
    """One attempt at a job."""

    def __init__(self, runner: Runner, claim: Claim, heartbeat: Heartbeat) -> None:
        self.runner = runner
        self.claim = claim
        self.heartbeat = heartbeat
        self.journal = Journal(runner.sessions, claim.lease, heartbeat, runner.checkpoints.delete)

    def to_its_end(self) -> None:
        """Raises Fenced when the lease is lost, DatabaseUnavailable when a draining worker cannot wait longer."""
        try:
            evaluation = self.train()
        except Cancelled:
            self.end(leases.cancel)
        except Draining:
            self.end(leases.release, "the worker shuts down")
        except TrainingError as error:
            self.end(leases.fail, error)
        except (Fenced, DatabaseUnavailable):
            raise
        except Exception as error:
            # Whatever it was, the client learns that the job ended, and the log has the traceback.
            log.exception("job %s met an error without a name", self.claim.lease.job_id)
            self.end(leases.fail, InternalError(f"{type(error).__name__}: {error}"))
        else:
            self.end(leases.succeed, evaluation)

    def train(self) -> Evaluation:
        training, environment = self.runner.prepare(self.claim.spec, self.between_batches)
        self.persist(leases.record_environment, environment)
        self.resume(training)
        for metrics in training.epochs():
            if metrics.epoch > self.claim.epochs_done:  # else recomputed, after an older checkpoint
                self.record(training, metrics)
        return training.evaluate_on_test()

    def resume(self, training: Training) -> None:
        """Load the newest checkpoint that is whole; with none, training starts from its seed and comes to the same."""
        for checkpoint in self.persist(leases.list_checkpoints):
            try:
                training.load_state_dict(self.load(checkpoint.path, checkpoint.sha256))
            except CheckpointDamaged as error:
                log.warning("job %s: %s; going back one", self.claim.lease.job_id, error)
            except OSError:
                log.exception("job %s starts over: its checkpoints cannot be read", self.claim.lease.job_id)
                return
            else:
                return

    def load(self, path: str, sha256: str) -> Tensors:
        """Storage that is away is waited for: to train all those epochs again would take longer."""
        for attempt in Retrying(
            retry=retry_if_exception_type(OSError),
            wait=wait_exponential_jitter(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
            stop=stop_after_delay(STORAGE_BACK_WITHIN_SECONDS),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        ):
            with attempt:
                self.heartbeat.check()
                tensors = self.runner.checkpoints.load(path, sha256)
        return tensors

    def between_batches(self) -> None:
        self.heartbeat.check()
        self.journal.catch_up()
        if self.heartbeat.prediction_waiting():
            self.runner.predictor.answer_waiting()

    def record(self, training: Training, metrics: EpochMetrics) -> None:
        """Checkpoint first: an epoch that SQL knows can always be gone on from."""
        tracing.ended("train epoch", {"epoch": metrics.epoch, "loss": metrics.loss}, seconds=metrics.epoch_seconds)
        checkpoint = self.save(training, metrics.epoch)
        self.heartbeat.record_progress()
        self.journal.record(Entry(metrics, training.layers, checkpoint))

    def save(self, training: Training, epoch: int) -> CheckpointFile | None:
        spec, lease = self.claim.spec, self.claim.lease
        if epoch % spec.checkpoint_every and epoch != spec.epochs:
            return None
        try:
            return self.runner.checkpoints.save(lease.job_id, epoch, lease.attempt, training.state_dict())
        except OSError:
            # A full disk costs recomputing after a crash, not the epoch.
            log.exception("job %s: epoch %d has no checkpoint", lease.job_id, epoch)
            return None

    def end(self, verb: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  # the verb's own
        """Every epoch first, then the end."""
        for attempt in patiently(self.runner.draining):
            with attempt:
                self.journal.write_all()
        self.persist(verb, *arguments)
        log.info("job left", extra={"how": verb.__name__})

    def persist(self, verb: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  # the verb's own
        """Call a verb of the store with this job's lease, waiting for the database as long as it is away."""
        for attempt in patiently(self.runner.draining):
            with attempt, self.runner.sessions.begin() as session:
                result = verb(session, self.claim.lease, *arguments)
        return result
