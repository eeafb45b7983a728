"""Counts images, so that another thread can tell how far an epoch is."""

from dataclasses import dataclass
from time import perf_counter

from jobs.progress import EpochProgress

FORWARD_SHARE = 1 / 3
"""Of the time that an image takes in training: a backward pass costs about two forward passes."""


@dataclass(slots=True)
class RunningEpoch:
    number: int
    started: float
    trained: int = 0
    training_ended: float | None = None
    validated: int = 0


class ProgressMeter:
    """Written by the training thread, read by any other: a new epoch is a new object, so a reader never mixes two."""

    def __init__(self, training: int, validation: int) -> None:
        self.training = training
        self.validation = validation
        self.epoch: RunningEpoch | None = None
        self.validation_seconds: float | None = None
        """Of the last epoch."""

    def start(self, number: int) -> None:
        self.epoch = RunningEpoch(number, perf_counter())

    def count_trained(self, images: int) -> None:
        if self.epoch is not None:
            self.epoch.trained += images

    def start_validation(self) -> None:
        if self.epoch is not None:
            self.epoch.training_ended = perf_counter()

    def count_evaluated(self, images: int) -> None:
        """Count images of the validation; between epochs, as of the test set, they belong to none."""
        if self.epoch is not None:
            self.epoch.validated += images

    def end(self) -> None:
        if self.epoch is not None and self.epoch.training_ended is not None:
            self.validation_seconds = perf_counter() - self.epoch.training_ended
        self.epoch = None

    def measure(self) -> EpochProgress | None:
        """Measure the epoch in training; None between epochs and before the first images."""
        epoch, now = self.epoch, perf_counter()
        if epoch is None or not epoch.trained:
            return None
        trained, elapsed = epoch.trained, now - epoch.started
        rate = trained / ((epoch.training_ended or now) - epoch.started)
        left = (self.training - trained) / rate + self.estimate_validation(epoch, rate, now)
        return EpochProgress(
            epoch=epoch.number,
            images=trained,
            images_total=self.training,
            fraction=elapsed / (elapsed + left),
            images_per_second=rate,
            epoch_seconds=elapsed + left,
        )

    def estimate_validation(self, epoch: RunningEpoch, rate: float, now: float) -> float:
        """Estimate the seconds of validation left: by its own pace, else as in the last epoch, else from training."""
        if epoch.training_ended is not None and epoch.validated:
            pace = (now - epoch.training_ended) / epoch.validated
            return pace * max(0, self.validation - epoch.validated)
        return self.validation_seconds or self.validation * FORWARD_SHARE / rate
