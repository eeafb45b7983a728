"""How far an epoch is, by a clock that the test sets."""

import pytest

from jobs.progress import EpochProgress
from tests.worker.training.histories import Start
from worker.training import progress_meter
from worker.training.progress_meter import ProgressMeter
from worker.training.train import Training


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_meter, "perf_counter", lambda: clock.now)
    return clock


def measure(meter: ProgressMeter) -> EpochProgress:
    progress = meter.measure()
    assert progress is not None
    return progress


def test_nothing_is_known_between_epochs_and_before_the_first_images(clock: Clock) -> None:
    meter = ProgressMeter(600, 300)
    assert meter.measure() is None
    meter.start(1)
    clock.now += 1
    assert meter.measure() is None
    meter.count_trained(100)
    assert meter.measure() is not None
    meter.end()
    meter.count_evaluated(100)  # of the test set
    assert meter.measure() is None


def test_an_image_is_validated_in_a_third_of_the_time_of_its_training_until_that_is_measured(clock: Clock) -> None:
    meter = ProgressMeter(600, 300)
    meter.start(1)
    clock.now += 3
    meter.count_trained(300)  # 100 a second
    assert measure(meter) == EpochProgress(1, 300, 600, 3 / 7, 100.0, 7.0)
    clock.now += 3
    meter.count_trained(300)
    meter.start_validation()
    assert measure(meter) == EpochProgress(1, 600, 600, 6 / 7, 100.0, 7.0)
    clock.now += 1
    meter.count_evaluated(100)  # 100 a second
    assert measure(meter) == EpochProgress(1, 600, 600, 7 / 9, 100.0, 9.0)
    clock.now += 2
    meter.count_evaluated(200)
    assert measure(meter).fraction == 1
    meter.end()
    meter.start(2)
    clock.now += 3
    meter.count_trained(300)
    assert measure(meter) == EpochProgress(2, 300, 600, 3 / 9, 100.0, 9.0), "validation takes 3 s as before"


def test_a_training_counts_the_images_of_its_epoch(start: Start) -> None:
    """128 images of training in four batches, then 60 of validation in one chunk; a call comes before each."""
    seen: list[EpochProgress | None] = []
    training: Training = start(lambda: seen.append(training.measure_progress()), epochs=1)
    next(training.epochs())
    assert [progress and (progress.epoch, progress.images, progress.images_total) for progress in seen] == [
        None,
        (1, 32, 128),
        (1, 64, 128),
        (1, 96, 128),
        (1, 128, 128),
    ]
    assert training.measure_progress() is None
    seen.clear()
    training.evaluate_on_test()
    assert set(seen) == {None}
