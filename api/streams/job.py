"""A job's events as they happen, over SSE."""

import math
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import to_json

from api.dependencies import Poller, Reader, Sessions
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.validation import make_refusal
from api.jobs.figures import EPOCH_ROW
from api.jobs.parameters import MAX_NUMBER, JobId
from api.streams.frames import PROGRESS_FRAME, declare_stream, make_progress, make_reset
from api.streams.places import IN_A_PLACE
from api.streams.poller import Awaited, Told
from api.streams.reader import read_in_turn
from db import events, jobs
from jobs.errors import Busy, DatabaseUnavailable, JobNotFound

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

FRAMES = (
    'event: state\ndata: {"state":"running","reason":"claimed by worker-1","at":'
    '"2026-11-23T09:30:00.000000Z"}\nid: 2\n\n'
    + PROGRESS_FRAME
    % ""
    + f"event: epoch\ndata: {to_json(EPOCH_ROW).decode()}\nid: 5\n\n"
    'event: end\ndata: {"state":"succeeded","at":"2026-11-23T09:30:40.000000Z"}\nid: 6\n\n'
    'event: reset\ndata: {"reason":"there is no event 9 of this job, the last is 6"}\nid: 0\n\n'
)


async def find_start(
    job_id: JobId,
    sessions: Sessions,
    after: Annotated[
        int | None, Query(ge=0, le=MAX_NUMBER, description="Only events after this number.", examples=[2])
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it on reconnecting.", examples=["2"])
    ] = None,
) -> int:
    """Find the number of the last event the client has; 204 if that is the job's last one."""
    seen = parse_number(last_event_id) if last_event_id else after or 0
    last_seq, kind = await read_in_turn(read_last, sessions, job_id)
    if kind == "end" and seen == last_seq:
        raise HTTPException(204)
    return seen


def read_last(sessions: Sessions, job_id: str) -> tuple[int, str]:
    with sessions.read() as session:
        jobs.find(session, job_id)
        return events.read_last(session, job_id)


def parse_number(last_event_id: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", last_event_id):
        reason = make_refusal(("header", "Last-Event-ID"), "the number of an event", last_event_id)
        raise RequestValidationError([reason])
    return int(last_event_id)


@router.get(
    "/{job_id}/stream",
    response_class=EventSourceResponse,
    dependencies=[IN_A_PLACE],
    responses={**declare_stream(FRAMES), **declare_errors(JobNotFound, 422, Busy, DatabaseUnavailable)},
)
async def stream(
    job_id: JobId, reader: Reader, poller: Poller, seen: Annotated[int, Depends(find_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job live. Its events come over SSE, numbered without a gap; missed ones come first.

    - `state`: `{state, reason, at}`, whenever it changes.
    - `epoch`: the figures of an epoch, as in its history; its layers and learnt parameters are stored too by then.
    - `progress`: the job's `progress` and `eta_seconds`, every 2 s within a slow epoch. It has no `id` and is not sent
      again: it tells nothing that an `epoch` does not tell later.
    - `diagnosis`: something is wrong, as in the job's `diagnoses`.
    - `end`: `{state, at}`, the last. A client that reconnects after it gets 204.
    - `reset`: `{reason}`, where there is no event of the number to go on after, as when an older backup was restored.
      Throw away what you have: every event follows, from the first.

    `id` is the event's number: send the last one back as `Last-Event-ID`. A comment every 15 s keeps the connection.
    """
    told = Told()
    while True:
        last_seq, frames = await reader.read_next(job_id, seen)
        if seen > last_seq:
            yield make_reset(f"there is no event {seen} of this job, the last is {last_seq}", event_id="0")
            seen = 0
            continue
        for frame in frames:
            yield frame
            seen = int(frame.id or seen)
            if frame.event == "end":
                return
        if last_seq == math.inf:  # the client must reconnect
            return
        async for _, newest in poller.watch(Awaited((job_id, str(seen)), {job_id: seen}), told):
            yield make_progress(newest)
