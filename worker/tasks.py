"""A worker's child process: its Celery tasks, and the warm-up before the first one."""

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
from db import schema
from db.session import connect
from runtime import logs, settings, tracing
from runtime.garbage import postpone_collection
from worker.attempt import work_on
from worker.predictor import Predictor
from worker.registration import Registration
from worker.trainer import Trainer


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """Holds what a child process keeps from job to job."""

    trainer: Trainer
    registration: Registration


@shared_task(name=TRAIN, bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def train_job(task: Any, job_id: str) -> None:  # noqa: ANN401  # Celery has no types
    process = prepare_process(task.request.hostname)
    with drain_on_sigterm(process.trainer.draining), process.registration.show_job(job_id):
        work_on(job_id, process.trainer, carrier=get_carrier(task))
    tracing.flush()


@shared_task(name=PREDICT, bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def predict_digit(task: Any, prediction_id: str) -> None:  # noqa: ANN401  # Celery has no types
    with tracing.span("predict", {"prediction_id": prediction_id}, carrier=get_carrier(task)):
        prepare_process(task.request.hostname).trainer.predictor.answer(prediction_id)


def get_carrier(task: Any) -> dict[str, str]:  # noqa: ANN401  # Celery has no types
    """Return the trace that the hint belongs to; a hint that was sent again belongs to none."""
    parent = getattr(task.request, "traceparent", None)
    return {"traceparent": parent} if parent else {}


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery has no types
def start_logging(**_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """Log as the settings say in place of Celery's way; in the parent, which logs already, it changes nothing."""
    logs.start(settings.read(), sys.stderr)


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def warm_up(sender: str, **_: Any) -> None:  # noqa: ANN401  # Celery's signals pass what they like
    """Import torch before the first job arrives."""
    prepare_process(sender)


@cache
def prepare_process(hostname: str) -> ChildProcess:
    """Import torch here, in the child, and never in its parent; once a process."""
    wait_passively()
    with postpone_collection():
        from worker.checkpoint import Checkpoints  # noqa: PLC0415
        from worker.prepare import describe_device, prepare, select_gpu, set_threads  # noqa: PLC0415
        from worker.training.classifier import build_classifier  # noqa: PLC0415
        from worker.training.train import choose_device  # noqa: PLC0415

    configured = settings.read()
    tracing.start(configured, "activation-lab-worker")
    set_threads(configured.threads)
    select_gpu(current_process().index)
    sessions = connect(configured.database, pool_size=4, goes_first=True)
    schema.guard(sessions)
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
    device = describe_device(choose_device("auto"))
    return ChildProcess(trainer, Registration(sessions, owner, device, interval_seconds=configured.heartbeat_seconds))


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait for another, unless the user has chosen. Call it before torch loads.

    By default they spin, and take the core from the thread that they wait for where anything else runs too.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@contextmanager
def drain_on_sigterm(draining: threading.Event) -> Iterator[None]:
    """Stop at the next batch when SIGTERM comes during a job; an idle process just ends."""

    def drain(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's arguments
        draining.set()

    before = signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
