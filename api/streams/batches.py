"""The next events of a job or a sweep, read and encoded once for all clients at the same position."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import orjson
from fastapi.sse import ServerSentEvent

from api.streams import positions
from api.streams.frames import describe_event, describe_sweep_end, interleave, make_reset
from api.streams.poller import Awaited
from api.streams.positions import GONE, Position
from db import session as database
from db import sweep_events, sweeps
from db.models import Epoch, Event
from db.sweep_events import Member

Rows = Sequence[tuple[Event, Epoch | None]]
Read = Callable[[Mapping[str, int]], Rows]


class Stream(NamedTuple):
    field: Literal["job_id", "sweep_id"]
    id: str
    owner: str | None = None
    """Whose it must be; None = anybody's."""


@dataclass(frozen=True, slots=True)
class Batch:
    frames: Sequence[ServerSentEvent]
    """Each with the text of the client's position after it."""
    after: Position
    """After all of them."""
    more: bool
    """Whether there are events after these already."""
    awaited: Awaited
    """The jobs with events to come, now or later."""
    names: Mapping[str, Mapping[str, str]]
    """By job, the fields that name it in the data of a sweep's event."""

    @property
    def complete(self) -> bool:
        return not self.awaited.seen


def read_first(sessions: database.Sessions, stream: Stream, given: Position | None, limit: int) -> Batch:
    """Read the events after the position that a client gives, or the first; a reset if there is no such position."""
    with sessions.read() as session:
        members = sweep_events.list_members_of_stream(session, *stream)
        if not members:
            return make_gone(stream, given)
        places = 1 if stream.field == "job_id" else sweeps.find_spec(session, stream.id).jobs
        start = Position((0,) * places)
        if given and len(given.numbers) != places:
            return begin_again(stream, members, start)
        return read_after(stream, members, given or start, partial(sweep_events.read, session, limit=limit))


def read_next(sessions: database.Sessions, stream: Stream, seen: Position, limit: int) -> Batch:
    """Read the events after a position in this stream."""
    with sessions.read() as session:
        members = sweep_events.list_members_of_stream(session, *stream)
        if not members:
            return make_gone(stream, seen)
        return read_after(stream, members, seen, partial(sweep_events.read, session, limit=limit))


def read_after(stream: Stream, members: Sequence[Member], seen: Position, read: Read) -> Batch:
    """Read the next events, after the jobs' states: what was found to have ended has no others.

    What a job did in between is left for the next time: on PostgreSQL each statement sees what was committed before it,
    and a client that had the last event of a job that was found running would wait for others for ever.
    """
    if positions.is_beyond(members, seen):
        return begin_again(stream, members, Position((0,) * len(seen.numbers)))
    unsent = positions.find_unsent(members, seen)
    newest = {member.job_id: member.last_seq for member in members}
    rows = [(event, epoch) for event, epoch in read(unsent) if event.seq <= newest[event.job_id]] if unsent else []
    frames, after = encode(stream, members, rows, seen)
    if stream.field == "sweep_id" and not positions.find_outstanding(members, after):
        after = Position(after.numbers, end=True)
        if rows or not seen.end:
            frames.append(make_frame("sweep_end", after, describe_sweep_end(members)))
    return make_batch(stream, members, frames, after)


def encode(
    stream: Stream, members: Sequence[Member], rows: Rows, seen: Position
) -> tuple[list[ServerSentEvent], Position]:
    numbers, frames = [*seen.numbers], []
    for member, event, epoch in interleave(members, rows):
        numbers[member.position] = event.seq
        data = {**name_member(stream, member), **describe_event(event, epoch)}
        frames.append(make_frame(event.kind, Position(tuple(numbers)), data))
    return frames, Position(tuple(numbers))


def make_frame(kind: str, after: Position, data: Mapping[str, object]) -> ServerSentEvent:
    return ServerSentEvent(event=kind, id=after.text, raw_data=orjson.dumps(data).decode())


def make_batch(stream: Stream, members: Sequence[Member], frames: Sequence[ServerSentEvent], after: Position) -> Batch:
    awaited = Awaited((stream.id, after.text), positions.find_outstanding(members, after))
    names = {member.job_id: name_member(stream, member) for member in members}
    return Batch(frames, after, bool(positions.find_unsent(members, after)), awaited, names)


def begin_again(stream: Stream, members: Sequence[Member], start: Position) -> Batch:
    reset = make_reset("there is no event of this id in this stream", event_id=start.text)
    return make_batch(stream, members, [reset], start)


def make_gone(stream: Stream, seen: Position | None) -> Batch:
    known = seen is not None and seen.gone
    return make_batch(stream, [], [] if known else [make_frame("gone", GONE, {})], GONE)


def name_member(stream: Stream, member: Member) -> Mapping[str, str]:
    return {} if stream.field == "job_id" else {"job_id": member.job_id, "activation": member.activation}
