from collections.abc import Callable

import pytest
import torch

from jobs.errors import GpuOutOfMemory, HostOutOfMemory
from tests.worker.training.histories import (
    DIVERGING,
    Start,
    train_until_diverged,
)


def test_the_hook_is_called_at_least_every_256_images_even_in_a_batch_of_8192(start: Start) -> None:
    since_the_call = 0
    most = seen = 0

    def hook() -> None:
        nonlocal since_the_call
        since_the_call = 0

    def count(_: object, inputs: tuple[torch.Tensor]) -> None:
        nonlocal since_the_call, most, seen
        since_the_call += len(inputs[0])
        most, seen = max(most, since_the_call), seen + len(inputs[0])

    training = start(hook, batch_size=8192, train_samples=700, validation={"kind": "test"})
    training.network.register_forward_pre_hook(count)

    training.train_on_batches(1)
    training.evaluate_on_test()

    assert seen == 700 + 10_000
    assert most <= 256


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("calls", [1, 3, 5])
def test_what_the_hook_raises_stops_the_epoch(start: Start, calls: int) -> None:
    made = []

    def hook() -> None:
        made.append(None)
        if len(made) == calls:
            raise Cancelled

    training = start(hook)

    with pytest.raises(Cancelled):
        list(training.epochs())
    assert len(made) == calls
    assert training.epoch == 0


def test_a_diverging_job_keeps_its_epochs_and_names_the_batch(start: Start) -> None:
    training = start(**DIVERGING, optimizer={"name": "sgd", "learning_rate": 100.0, "momentum": 0.9})

    yielded, message = train_until_diverged(training)

    assert yielded == [1]
    assert "training loss" in message
    assert "epoch 2, batch 2" in message


def test_a_non_finite_validation_loss_ends_the_job_as_well(start: Start) -> None:
    training = start(**DIVERGING, optimizer={"name": "sgd", "learning_rate": 10.0, "momentum": 0.9})

    yielded, message = train_until_diverged(training)

    assert yielded == [1]
    assert "validation loss of epoch 2" in message


def test_a_failed_allocation_has_a_name(start: Start) -> None:
    with pytest.raises(HostOutOfMemory):
        list(start(lambda: torch.empty(2**50)).epochs())
    with pytest.raises(HostOutOfMemory):
        start(raising(MemoryError())).evaluate_on_test()
    with pytest.raises(GpuOutOfMemory):
        list(start(raising(torch.OutOfMemoryError("CUDA out of memory"))).epochs())
    with pytest.raises(RuntimeError, match="something else"):
        list(start(raising(RuntimeError("something else"))).epochs())


def raising(error: Exception) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook
