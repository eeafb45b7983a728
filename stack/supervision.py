"""Starts a child again when it dies: at once where that is rare, more and more slowly where it dies every time."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from db.outages import is_full
from stack.processes import Child

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE = 3
"""Early deaths in a row that may be bad luck: the next start comes as soon as ever."""
EARLY_SECONDS = 10.0
"""A child that lives no longer than this may be one that cannot live."""


@dataclass(slots=True)
class DiskWatch:
    """Tells when the disk of a folder is full, and when there is room again."""

    folder: Path
    tell: Callable[[str], None]
    full: bool = False

    def look(self) -> None:
        was, self.full = self.full, is_full(self.folder)
        if self.full and not was:
            self.tell(f"the disk of {self.folder} is full; nothing can be stored until there is room on it")
        elif was and not self.full:
            self.tell(f"the disk of {self.folder} has room again")


@dataclass(slots=True)
class Watch:
    child: Child
    tell: Callable[[str], None]
    log_path: Path
    started_at: float = field(default_factory=monotonic)
    early_deaths: int = 0
    start_at: float | None = None
    """When the dead child is started again; None while it lives."""

    def look(self, now: float) -> None:
        if self.child.alive:
            self.praise(now)
        elif self.start_at is None:
            self.mourn(now)
        elif now >= self.start_at:
            self.start_at, self.started_at = None, now
            self.child.start()

    def mourn(self, now: float) -> None:
        self.early_deaths = self.early_deaths + 1 if now - self.started_at < EARLY_SECONDS else 1
        pause = pause_seconds(self.early_deaths)
        self.start_at = now + pause
        said = f"{self.child.name} ended with status {self.child.exit_status} and is started again in {pause:g} s"
        log.warning(said)
        if self.early_deaths > PATIENCE:
            self.tell(f"{said}; it died {self.early_deaths} times in a row, and {self.log_path} says why")

    def praise(self, now: float) -> None:
        """A child that has lived for a while is well again."""
        if self.early_deaths and now - self.started_at >= EARLY_SECONDS:
            if self.early_deaths > PATIENCE:
                self.tell(f"{self.child.name} is up again")
            self.early_deaths = 0


def pause_seconds(early_deaths: int) -> float:
    doublings = max(0, early_deaths - PATIENCE)
    return float(min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS))
