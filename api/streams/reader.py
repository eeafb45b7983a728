"""Reading events for streams: by a few connections, and once for all clients of a job."""

import asyncio
import math
from collections.abc import Callable, Hashable, Sequence
from contextvars import Context
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi.sse import ServerSentEvent

from api.streams.frames import EVENTS_AT_ONCE, make_frame
from db import events
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

T = TypeVar("T")

READERS = CapacityLimiter(4)
"""Threads, and so connections to the database, of all streams together, however many clients listen."""

Frames = tuple[float, Sequence[ServerSentEvent]]
"""The number of a job's newest event, and the frames of the next ones."""


async def read_in_turn(read: Callable[..., T], *arguments: object) -> T:
    """Read in one of the streams' threads."""
    return await to_thread.run_sync(read, *arguments, limiter=READERS)


class EventReader:
    """Reads and encodes events once for all clients that have seen the same ones, and read them together."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._reads: dict[Hashable, asyncio.Task[Any]] = {}

    async def read_next(self, job_id: str, seen: int) -> Frames:
        """Read a job's events after `seen`. Infinity and none if the job is gone or the database away."""
        return await self.share(read_next_frames, job_id, seen)

    async def share(self, read: Callable[..., T], *arguments: Hashable) -> T:
        """Read with the others that ask for the same now. What it raises, it raises for each of them."""
        asked = read, *arguments
        if asked not in self._reads:  # in an empty context: it serves all clients and belongs to none
            reading = read_in_turn(read, self._sessions, *arguments)
            task = self._reads[asked] = asyncio.create_task(reading, context=Context())
            task.add_done_callback(lambda _: self._reads.pop(asked))
        shared: T = await asyncio.shield(self._reads[asked])  # one client that leaves cancels no other's read
        return shared


def read_next_frames(sessions: Sessions, job_id: str, seen: int) -> Frames:
    try:
        with sessions.read() as session:
            found = events.read(session, job_id, after_seq=seen, limit=EVENTS_AT_ONCE)
            newest = events.read_newest(session, [job_id]).get(job_id)
            frames = [make_frame(event, epoch) for event, epoch in found]
            return math.inf if newest is None else newest.event_seq, frames
    except DatabaseUnavailable:
        return math.inf, []
