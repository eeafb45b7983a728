"""What one epoch of training reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Losses and accuracies are dimensionless; training figures are running means over the epoch's batches."""

    epoch: int
    """1-based."""
    loss: float
    accuracy: float
    """Fraction of images whose largest output is the right digit."""
    binary_accuracy: float
    """Fraction of the ten softmax outputs on the right side of 0.5: what the article calls accuracy."""
    val_loss: float
    val_accuracy: float
    val_binary_accuracy: float
    learning_rate: float
    epoch_seconds: float
    images_per_second: float
    """Training images over the time spent training, validation left out."""


@dataclass(frozen=True, slots=True)
class LayerMetrics:
    """One layer after one epoch, measured on a fixed probe batch."""

    epoch: int
    layer: str
    gradient_norm: float
    update_ratio: float
    """L2 norm of the epoch's last weight update over that of the weights."""
    activation_mean: float | None
    activation_variance: float | None
    zero_fraction: float | None
    dead_fraction: float | None
    saturated_fraction: float | None
    clipped_fraction: float


ALWAYS_MEASURED = frozenset({"gradient_norm", "update_ratio", "clipped_fraction"})
"""The figures that every layer has."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on a whole set of images, without dropout."""

    loss: float
    accuracy: float
    binary_accuracy: float


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a job was trained: what one must match to repeat it bit for bit."""

    device: str
    torch: str
    python: str
    threads: int
    code_version: str
    data_sha256: str
