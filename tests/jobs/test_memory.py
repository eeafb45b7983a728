"""The estimate of a training's memory; tests/worker/training/test_memory_estimate.py compares it with the trainer."""

from typing import Any

import pytest

from jobs.memory import estimate_training_mb
from jobs.spec import JobSpec
from runtime.settings import Settings


def estimate(**given: Any) -> float:
    return estimate_training_mb(JobSpec(activation="gelu", **given))


def test_a_large_batch_needs_more_on_a_gpu_and_is_trained_in_parts_on_a_cpu():
    assert estimate(batch_size=8192) == estimate(batch_size=8192, device="cuda") > 2 * estimate(batch_size=128)
    assert estimate(batch_size=8192, device="cpu") == estimate(batch_size=256, device="cpu") < 500


def test_a_batch_holds_no_more_images_than_there_are():
    assert estimate(batch_size=8192, train_samples=128) == estimate(batch_size=128)


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 3), ("rmsprop", 4), ("adam", 5), ("adamw", 5)])
def test_an_optimizer_keeps_copies_of_the_weights(optimizer: str, copies: int):
    assert estimate(optimizer={"name": optimizer}) - estimate(optimizer={"name": "sgd"}) == pytest.approx(
        (copies - 3) * 4.799528
    )


def test_any_batch_fits_the_default_and_small_ones_the_lowest_limit():
    assert estimate(batch_size=8192) < Settings().max_training_mb
    assert estimate(batch_size=1024) < 4000
    with pytest.raises(ValueError, match="max_training_mb"):
        Settings(max_training_mb=3999)
