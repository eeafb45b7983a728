"""The watch over a training that may have stalled."""

from statistics import median
from time import monotonic

STALLED_AFTER_MEDIANS = 10
SUSPENDED_AFTER_SECONDS = 5.0
"""A check that comes so long after the one before it comes from a process that was suspended."""


class StallWatch:
    """Distinguishes a training that hangs from one that is slow, suspended or waiting for the database.

    It hangs when no epoch has ended for `stalled_seconds`, and for ten times as long as the median epoch has taken.
    """

    def __init__(self, stalled_seconds: float) -> None:
        self._stalled_seconds = stalled_seconds
        self._epoch_seconds: list[float] = []
        self._progressed_at = self._checked_at = monotonic()

    def record_epoch(self) -> None:
        before, self._progressed_at = self._progressed_at, monotonic()
        self._epoch_seconds.append(self._progressed_at - before)

    def restart(self) -> None:
        """Count the time without an epoch from now on."""
        self._progressed_at = monotonic()

    def find_stall(self) -> float | None:
        """Return the seconds without an epoch when training hangs. Expects to be called at every poll."""
        before, self._checked_at = self._checked_at, monotonic()
        pause = self._checked_at - before
        if pause > SUSPENDED_AFTER_SECONDS:  # suspended, with the whole machine or alone
            self._progressed_at += pause
        usual = median(self._epoch_seconds) if self._epoch_seconds else 0.0
        seconds = self._checked_at - self._progressed_at
        return seconds if seconds > max(self._stalled_seconds, STALLED_AFTER_MEDIANS * usual) else None
