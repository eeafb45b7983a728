"""Histories of short trainings on the real images, for tests of training."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.models import Checkpoint
from jobs.errors import Diverged
from jobs.metrics import EpochMetrics
from jobs.spec import JobSpec
from tests.support.figures import NOT_REPEATABLE
from worker.checkpoint import Checkpoints
from worker.training.train import Training

Start = Callable[..., Training]
Tiny = Callable[..., JobSpec]

NO_DROPOUT = {"convolution": 0.0, "dense": 0.0}
OPTIMIZERS = [
    {"name": "adam", "weight_decay": 0.01},
    {"name": "adamw"},
    {"name": "rmsprop", "momentum": 0.5},
    {"name": "sgd", "momentum": 0.9, "learning_rate": 0.1},
    {"name": "sgd"},
]


def drop_times(metrics: EpochMetrics) -> EpochMetrics:
    """Leave out the times."""
    return dataclasses.replace(metrics, **dict.fromkeys(NOT_REPEATABLE & {*dataclasses.asdict(metrics)}, 0.0))


def compute_history(training: Training) -> list[EpochMetrics]:
    return [drop_times(metrics) for metrics in training.epochs()]


def resume_after_an_epoch(start: Start, folder: Path, **changes: Any) -> Training:
    """Train one epoch, and resume it from its checkpoint in another training."""
    interrupted = start(**changes)
    next(interrupted.epochs())
    checkpoints = Checkpoints(folder.as_uri())
    saved = checkpoints.save("job", 1, 1, interrupted.state_dict())
    resumed = start(**changes)
    resumed.load_state_dict(checkpoints.load(Checkpoint(job_id="job", **dataclasses.asdict(saved))))
    return resumed


DIVERGING = {"epochs": 6, "batch_size": 64, "activation": "elu", "clip": None, "loss": "cross_entropy"}


def train_until_diverged(training: Training) -> tuple[list[int], str]:
    yielded = []
    with pytest.raises(Diverged) as raised:  # noqa: PT012  # the epochs before it matter
        for metrics in training.epochs():
            yielded.append(metrics.epoch)  # noqa: PERF401
    return yielded, str(raised.value)
