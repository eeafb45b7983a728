"""Positions in the stream of a job or a sweep: by job, the number of the last event that a client has.

Written `6.4.1x10`: 6, 4, and ten times 1, in the sweep's order; with `.end` where the client has the very last event.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from db.sweep_events import Member
from jobs.sweep import MAX_JOBS

RUN = r"[0-9]{1,9}(x[1-9][0-9]{0,2})?"
ID = re.compile(rf"{RUN}(\.{RUN})*(\.end)?", re.ASCII)
END = ".end"


@dataclass(frozen=True)
class Position:
    numbers: tuple[int, ...]
    """Of the last event the client has, by a job's place in the sweep."""
    end: bool = False
    """Whether the client has the very last event."""
    gone: bool = False
    """Whether the client knows that there is no such stream."""

    @cached_property
    def text(self) -> str:
        if self.gone:
            return "gone"
        runs = ((number, len([*same])) for number, same in groupby(self.numbers))
        return ".".join(f"{number}x{length}" if length > 1 else f"{number}" for number, length in runs) + END * self.end


GONE = Position((), gone=True)


def parse(text: str) -> Position | None:
    """Read a position; None of a text that is none."""
    if not ID.fullmatch(text):
        return None
    runs = [run.partition("x") for run in text.removesuffix(END).split(".")]
    if sum(int(length or 1) for _, _, length in runs) > MAX_JOBS:
        return Position((0,) * (MAX_JOBS + 1))  # of no sweep that can exist
    numbers = tuple(int(number) for number, _, length in runs for _ in range(int(length or 1)))
    return Position(numbers, text.endswith(END))


def choose(last_event_id: str | None, after: str | None) -> tuple[str | None, tuple[str, str]]:
    """Choose between the two parameters that give a position; returns it and its place in the request."""
    return (last_event_id, ("header", "Last-Event-ID")) if last_event_id else (after, ("query", "after"))


def is_beyond(members: Sequence[Member], position: Position) -> bool:
    """Whether the client has more events of a job than exist; of a deleted job nothing is known."""
    return any(position.numbers[member.position] > member.last_seq for member in members)


def find_outstanding(members: Sequence[Member], position: Position) -> dict[str, int]:
    """Find the jobs with more events to come, now or later, and the last event that the client has of each."""
    unfinished = {member.job_id: position.numbers[member.position] for member in members if not member.state.terminal}
    return unfinished | find_unsent(members, position)


def find_unsent(members: Sequence[Member], position: Position) -> dict[str, int]:
    """Find the jobs with events that the client does not have yet, and the last event that it has of each."""
    return {
        member.job_id: position.numbers[member.position]
        for member in members
        if position.numbers[member.position] < member.last_seq
    }
