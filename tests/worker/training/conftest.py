from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.spec import JobSpec
from worker.training import data
from worker.training.data import Mnist
from worker.training.train import Training

DATA = Path(__file__).parents[3] / "data"
TINY = {
    "activation": "relu",
    "epochs": 2,
    "train_samples": 128,
    "batch_size": 32,
    "validation": {"kind": "holdout", "fraction": 0.001},
    "device": "cpu",
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # on busy cores two threads mostly wait for each other


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    return data.load(DATA)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., JobSpec]:
    """A spec that trains in a moment on the real images, with some fields changed."""
    return lambda **changes: JobSpec.model_validate(TINY | changes)


@pytest.fixture(scope="session")
def start(mnist: Mnist, tiny: Callable[..., JobSpec]) -> Callable[..., Training]:
    """A Training of the tiny spec with some fields changed."""

    def start(between_batches: Callable[[], Any] = lambda: None, **changes: object) -> Training:
        return Training(tiny(**changes), mnist, device=torch.device("cpu"), between_batches=between_batches)

    return start
