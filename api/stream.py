"""A job's events as they happen, over SSE."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Bulletin, Sessions
from api.errors import declared
from api.formats import rfc3339
from api.job_out import EpochOut
from api.jobs import MAX_NUMBER, JobId
from api.validation import invalid_value
from db import queries
from db.models import Epoch, Event
from jobs.errors import DatabaseUnavailable

router = APIRouter(prefix="/jobs", tags=["jobs"])

EVENTS_AT_ONCE = 500


def starting_point(
    job_id: JobId,
    sessions: Sessions,
    after: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Only events after this number.")] = None,
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
    if not re.fullmatch(r"[0-9]{1,9}", last_event_id):
        reason = invalid_value(("header", "Last-Event-ID"), "the number of an event", last_event_id)
        raise RequestValidationError([reason])
    return int(last_event_id)


@router.get(
    "/{job_id}/stream",
    response_class=EventSourceResponse,
    responses={204: {"description": "The client has seen the last event."}, **declared(404, 422, 503)},
)
async def stream(
    job_id: JobId, sessions: Sessions, news: Bulletin, seen: Annotated[int, Depends(starting_point)]
) -> AsyncIterator[ServerSentEvent]:
    """Events `state`, `epoch`, `diagnosis` and `end`, numbered without a gap; missed ones come first.

    No session is held open while a client listens.
    """
    listening = True
    while listening:
        for event, epoch in await run_in_threadpool(next_events, sessions, job_id, seen):
            yield server_sent(event, epoch)
            seen = event.seq
            if event.kind == "end":
                return
        listening = await news.after(job_id, seen)


def next_events(sessions: Sessions, job_id: str, seen: int) -> Sequence[tuple[Event, Epoch | None]]:
    """None where the database is away, which `news` then finds out too: the client is to come again."""
    try:
        with sessions.read() as session:
            return queries.events(session, job_id, after_seq=seen, limit=EVENTS_AT_ONCE)
    except DatabaseUnavailable:
        return []


def server_sent(event: Event, epoch: Epoch | None) -> ServerSentEvent:
    return ServerSentEvent(event=event.kind, id=str(event.seq), data=payload(event, epoch))


def payload(event: Event, epoch: Epoch | None) -> dict[str, Any]:
    if epoch is not None:
        return EpochOut.model_validate(epoch).model_dump(mode="json")
    return {**event.data, "at": rfc3339(event.at)}
