"""The events of several jobs and sweeps over one connection: a browser opens six to a host, for all of its tabs.

An event's id has a position for each stream, in the order of the request, separated by commas: `12,0,6.4.1x10` is event
12 of the first, nothing of the second, and a position in a sweep's stream. So one id is enough to continue all of them,
and a client that follows other streams afterwards keeps the positions.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import to_json

from api.dependencies import Poller, Sessions
from api.http.auth import VisibleOwner
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.validation import make_refusal, split_names
from api.jobs.figures import EPOCH_ROW
from api.streams import positions
from api.streams.frames import (
    EVENTS_AT_ONCE,
    PROGRESS_FRAME,
    declare_stream,
    describe_event,
    describe_sweep_end,
    interleave,
    make_progress,
)
from api.streams.poller import Told
from api.streams.positions import Position
from api.streams.reader import read_in_turn
from db import session as database
from db import sweep_events, sweeps
from db.models import Epoch, Event
from db.sweep_events import Member
from jobs.errors import DatabaseUnavailable

router = APIRouter(tags=["jobs"], route_class=Route)

MAX_STREAMS = 64
GONE = "gone"
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
    """One of the streams of a connection, and the client's position in it."""

    place: int
    field: Literal["job_id", "sweep_id"]
    id: str
    seen: Position
    gone: bool = False
    unknown: bool = False
    """Whether its position is that of another sweep, or of this one at another time."""

    @property
    def position(self) -> str:
        return GONE if self.gone else str(self.seen)

    @property
    def names(self) -> dict[str, Any]:
        return {"stream": self.place, self.field: self.id}


@dataclass(frozen=True, slots=True)
class Step:
    """An event to send, and the position in its stream after it."""

    of: Followed
    kind: str
    data: Mapping[str, Any]
    position: int = 0
    """The job's in its sweep."""
    number: int = 0
    """The event's in its job."""


@dataclass(frozen=True, slots=True)
class Batch:
    members: Sequence[Sequence[Member]]
    """By place, the jobs of a stream as they stood before the events were read."""
    steps: Sequence[Step]


def parse_streams(
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
    given, place = positions.choose(last_event_id, after)
    texts = given.split(",") if given else [""] * count
    if len(texts) != count:
        reason = f"{count} positions, one for each stream, separated by commas"
        raise RequestValidationError([make_refusal(place, reason, given)])
    named = [("job_id", job_id) for job_id in job_ids] + [("sweep_id", sweep_id) for sweep_id in sweep_ids]
    found = []
    for number, ((field, id_), text) in enumerate(zip(named, texts, strict=True)):
        seen = Position([]) if text in {"", GONE} else positions.parse(text)
        if seen is None or (field == "job_id" and (len(seen.numbers) > 1 or seen.end)):
            raise RequestValidationError([make_refusal(place, "the id of an event of this stream", given)])
        found.append(Followed(number, field, id_, seen, gone=text == GONE))  # type: ignore[arg-type]  # of `named`
    return found


def find_starts(
    sessions: Sessions, owner: VisibleOwner, streams: Annotated[list[Followed], Depends(parse_streams)]
) -> list[Followed]:
    """Find the client's position in each stream; 204 if it has the last event of each."""
    with sessions.read() as session:
        members = sweep_events.list_members_of_streams(session, [(each.field, each.id) for each in streams], owner)
        for each, jobs in zip(streams, members, strict=True):
            sweep = sweeps.find(session, each.id) if jobs and each.field == "sweep_id" else None
            places = 1 if sweep is None else sweeps.parse_spec(sweep).jobs
            each.unknown = len(each.seen.numbers) not in {0, places}
            if each.unknown or not each.seen.numbers:
                each.seen = Position([0] * places)
    if all(is_complete(each, jobs) for each, jobs in zip(streams, members, strict=True)):
        raise HTTPException(204)
    return streams


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses={**declare_stream(FRAMES), **declare_errors(422, DatabaseUnavailable)},
)
async def stream(
    sessions: Sessions,
    poller: Poller,
    owner: VisibleOwner,
    streams: Annotated[list[Followed], Depends(find_starts)],
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
    told: Told = {}
    while True:
        batch = await read_in_turn(read_next_batch, sessions, streams, owner)
        if batch is None:
            return
        for step in batch.steps:
            advance(step)
            position = ",".join(each.position for each in streams)
            yield ServerSentEvent(event=step.kind, id=position, data={**step.of.names, **step.data})
        if all(is_complete(each, batch.members[each.place]) for each in streams):
            return
        if not batch.steps:
            async for job_id, newest in poller.watch(find_awaited(streams, batch.members), told):
                for names in name_job(job_id, streams, batch.members):
                    yield make_progress(newest, **names)


def read_next_batch(sessions: database.Sessions, streams: Sequence[Followed], owner: str | None = None) -> Batch | None:
    """Read the events that the client does not have; None if the database is away: the client must reconnect."""
    try:
        with sessions.read() as session:
            members = sweep_events.list_members_of_streams(session, [(each.field, each.id) for each in streams], owner)
            late = {
                each.place: jobs for each in streams if (jobs := positions.find_unsent(members[each.place], each.seen))
            }
            limit = EVENTS_AT_ONCE // max(1, len(late))
            rows = {place: sweep_events.read(session, jobs, limit=limit) for place, jobs in late.items()}
    except DatabaseUnavailable:
        return None
    return Batch(members, [step for each in streams for step in make_steps(each, members[each.place], rows)])


def make_steps(
    stream: Followed, members: Sequence[Member], rows: Mapping[int, Sequence[tuple[Event, Epoch | None]]]
) -> Iterator[Step]:
    seen = stream.seen
    if not members:
        if not stream.gone:
            yield Step(stream, GONE, {})
        return
    if stream.unknown or stream.gone or positions.is_beyond(members, seen):
        yield Step(stream, "reset", {"reason": "there is no event of this position in this stream"})
        return
    for member, event, epoch in interleave(members, rows.get(stream.place, [])):
        data = {**name_member(stream, member), **describe_event(event, epoch)}
        yield Step(stream, event.kind, data, member.position, event.seq)
    if stream.field == "sweep_id" and not seen.end and not positions.find_outstanding(members, seen):
        yield Step(stream, "sweep_end", describe_sweep_end(members))


def advance(step: Step) -> None:
    """Move the client's position behind this event."""
    stream = step.of
    if step.kind == GONE:
        stream.gone = True
    elif step.kind == "reset":
        stream.gone, stream.unknown, stream.seen = False, False, Position([0] * len(stream.seen.numbers))
    elif step.kind == "sweep_end":
        stream.seen.end = True
    else:
        stream.seen.numbers[step.position], stream.seen.end = step.number, False


def is_complete(stream: Followed, members: Sequence[Member]) -> bool:
    """Whether the client has the very last event."""
    if not members:
        return stream.gone
    return (
        not stream.gone
        and not stream.unknown
        and not positions.find_outstanding(members, stream.seen)
        and (stream.field == "job_id" or stream.seen.end)
    )


def name_job(
    job_id: str, streams: Sequence[Followed], members: Sequence[Sequence[Member]]
) -> Iterator[Mapping[str, Any]]:
    """Name the job as the events of each of its streams do."""
    for each in streams:
        for member in members[each.place]:
            if member.job_id == job_id:
                yield {**each.names, **name_member(each, member)}


def name_member(stream: Followed, member: Member) -> dict[str, Any]:
    return {} if stream.field == "job_id" else {"job_id": member.job_id, "activation": member.activation}


def find_awaited(streams: Sequence[Followed], members: Sequence[Sequence[Member]]) -> Mapping[str, int]:
    """Find the jobs to wait for, each with the last event sent on that one of its streams that is farthest behind."""
    numbers: dict[str, int] = {}
    for each in streams:
        for job_id, number in positions.find_outstanding(members[each.place], each.seen).items():
            numbers[job_id] = min(number, numbers.get(job_id, number))
    return numbers
