"""Restart a child that died: after a second where that is rare, more and more slowly where it dies every time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from stack.processes import Child
from storage.disk import is_full

log = logging.getLogger(__name__)

MIN_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0
TOLERATED_EARLY_DEATHS = 3
"""So many in a row do not make the pause longer."""
EARLY_SECONDS = 10.0
"""A death within this time of the start is early: the child may not be able to run at all."""


@dataclass(slots=True)
class DiskWatch:
    """Warns when the disk of a folder is full, and when it has room again."""

    folder: Path
    warn: Callable[[str], None]
    full: bool = False

    def check(self) -> None:
        was_full, self.full = self.full, is_full(self.folder)
        if self.full and not was_full:
            self.warn(f"the disk of {self.folder} is full; nothing can be stored until there is room on it")
        elif was_full and not self.full:
            self.warn(f"the disk of {self.folder} has room again")


@dataclass(slots=True)
class Watch:
    """Restarts a child, and warns of one that dies again and again."""

    child: Child
    warn: Callable[[str], None]
    log_path: Path
    started_at: float = field(default_factory=monotonic)
    early_deaths: int = 0
    restart_at: float | None = None
    """The time at which the dead child is started again; None while it lives."""

    def check(self, now: float) -> None:
        if self.child.alive:
            self.on_healthy(now)
        elif self.restart_at is None:
            self.on_death(now)
        elif now >= self.restart_at:
            self.restart_at, self.started_at = None, now
            self.child.start()

    def on_death(self, now: float) -> None:
        self.early_deaths = self.early_deaths + 1 if now - self.started_at < EARLY_SECONDS else 1
        pause = calculate_pause_seconds(self.early_deaths)
        self.restart_at = now + pause
        message = f"{self.child.name} ended with status {self.child.exit_status} and is started again in {pause:g} s"
        log.warning(message)
        if self.early_deaths > TOLERATED_EARLY_DEATHS:
            self.warn(f"{message}; it died {self.early_deaths} times in a row, and {self.log_path} says why")

    def on_healthy(self, now: float) -> None:
        """Forget the early deaths once the child has lived long enough."""
        if self.early_deaths and now - self.started_at >= EARLY_SECONDS:
            if self.early_deaths > TOLERATED_EARLY_DEATHS:
                self.warn(f"{self.child.name} is up again")
            self.early_deaths = 0


def calculate_pause_seconds(early_deaths: int) -> float:
    doublings = max(0, early_deaths - TOLERATED_EARLY_DEATHS)
    return float(min(MIN_PAUSE_SECONDS * 2**doublings, MAX_PAUSE_SECONDS))
