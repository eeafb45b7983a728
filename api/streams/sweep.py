"""The events of all jobs of a sweep as they happen, over SSE.

An event's id is the client's position after it (api/streams/positions.py). Whatever order transactions commit in, and
whatever the clocks say, a client that reconnects with it gets every event that it does not have, and none twice.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Poller, Sessions
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.validation import make_refusal
from api.streams import positions
from api.streams.frames import (
    EVENTS_AT_ONCE,
    PROGRESS_FRAME,
    declare_stream,
    describe_event,
    describe_sweep_end,
    interleave,
    make_progress,
    make_reset,
)
from api.streams.poller import Told
from api.streams.positions import Position
from api.streams.reader import read_in_turn
from api.sweeps.parameters import SweepId
from db import session as database
from db import sweep_events, sweeps
from db.models import Epoch, Event
from db.sweep_events import Member
from jobs.errors import DatabaseUnavailable, SweepNotFound

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)

FRAMES = (
    f'event: state\ndata: {{"job_id":"{EXAMPLE_ID}","activation":"gelu","state":"running",'
    '"reason":"claimed by worker-1","at":"2026-11-23T09:30:00.000000Z"}\nid: 2.1x5\n\n'
    + PROGRESS_FRAME
    % f'"job_id":"{EXAMPLE_ID}","activation":"gelu",'
    + 'event: sweep_end\ndata: {"state":"succeeded","jobs":{"total":6,"queued":0,"running":0,"succeeded":6,"failed":0,'
    '"cancelled":0}}\nid: 6x6.end\n\n'
    'event: reset\ndata: {"reason":"there is no event of this id in this sweep"}\nid: 0x6\n\n'
)


@dataclass(frozen=True, slots=True)
class Batch:
    members: Sequence[Member]
    """Of all jobs, as they stood before the events were read."""
    events: Sequence[tuple[Member, Event, Epoch | None]]


def find_start(
    sweep_id: SweepId,
    sessions: Sessions,
    after: Annotated[
        str | None, Query(description="Only what came after the event of this id.", examples=["2.1x5"])
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it on reconnecting.", examples=["2.1x5"])
    ] = None,
) -> Position:
    """Find the client's position; 204 if that is the end."""
    with sessions.read() as session:
        jobs = sweeps.find_spec(session, sweep_id).jobs
        members = sweep_events.list_members(session, sweep_id)
    given, place = positions.choose(last_event_id, after)
    seen = positions.parse(given) if given else Position([0] * jobs)
    if seen is None:
        raise RequestValidationError([make_refusal(place, "the id of an event of this stream", given)])
    if len(seen.numbers) != jobs or positions.is_beyond(members, seen):
        return Position([0] * jobs, unknown=True)
    if seen.end and not positions.find_outstanding(members, seen):
        raise HTTPException(204)
    seen.end = False
    return seen


@router.get(
    "/{sweep_id}/stream",
    response_class=EventSourceResponse,
    responses={**declare_stream(FRAMES), **declare_errors(SweepNotFound, 422, DatabaseUnavailable)},
)
async def stream(
    sweep_id: SweepId, sessions: Sessions, poller: Poller, seen: Annotated[Position, Depends(find_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a sweep live. The events of all its jobs come over SSE, each with its `job_id`; missed ones come first.

    They are `state`, `epoch`, `diagnosis` and `end`, as in a job's stream, and `progress`, which has no id. Each
    job's come in their order and without a gap; those of different jobs interleave. `sweep_end` is the last, with
    the sweep's state and the counts of its jobs. An id is opaque: send it back as it came.

    `reset`, `{reason}`, comes where there is no event of the id to go on after, as when an older backup was restored.
    Throw away what you have: every event follows, from the first.
    """
    told: Told = {}
    while True:
        batch = await read_in_turn(read_next_batch, sessions, sweep_id, seen)
        if batch is None or not batch.members:
            return
        if seen.unknown or positions.is_beyond(batch.members, seen):
            seen = Position([0] * len(seen.numbers))
            yield make_reset("there is no event of this id in this sweep", event_id=str(seen))
            continue
        for member, event, epoch in batch.events:
            seen.numbers[member.position] = event.seq
            data = {"job_id": member.job_id, "activation": member.activation, **describe_event(event, epoch)}
            yield ServerSentEvent(event=event.kind, id=str(seen), data=data)
        waiting_for = positions.find_outstanding(batch.members, seen)
        if not waiting_for:
            seen.end = True
            yield ServerSentEvent(event="sweep_end", id=str(seen), data=describe_sweep_end(batch.members))
            return
        if batch.events:
            continue
        activations = {member.job_id: member.activation for member in batch.members}
        async for job_id, newest in poller.watch(waiting_for, told):
            yield make_progress(newest, job_id=job_id, activation=activations[job_id])


def read_next_batch(sessions: database.Sessions, sweep_id: str, seen: Position) -> Batch | None:
    """Read the events that the client does not have; None if the database is away: the client must reconnect."""
    try:
        with sessions.read() as session:
            members = sweep_events.list_members(session, sweep_id)
            rows = sweep_events.read(session, positions.find_unsent(members, seen), limit=EVENTS_AT_ONCE)
    except DatabaseUnavailable:
        return None
    return Batch(members, interleave(members, rows))
