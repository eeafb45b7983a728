"""The events of several jobs and sweeps over one connection: a browser opens six to a host, for all of its tabs.

An event's id has a position for each stream, in the order of the request, separated by commas: `12,0,6.4.1x10` is event
12 of the first, nothing of the second, and a position in a sweep's stream. So one id is enough to continue all of them,
and a client that follows other streams afterwards keeps the positions.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import to_json

from api.dependencies import Poller, Reader
from api.http.auth import VisibleOwner
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.validation import make_refusal, split_names
from api.jobs.figures import EPOCH_ROW
from api.streams import positions
from api.streams.batches import Batch, Stream, read_first, read_next
from api.streams.frames import EVENTS_AT_ONCE, PROGRESS_FRAME, declare_stream, make_progress
from api.streams.places import IN_A_PLACE
from api.streams.poller import Told
from api.streams.positions import Position
from api.streams.reader import EventReader
from jobs.errors import Busy, DatabaseUnavailable

router = APIRouter(tags=["jobs"], route_class=Route)

MAX_STREAMS = 64
EPOCH_OF_A_STREAM = {"stream": 0, "job_id": EXAMPLE_ID, **EPOCH_ROW}
FRAMES = (
    f"event: epoch\ndata: {to_json(EPOCH_OF_A_STREAM).decode()}\nid: 3,0x6\n\n"
    + PROGRESS_FRAME % f'"stream":0,"job_id":"{EXAMPLE_ID}",'
    + 'event: state\ndata: {"stream":1,"sweep_id":"0193b5c2-8d10-7aa1-8c55-5d1c2f3e4a5b",'
    '"job_id":"0193b5c2-8d11-7e02-b1c4-1f0a9b8c7d6e","activation":"gelu","state":"running",'
    '"reason":"claimed by worker-1","at":"2026-11-23T09:30:32Z"}\nid: 3,2.0x5\n\n'
    f'event: gone\ndata: {{"stream":0,"job_id":"{EXAMPLE_ID}"}}\nid: gone,2.0x5\n\n'
)


@dataclass(slots=True)
class Followed:
    """One of the streams of a connection."""

    stream: Stream
    names: Mapping[str, Any]
    """The fields that name it in the data of an event."""
    given: Position | None
    """The position that the client came with."""
    position: str
    """The position that it has, as it is written."""
    batch: Batch = field(init=False)
    told: Told = field(default_factory=Told)


async def parse_streams(
    jobs: Annotated[
        list[str] | None,
        Query(description="Ids of jobs: separated by commas, or given again.", examples=[["0193…,0194…"]]),
    ] = None,
    sweeps: Annotated[
        list[str] | None,
        Query(description="Ids of sweeps: separated by commas, or given again.", examples=[["0195…"]]),
    ] = None,
    after: Annotated[
        str | None,
        Query(
            description="Only what came after the event of this id: a position for each stream, jobs first, separated "
            "by commas; empty = from the beginning.",
            examples=["3,2.0x5"],
        ),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it on reconnecting.", examples=["3,2.0x5"])
    ] = None,
) -> list[Followed]:
    job_ids, sweep_ids = split_names(jobs or []), split_names(sweeps or [])
    count = len(job_ids) + len(sweep_ids)
    if not 1 <= count <= MAX_STREAMS:
        reason = f"name 1 to {MAX_STREAMS} jobs and sweeps"
        raise RequestValidationError([make_refusal(("query", "jobs"), reason, jobs)])
    all_given, place = positions.choose(last_event_id, after)
    texts = all_given.split(",") if all_given else [""] * count
    if len(texts) != count:
        reason = f"{count} positions, one for each stream, separated by commas"
        raise RequestValidationError([make_refusal(place, reason, all_given)])
    named: list[tuple[Literal["job_id", "sweep_id"], str]] = [("job_id", job_id) for job_id in job_ids]
    named += [("sweep_id", sweep_id) for sweep_id in sweep_ids]
    found = []
    for number, ((name, id_), text) in enumerate(zip(named, texts, strict=True)):
        given = positions.GONE if text == positions.GONE.text else positions.parse(text)
        if (text and given is None) or (name == "job_id" and given and (len(given.numbers) > 1 or given.end)):
            raise RequestValidationError([make_refusal(place, "the id of an event of this stream", all_given)])
        found.append(Followed(Stream(name, id_), {"stream": number, name: id_}, given, text))
    return found


async def find_starts(
    reader: Reader, owner: VisibleOwner, streams: Annotated[list[Followed], Depends(parse_streams)]
) -> list[Followed]:
    """Find the first events of each stream that the client does not have; 204 if it has the last event of each."""
    for each in streams:
        each.stream = each.stream._replace(owner=owner)
        each.batch = await reader.share(read_first, each.stream, each.given, EVENTS_AT_ONCE // len(streams))
        if not each.batch.frames:
            each.position = each.batch.after.text
    if all(each.batch.complete and not each.batch.frames for each in streams):
        raise HTTPException(204)
    return streams


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    dependencies=[IN_A_PLACE],
    responses={**declare_stream(FRAMES), **declare_errors(422, Busy, DatabaseUnavailable)},
)
async def stream(
    reader: Reader, poller: Poller, streams: Annotated[list[Followed], Depends(find_starts)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow up to 64 jobs and sweeps live, over one connection. Missed events come first.

    The events are those of the streams of `jobs` and `sweeps`, each with its `stream`, its place in the request,
    from 0, jobs first. Those of one stream come in order, without a gap and none twice; those of different streams
    interleave. `progress` has no `id`. `end` is a job's last, `sweep_end` a sweep's; the connection closes after the
    last of all. Two more:

    - `gone`: there is no such job or sweep, or it was deleted.
    - `reset`, `{reason}`: there is no event of the client's position, as when an older backup was restored. Throw away
      what you have of this stream: every event follows, from the first.

    `id` has a position for each stream, in their order, separated by commas: send it back as `Last-Event-ID`, or as
    `after` with the positions of those streams alone that are still wanted. A position is opaque.
    """
    late = streams
    try:
        while True:
            for each in late:
                async for frame in catch_up(reader, each, len(streams)):
                    yield name_frame(frame, each, streams)
            waiting = [each for each in streams if not each.batch.complete]
            if not waiting:
                return
            looks = await poller.wait([(each.batch.awaited, each.told) for each in waiting])
            for each, look in zip(waiting, looks, strict=True):
                for job_id, newest in look.further:
                    yield make_progress(newest, **each.names, **each.batch.names[job_id])
            late = [each for each, look in zip(waiting, looks, strict=True) if look.news]
            for each in late:
                each.batch = await read_more(reader, each, len(streams))
    except DatabaseUnavailable:  # the client must reconnect
        return


async def catch_up(reader: EventReader, each: Followed, streams: int) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of its batch, and those that follow already."""
    while True:
        for frame in each.batch.frames:
            yield frame
        if not each.batch.more:
            return
        each.batch = await read_more(reader, each, streams)


async def read_more(reader: EventReader, each: Followed, streams: int) -> Batch:
    return await reader.share(read_next, each.stream, each.batch.after, EVENTS_AT_ONCE // streams)


def name_frame(frame: ServerSentEvent, each: Followed, streams: Sequence[Followed]) -> ServerSentEvent:
    """Make of a stream's event that of the connection, whose id has the position in every stream."""
    each.position = str(frame.id)
    data = {**each.names, **orjson.loads(frame.raw_data or "{}")}
    position = ",".join(each.position for each in streams)
    return ServerSentEvent(event=frame.event, id=position, raw_data=orjson.dumps(data).decode())
