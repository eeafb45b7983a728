"""The events of all jobs of a sweep as they happen, over SSE.

An event's id says, for every job in the sweep's order, the number of the last event that the client has of it:
`6.4.1x10` is 6, 4, and ten times 1. Whatever order transactions commit in, and whatever the clocks say, a client that
comes back with it gets every event that it has not had, and none twice.
"""

import heapq
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Poller, Sessions
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.validation import invalid_value
from api.streams.job import EVENTS_AT_ONCE, payload, reset, streamed
from api.sweeps.endpoints import SweepId
from api.sweeps.models import JobCounts, state_of
from db import session as database
from db import sweeps
from db.models import Epoch, Event
from db.sweeps import Member
from jobs.errors import DatabaseUnavailable, SweepNotFound
from jobs.sweep import MAX_JOBS

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)

RUN = r"[0-9]{1,9}(x[1-9][0-9]{0,2})?"
ID = re.compile(rf"{RUN}(\.{RUN})*(\.end)?", re.ASCII)
END = ".end"
FRAMES = (
    'event: state\ndata: {"job_id":"0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b","activation":"gelu","state":"running",'
    '"reason":"claimed by worker-1","at":"2026-11-23T09:30:00.000000Z"}\nid: 2.1x5\n\n'
    'event: sweep_end\ndata: {"state":"succeeded","jobs":{"total":6,"queued":0,"running":0,"succeeded":6,"failed":0,'
    '"cancelled":0}}\nid: 6x6.end\n\n'
    'event: reset\ndata: {"reason":"there is no event of this id in this sweep"}\nid: 0x6\n\n'
)


@dataclass(slots=True)
class Seen:
    """What a client has: by a job's position, the number of its last event; and whether it has had the very last."""

    numbers: list[int]
    end: bool = False
    unknown: bool = False
    """Whether it is of another sweep, or of this one at another time."""

    def __str__(self) -> str:
        runs = ((number, len([*same])) for number, same in groupby(self.numbers))
        return ".".join(f"{number}x{length}" if length > 1 else f"{number}" for number, length in runs) + END * self.end


def parsed(text: str) -> Seen | None:
    """None of what is no id of ours."""
    if not ID.fullmatch(text):
        return None
    runs = [run.partition("x") for run in text.removesuffix(END).split(".")]
    if sum(int(length or 1) for _, _, length in runs) > MAX_JOBS:
        return Seen([])  # of no sweep that can be
    numbers = [int(number) for number, _, length in runs for _ in range(int(length or 1))]
    return Seen(numbers, text.endswith(END))


@dataclass(frozen=True, slots=True)
class Batch:
    members: Sequence[Member]
    """Of all jobs, as they stood before the events were read."""
    events: Sequence[tuple[Member, Event, Epoch | None]]


def starting_point(
    sweep_id: SweepId,
    sessions: Sessions,
    after: Annotated[
        str | None, Query(description="Only what came after the event of this id.", examples=["2.1x5"])
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it on reconnecting.", examples=["2.1x5"])
    ] = None,
) -> Seen:
    """What the client has; 204 when it has had the last event."""
    with sessions.read() as session:
        jobs = sweeps.find_spec(session, sweep_id).jobs
        members = sweeps.members(session, sweep_id)
    given, place = (last_event_id, ("header", "Last-Event-ID")) if last_event_id else (after, ("query", "after"))
    seen = parsed(given) if given else Seen([0] * jobs)
    if seen is None:
        raise RequestValidationError([invalid_value(place, "the id of an event of this stream", given)])
    if len(seen.numbers) != jobs or beyond(members, seen):
        return Seen([0] * jobs, unknown=True)
    if seen.end and not outstanding(members, seen):
        raise HTTPException(204)
    seen.end = False
    return seen


@router.get(
    "/{sweep_id}/stream",
    response_class=EventSourceResponse,
    responses={**streamed(FRAMES), **declare_errors(SweepNotFound, 422, DatabaseUnavailable)},
)
async def stream(
    sweep_id: SweepId, sessions: Sessions, poller: Poller, seen: Annotated[Seen, Depends(starting_point)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a sweep live. The events of all its jobs come over SSE, each with its `job_id`; missed ones come first.

    They are `state`, `epoch`, `diagnosis` and `end`, as in a job's stream. Each
    job's come in their order and without a gap; those of different jobs interleave. `sweep_end` is the last, with
    the sweep's state and the counts of its jobs. An id is opaque: send it back as it came.

    `reset`, `{reason}`, comes where there is no event of the id to go on after, as when an older backup was restored.
    Throw away what you have: every event follows, from the first.
    """
    listening = True
    while listening:
        batch = await run_in_threadpool(next_batch, sessions, sweep_id, seen)
        if batch is None or not batch.members:
            return
        if seen.unknown or beyond(batch.members, seen):
            seen = Seen([0] * len(seen.numbers))
            yield reset("there is no event of this id in this sweep", event_id=str(seen))
            continue
        for member, event, epoch in batch.events:
            seen.numbers[member.position] = event.seq
            data = {"job_id": member.job_id, "activation": member.activation, **payload(event, epoch)}
            yield ServerSentEvent(event=event.kind, id=str(seen), data=data)
        waiting_for = outstanding(batch.members, seen)
        if not waiting_for:
            seen.end = True
            states = [member.state for member in batch.members]
            data = {"state": state_of(states), "jobs": JobCounts.of(states).model_dump()}
            yield ServerSentEvent(event="sweep_end", id=str(seen), data=data)
            return
        listening = bool(batch.events) or await poller.wait_any(waiting_for)


def next_batch(sessions: database.Sessions, sweep_id: str, seen: Seen) -> Batch | None:
    """None where the database is away: the client is to come again."""
    try:
        with sessions.read() as session:
            members = sweeps.members(session, sweep_id)
            rows = sweeps.read_events(session, behind(members, seen), limit=EVENTS_AT_ONCE)
    except DatabaseUnavailable:
        return None
    return Batch(members, interleaved(members, rows))


def beyond(members: Sequence[Member], seen: Seen) -> bool:
    """Whether the client has more of a job than there is. Of a job that was deleted nobody knows."""
    return any(seen.numbers[member.position] > member.last_seq for member in members)


def outstanding(members: Sequence[Member], seen: Seen) -> dict[str, int]:
    """By job, what the client has of those from which more is to come, now or later."""
    unfinished = {member.job_id: seen.numbers[member.position] for member in members if not member.state.terminal}
    return unfinished | behind(members, seen)


def behind(members: Sequence[Member], seen: Seen) -> dict[str, int]:
    """By job, what the client has of those of which there is more."""
    return {
        member.job_id: seen.numbers[member.position]
        for member in members
        if seen.numbers[member.position] < member.last_seq
    }


def interleaved(
    members: Sequence[Member], rows: Sequence[tuple[Event, Epoch | None]]
) -> Sequence[tuple[Member, Event, Epoch | None]]:
    """By time, as far as each job's own order allows: a clock may have been set back."""
    by_id = {member.job_id: member for member in members}
    by_job = defaultdict(list)
    for event, epoch in rows:
        by_job[event.job_id].append((by_id[event.job_id], event, epoch))
    return list(heapq.merge(*by_job.values(), key=lambda row: row[1].at))
