"""A job's events as they happen, over SSE."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Sessions
from api.errors import declared
from api.formats import rfc3339
from api.job_out import EpochOut
from api.jobs import JobId
from api.validation import invalid_value
from db import queries
from db.models import Epoch, Event
from jobs.errors import DatabaseUnavailable, JobNotFound

router = APIRouter(prefix="/jobs", tags=["jobs"])

POLL_SECONDS = 0.2
EVENTS_AT_ONCE = 500


def starting_point(
    job_id: JobId,
    sessions: Sessions,
    after: Annotated[int | None, Query(ge=0, description="Only events after this number.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it on reconnecting.")] = None,
) -> int:
    """The number of the last event the client has; 204 when that was the job's last one."""
    seen = number(last_event_id) if last_event_id else after or 0
    with sessions.read() as session:
        queries.find(session, job_id)
        last_seq, kind = queries.last_event(session, job_id)
    if kind == "end" and seen >= last_seq:
        raise HTTPException(204)
    return seen


def number(last_event_id: str) -> int:
    if not last_event_id.isascii() or not last_event_id.isdigit():
        reason = invalid_value(("header", "Last-Event-ID"), "the number of an event", last_event_id)
        raise RequestValidationError([reason])
    return int(last_event_id)


@router.get(
    "/{job_id}/stream",
    response_class=EventSourceResponse,
    responses={204: {"description": "The client has seen the last event."}, **declared(404, 422, 503)},
)
async def stream(
    job_id: JobId, sessions: Sessions, seen: Annotated[int, Depends(starting_point)]
) -> AsyncIterator[ServerSentEvent]:
    """Events `state`, `epoch`, `diagnosis` and `end`, numbered without a gap; missed ones come first.

    No session is held open while a client listens.
    """
    while (events := await run_in_threadpool(next_events, sessions, job_id, seen)) is not None:
        for event, epoch in events:
            yield server_sent(event, epoch)
            seen = event.seq
            if event.kind == "end":
                return
        if not events:
            await asyncio.sleep(POLL_SECONDS)


def next_events(sessions: Sessions, job_id: str, seen: int) -> Sequence[tuple[Event, Epoch | None]] | None:
    """None ends the stream early: the job was deleted, or the database is away and the client is to come again."""
    try:
        with sessions.read() as session:
            queries.find(session, job_id)
            return queries.events(session, job_id, after_seq=seen, limit=EVENTS_AT_ONCE)
    except (JobNotFound, DatabaseUnavailable):
        return None


def server_sent(event: Event, epoch: Epoch | None) -> ServerSentEvent:
    return ServerSentEvent(event=event.kind, id=str(event.seq), data=payload(event, epoch))


def payload(event: Event, epoch: Epoch | None) -> dict[str, Any]:
    if epoch is not None:
        return EpochOut.model_validate(epoch).model_dump(mode="json")
    return {**event.data, "at": rfc3339(event.at)}
