"""The wire form of events: what a stream sends, and how OpenAPI shows it."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi.sse import ServerSentEvent

from api.http.responses import Responses
from api.http.times import to_rfc3339
from api.jobs.documents import describe_progress, estimate_seconds
from api.jobs.models import DiagnosisOut, EpochOut
from api.sweeps.models import JobCounts
from api.sweeps.summary import derive_state
from db.events import Newest
from db.models import Epoch, Event
from db.sweep_events import Member
from jobs.spec import sort_by_key

EVENTS_AT_ONCE = 500
PROGRESS_FRAME = (
    'event: progress\ndata: {%s"epoch":3,"epochs":10,"fraction":0.37,"images":33600,"images_total":48000,'
    '"images_per_second":651.3,"eta_seconds":601.8}\n\n'
)
"""With a place for what says of which job it is."""


def declare_stream(frames: str) -> Responses:
    """Declare, for an endpoint's `responses`, a stream of events such as these."""
    return {
        200: {"description": "The events, as they happen.", "content": {"text/event-stream": {"example": frames}}},
        204: {"description": "The client has seen the last event."},
    }


def make_frame(event: Event, epoch: Epoch | None) -> ServerSentEvent:
    data = orjson.dumps(describe_event(event, epoch)).decode()  # now, for all clients that it is sent to
    return ServerSentEvent(event=event.kind, id=str(event.seq), raw_data=data)


def make_progress(newest: Newest, **names: Any) -> ServerSentEvent:  # noqa: ANN401  # ids and words
    """Tell how far the epoch in training is: an event without a number, which no reconnect brings again."""
    data = {**names, **describe_progress(newest), "eta_seconds": estimate_seconds(newest)}
    return ServerSentEvent(event="progress", raw_data=orjson.dumps(data).decode())


def make_reset(reason: str, *, event_id: str) -> ServerSentEvent:
    """Tell a client whose last event does not exist to start over, after no event at all."""
    return ServerSentEvent(event="reset", id=event_id, raw_data=orjson.dumps({"reason": reason}).decode())


def describe_event(event: Event, epoch: Epoch | None) -> dict[str, Any]:
    """Make the data of an event; those of an epoch are its row in the history."""
    if epoch is not None:
        return EpochOut.model_validate(epoch).model_dump(mode="json")
    return {**(order(event.data) if event.kind == "diagnosis" else event.data), "at": to_rfc3339(event.at)}


def order(diagnosis: Mapping[str, Any]) -> dict[str, Any]:
    """Order a stored diagnosis as its model does, whatever the database made of it."""
    found = {name: diagnosis[name] for name in DiagnosisOut.model_fields if name in diagnosis}
    return found | {name: sort_by_key(diagnosis[name]) for name in ("evidence", "thresholds")}


def describe_sweep_end(members: Sequence[Member]) -> dict[str, Any]:
    """Make the data of `sweep_end`."""
    states = [member.state for member in members]
    return {"state": derive_state(states), "jobs": JobCounts.of(states).model_dump()}


def interleave(
    members: Sequence[Member], rows: Sequence[tuple[Event, Epoch | None]]
) -> Sequence[tuple[Member, Event, Epoch | None]]:
    """Order events of several jobs by time, as far as each job's own order allows: a clock may have been set back.

    Events of the same millisecond are in the order of the jobs, whichever of them a client has already.
    """
    by_id = {member.job_id: member for member in members}
    by_job = defaultdict(list)
    for event, epoch in rows:
        by_job[event.job_id].append((by_id[event.job_id], event, epoch))
    return list(heapq.merge(*by_job.values(), key=lambda row: (row[1].at, row[0].position)))
