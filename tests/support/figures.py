"""Figures as a worker measures them. A test names those that it is about; the others are the same in every test."""

from dataclasses import replace
from typing import Any

from jobs.metrics import EPOCH_FIGURES, Environment, EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.progress import EpochProgress

EPOCH = EpochMetrics(
    epoch=1,
    loss=0.1,
    accuracy=0.5,
    binary_accuracy=0.9,
    val_loss=1 / 3,  # which takes all digits of a float
    val_accuracy=0.6,
    val_binary_accuracy=0.95,
    learning_rate=1e-3,
    epoch_seconds=2.0,
    images_per_second=1000.0,
)
LAYER = LayerMetrics(
    epoch=1,
    layer="conv1",
    gradient_norm=0.1,
    update_ratio=1e-3,
    activation_mean=0.2,
    activation_variance=0.3,
    zero_fraction=0.4,
    dead_fraction=0.0,
    saturated_fraction=0.1,
    clipped_fraction=0.0,
)
OUTPUT_LAYER = replace(
    LAYER,
    layer="dense2",
    activation_mean=None,
    activation_variance=None,
    zero_fraction=None,
    dead_fraction=None,
    saturated_fraction=None,
)
"""It has no activation of which these could be figures."""
PARAMETER = ParameterMetrics(epoch=1, layer="conv1", parameter="alpha", mean=0.2, minimum=0.1, maximum=1 / 3)
ENVIRONMENT = Environment("cpu", "2", "3", 1, "0", "0" * 64)
PROGRESS = EpochProgress(
    epoch=1, images=4200, images_total=6000, fraction=0.5, images_per_second=650.0, epoch_seconds=12.0
)
TEST = Evaluation(loss=0.1, accuracy=0.9, binary_accuracy=0.98)

NOT_REPEATABLE = {name for name, figure in EPOCH_FIGURES.items() if not figure.repeatable}
"""The figures of an epoch that differ when the same training is repeated."""


def epoch_metrics(epoch: int = 1, **figures: Any) -> EpochMetrics:
    return replace(EPOCH, epoch=epoch, **figures)


def layer_metrics(epoch: int = 1, layer: str = "conv1", **figures: Any) -> LayerMetrics:
    return replace(LAYER, epoch=epoch, layer=layer, **figures)


def parameter_metrics(epoch: int = 1, layer: str = "conv1", **figures: Any) -> ParameterMetrics:
    return replace(PARAMETER, epoch=epoch, layer=layer, **figures)


def epoch_progress(epoch: int = 1, **figures: Any) -> EpochProgress:
    return replace(PROGRESS, epoch=epoch, **figures)
