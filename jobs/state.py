"""The states of a job and the moves between them."""

from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"
    """Accepted and waiting for a worker, for the first time or again."""
    RUNNING = "running"
    """A worker holds the lease and trains."""
    SUCCEEDED = "succeeded"
    """Every epoch is recorded."""
    FAILED = "failed"
    """Ended by an error that `error.code` names; the epochs so far are kept."""
    CANCELLED = "cancelled"
    """Ended because a client asked; the epochs so far are kept."""

    @property
    def terminal(self) -> bool:
        return not TRANSITIONS[self]


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    # back to queued when the worker drains or its lease runs out
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

TERMINAL = frozenset(state for state in JobState if state.terminal)
