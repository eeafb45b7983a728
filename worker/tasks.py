"""What runs in a worker's child process: the Celery task, and the warm-up before the first one."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from types import FrameType
from typing import Any

from billiard.process import current_process
from celery import shared_task
from celery.signals import setup_logging, worker_process_init

from broker.app import PREDICT, TRAIN
from db.session import connect
from runtime import logs, settings, tracing
from worker.attempt import work_on
from worker.predictor import Predictor
from worker.registration import Presence
from worker.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Process:
    """What a child process keeps from job to job."""

    trainer: Trainer
    presence: Presence


@shared_task(name=TRAIN, bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def train_job(task: Any, job_id: str) -> None:  # noqa: ANN401  # Celery has no types
    process = this_process(task.request.hostname)
    with drained_by_sigterm(process.trainer.draining), process.presence.working_on(job_id):
        work_on(job_id, process.trainer, carrier=carrier_of(task))
    tracing.flush()


@shared_task(name=PREDICT, bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def predict_digit(task: Any, prediction_id: str) -> None:  # noqa: ANN401  # Celery has no types
    with tracing.span("predict", {"prediction_id": prediction_id}, carrier=carrier_of(task)):
        this_process(task.request.hostname).trainer.predictor.answer(prediction_id)


def carrier_of(task: Any) -> dict[str, str]:  # noqa: ANN401  # Celery has no types
    """The trace that the hint came from; a hint that was sent again has none."""
    parent = getattr(task.request, "traceparent", None)
    return {"traceparent": parent} if parent else {}


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery has no types
def log_as_configured(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """In place of Celery's own way; in the parent, which logs already, it changes nothing."""
    logs.start(settings.read(), sys.stderr)


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def warm_up(sender: str, **_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """Import torch before the first job waits for it."""
    this_process(sender)


@cache
def this_process(hostname: str) -> Process:
    """Torch is imported here, in the child, and never in its parent."""
    from worker.checkpoint import Checkpoints  # noqa: PLC0415
    from worker.prepare import device_name, prepare, use_gpu_of, use_threads  # noqa: PLC0415
    from worker.training.classifier import build_classifier  # noqa: PLC0415
    from worker.training.train import choose_device  # noqa: PLC0415

    configured = settings.read()
    tracing.start(configured, "activation-lab-worker")
    use_threads(configured.threads)
    use_gpu_of(current_process().index)
    sessions = connect(configured.database, pool_size=4, goes_first=True)
    owner = f"{hostname}/{os.getpid()}"
    checkpoints = Checkpoints(configured.checkpoints)
    trainer = Trainer(
        sessions=sessions,
        owner=owner,
        checkpoints=checkpoints,
        predictor=Predictor(sessions, checkpoints, build_classifier),
        prepare=partial(prepare, configured.mnist_dir),
        lease_seconds=configured.lease_seconds,
        heartbeat_seconds=configured.heartbeat_seconds,
        stalled_seconds=configured.stalled_seconds,
    )
    device = device_name(choose_device("auto"))
    return Process(trainer, Presence(sessions, owner, device, interval_seconds=configured.heartbeat_seconds))


@contextmanager
def drained_by_sigterm(draining: threading.Event) -> Iterator[None]:
    """While a job is trained, SIGTERM asks to stop at the next batch; an idle process just ends."""

    def drain(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's arguments
        draining.set()

    before = signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
