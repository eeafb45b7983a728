"""The progress of a training within an epoch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochProgress:
    """Measured while an epoch is trained and validated; the store keeps the latest of a running job."""

    epoch: int
    """The epoch in training, from 1."""
    images: int
    """Training images done; all of them while the epoch is validated."""
    images_total: int
    fraction: float
    """Share of the epoch's duration that is over, validation included, 0 to 1."""
    images_per_second: float
    """In training, since the epoch began."""
    epoch_seconds: float
    """The duration that the epoch will have had."""
