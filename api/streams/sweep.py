"""The events of all jobs of a sweep as they happen, over SSE.

An event's id is the client's position after it (api/streams/positions.py). Whatever order transactions commit in, and
whatever the clocks say, a client that reconnects with it gets every event that it does not have, and none twice.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Poller, Reader
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.validation import make_refusal
from api.streams import positions
from api.streams.batches import Batch, Stream, read_first, read_next
from api.streams.frames import EVENTS_AT_ONCE, PROGRESS_FRAME, declare_stream, make_progress
from api.streams.places import IN_A_PLACE
from api.streams.poller import Told
from api.sweeps.parameters import SweepId
from jobs.errors import Busy, DatabaseUnavailable, SweepNotFound

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=Route)

FRAMES = (
    f'event: state\ndata: {{"job_id":"{EXAMPLE_ID}","activation":"gelu","state":"running",'
    '"reason":"claimed by worker-1","at":"2026-11-23T09:30:00.000000Z"}\nid: 2.1x5\n\n'
    + PROGRESS_FRAME
    % f'"job_id":"{EXAMPLE_ID}","activation":"gelu",'
    + 'event: sweep_end\ndata: {"state":"succeeded","jobs":{"total":6,"queued":0,"running":0,"succeeded":6,"failed":0,'
    '"cancelled":0}}\nid: 6x6.end\n\n'
    'event: reset\ndata: {"reason":"there is no event of this id in this stream"}\nid: 0x6\n\n'
)


async def find_start(
    sweep_id: SweepId,
    reader: Reader,
    after: Annotated[
        str | None, Query(description="Only what came after the event of this id.", examples=["2.1x5"])
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it on reconnecting.", examples=["2.1x5"])
    ] = None,
) -> Batch:
    """Find the first events that the client does not have; 204 if it has the very last."""
    text, place = positions.choose(last_event_id, after)
    given = positions.parse(text) if text else None
    if text and given is None:
        raise RequestValidationError([make_refusal(place, "the id of an event of this stream", text)])
    batch = await reader.share(read_first, Stream("sweep_id", sweep_id), given, EVENTS_AT_ONCE)
    if batch.after.gone:
        raise SweepNotFound(f"there is no sweep {sweep_id}")
    if batch.complete and not batch.frames:
        raise HTTPException(204)
    return batch


@router.get(
    "/{sweep_id}/stream",
    response_class=EventSourceResponse,
    dependencies=[IN_A_PLACE],
    responses={**declare_stream(FRAMES), **declare_errors(SweepNotFound, 422, Busy, DatabaseUnavailable)},
)
async def stream(
    sweep_id: SweepId, reader: Reader, poller: Poller, batch: Annotated[Batch, Depends(find_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a sweep live. The events of all its jobs come over SSE, each with its `job_id`; missed ones come first.

    They are `state`, `epoch`, `diagnosis` and `end`, as in a job's stream, and `progress`, which has no id. Each
    job's come in their order and without a gap; those of different jobs interleave. `sweep_end` is the last, with
    the sweep's state and the counts of its jobs. An id is opaque: send it back as it came.

    `reset`, `{reason}`, comes where there is no event of the id to go on after, as when an older backup was restored.
    Throw away what you have: every event follows, from the first.
    """
    told = Told()
    while not batch.after.gone:
        for frame in batch.frames:
            yield frame
        if batch.complete:
            return
        if not batch.more:
            async for job_id, newest in poller.watch(batch.awaited, told):
                yield make_progress(newest, **batch.names[job_id])
        try:
            batch = await reader.share(read_next, Stream("sweep_id", sweep_id), batch.after, EVENTS_AT_ONCE)
        except DatabaseUnavailable:  # the client must reconnect
            return
