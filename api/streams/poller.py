"""Waking the streams whose jobs have new events, or are further within an epoch."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import NamedTuple

from api.streams.reader import read_in_turn
from db import events
from db.events import Newest
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

POLL_SECONDS = 0.1

Found = Mapping[str, Newest]
"""Where each job stands; a job that is missing is gone."""
NOTHING: Found = {}


class Awaited(NamedTuple):
    """Jobs whose events a client waits for; clients that wait for the same have the same key."""

    key: tuple[str, str]
    """The stream's id and the client's position."""
    seen: Mapping[str, int]
    """By job, the number of the last event that the client has."""


class Look(NamedTuple):
    """Whether one of the jobs has another newest event than the one seen or is gone, and those further in an epoch."""

    news: bool
    further: Sequence[tuple[str, Newest]]


@dataclass(slots=True, eq=False)
class Told:
    """The jobs of a stream, as they were when its client was last told of their progress."""

    found: Found = field(default_factory=lambda: NOTHING)


Listener = asyncio.Future[Sequence[Look]]
Listeners = Mapping[Listener, Sequence[tuple[Awaited, Told]]]


class EventPoller:
    """Polls the database for all streams together, and not at all while there is none.

    It looks once at what several clients wait for alike, so that its work does not grow with them.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._listeners: dict[Listener, Sequence[tuple[Awaited, Told]]] = {}
        self._polling: asyncio.Task[None] | None = None

    async def watch(self, awaited: Awaited, told: Told) -> AsyncIterator[tuple[str, Newest]]:
        """Yield the jobs of a stream that are further, and note it in `told`, until one of them has news."""
        while True:
            (look,) = await self.wait([(awaited, told)])
            for found in look.further:
                yield found
            if look.news:
                return

    async def wait(self, streams: Sequence[tuple[Awaited, Told]]) -> Sequence[Look]:
        """Wait until there is something to tell of one of them, and note in its `told` what is; a look for each.

        While the database is away it looks as if each had news.
        """
        listener: Listener = asyncio.get_running_loop().create_future()
        self._listeners[listener] = streams
        if self._polling is None:  # in an empty context: it serves all requests and belongs to none
            self._polling = asyncio.create_task(self._poll(), context=Context())
        try:
            return await listener
        finally:
            del self._listeners[listener]

    async def _poll(self) -> None:
        try:
            while self._listeners:
                await asyncio.sleep(POLL_SECONDS)
                listeners = dict(self._listeners)
                different = {one.key: one.seen for streams in listeners.values() for one, _ in streams}
                job_ids = set().union(*different.values())
                wake(listeners, await read_in_turn(self._read_newest, job_ids))
        finally:
            self._polling = None
            wake(self._listeners, NOTHING)  # no listener is left waiting when polling ends by an error

    def _read_newest(self, job_ids: set[str]) -> Found:
        try:
            with self._sessions.read() as session:
                return events.read_newest(session, job_ids)
        except DatabaseUnavailable:
            return NOTHING


def wake(listeners: Listeners, found: Found) -> None:
    """Wake those for whom there is something, and look only once for all that wait for the same and were told alike."""
    looks: dict[tuple[tuple[str, str], int], Look] = {}
    for listener, streams in listeners.items():
        keys = [(awaited.key, id(told.found)) for awaited, told in streams]
        for key, (awaited, told) in zip(keys, streams, strict=True):
            if key not in looks:
                looks[key] = look_at(found, awaited.seen, told.found)
        mine = [looks[key] for key in keys]
        if any(look.news or look.further for look in mine) and not listener.done():
            listener.set_result(mine)
        for (_, told), look in zip(streams, mine, strict=True):
            if look.further or not look.news:
                told.found = found


def look_at(found: Found, seen: Mapping[str, int], told: Found) -> Look:
    news = any(job_id not in found or found[job_id].event_seq != number for job_id, number in seen.items())
    return Look(news, find_further(found, seen, told))


def find_further(found: Found, seen: Mapping[str, int], told: Found) -> list[tuple[str, Newest]]:
    """Find the jobs within an epoch whose progress is another than was told, and whose events were all seen."""
    return [
        (job_id, newest)
        for job_id, number in seen.items()
        if (newest := found.get(job_id)) and newest.event_seq == number and newest.epoch_progress is not None
        if job_id not in told or told[job_id].epoch_progress != newest.epoch_progress
    ]
