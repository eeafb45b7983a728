"""Summarizes a sweep from its jobs: its state, its progress and the time that it still needs."""

from collections.abc import Sequence
from typing import Any

from api.http.prefix import add_prefix
from api.jobs.models import Progress
from api.sweeps.models import JobCounts, SweepDetail, SweepLinks, SweepOut
from api.sweeps.table import find_best, tabulate
from db.sweep_results import Result
from db.sweeps import Share, SweepRecord
from jobs.state import JobState


def summarize(record: SweepRecord) -> SweepOut:
    return SweepOut(**read_fields(record))


def summarize_with_table(record: SweepRecord, results: Sequence[Result]) -> SweepDetail:
    return SweepDetail(**read_fields(record), best=find_best(results), configurations=tabulate(record.spec, results))


def read_fields(record: SweepRecord) -> dict[str, Any]:  # Any: as SweepOut says
    shares, own = record.shares, add_prefix(f"/v1/sweeps/{record.sweep.id}")
    states = [share.state for share in shares for _ in range(share.jobs)]
    done, total = sum(share.epochs_done for share in shares), sum(share.epochs_total for share in shares)
    in_progress = sum(share.epochs_in_progress for share in shares)
    ended = all(state.terminal for state in states)
    return {
        "id": record.sweep.id,
        "state": derive_state(states),
        "spec": record.spec,
        "owner": record.sweep.owner or None,
        "created_at": record.sweep.created_at,
        "started_at": min((share.started_at for share in shares if share.started_at), default=None),
        "finished_at": max((share.finished_at for share in shares if share.finished_at), default=None)
        if ended
        else None,
        "jobs": JobCounts.of(states),
        "progress": Progress(epoch=done, epochs=total, fraction=(done + in_progress) / total if total else 1.0),
        "eta_seconds": None if ended else estimate_seconds_left(shares),
        "links": SweepLinks(
            self=own,
            jobs=add_prefix(f"/v1/jobs?sweep_id={record.sweep.id}"),
            plot=f"{own}/plot.svg",
            **{name: f"{own}/{name}" for name in ("history", "means", "stream", "cancel")},
        ),
    }


def derive_state(states: Sequence[JobState]) -> JobState:
    if all(state == JobState.QUEUED for state in states):
        return JobState.QUEUED
    if not all(state.terminal for state in states):
        return JobState.RUNNING
    return next((bad for bad in (JobState.FAILED, JobState.CANCELLED) if bad in states), JobState.SUCCEEDED)


def estimate_seconds_left(shares: Sequence[Share]) -> float | None:
    """Estimate by the pace of each job; one without an epoch takes that of its activation, else the sweep's."""
    known = [share for share in shares if share.epoch_seconds is not None]
    if not known:
        return None
    left = 0.0
    unfinished = [share for share in shares if not share.state.terminal]
    for share in unfinished:
        alike = [other for other in known if other.activation == share.activation] or known
        left += share.seconds_left + share.epochs_without_pace * mean_epoch_seconds(alike)
    at_once = max(1, sum(share.jobs for share in shares if share.state == JobState.RUNNING))
    return max(left / at_once, *(share.longest_left for share in unfinished))


def mean_epoch_seconds(shares: Sequence[Share]) -> float:
    return sum(share.epoch_seconds or 0.0 for share in shares) / len(shares)
