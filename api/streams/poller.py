"""Waking the streams whose jobs have new events, or are further within an epoch."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextvars import Context
from typing import Any

from fastapi.concurrency import run_in_threadpool

from db import events
from db.events import Newest
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

POLL_SECONDS = 0.1

Found = Mapping[str, Newest]
"""Where each job stands; a job that is missing is gone."""
Told = dict[str, Mapping[str, Any]]
"""The progress that the client of a stream was told last, by job."""
Listener = asyncio.Future[Found]


class EventPoller:
    """Polls the database for all streams together, and not at all while there is none."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._listeners: dict[Listener, tuple[Mapping[str, int], Told]] = {}
        self._polling: asyncio.Task[None] | None = None

    async def watch(self, seen: Mapping[str, int], told: Told) -> AsyncIterator[tuple[str, Newest]]:
        """Yield a job whenever it is further within an epoch than its client was told, and note that in `told`.

        Ends when the newest event of one of the jobs is another than `seen` has, when a job is gone, and when the
        database is away.
        """
        while True:
            found = await self._wait(seen, told)
            for job_id in find_further(found, seen, told):
                told[job_id] = found[job_id].epoch_progress or {}
                yield job_id, found[job_id]
            if has_news(found, seen):
                return

    async def _wait(self, seen: Mapping[str, int], told: Told) -> Found:
        listener: Listener = asyncio.get_running_loop().create_future()
        self._listeners[listener] = (seen, told)
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
                job_ids = set().union(*(seen for seen, _ in listeners.values()))
                wake(listeners, await run_in_threadpool(self._read_newest, job_ids))
        finally:
            self._polling = None
            wake(self._listeners, {})  # no listener is left waiting when polling ends by an error

    def _read_newest(self, job_ids: set[str]) -> Found:
        try:
            with self._sessions.read() as session:
                return events.read_newest(session, job_ids)
        except DatabaseUnavailable:
            return {}


def wake(listeners: Mapping[Listener, tuple[Mapping[str, int], Told]], found: Found) -> None:
    for listener, (seen, told) in listeners.items():
        if not listener.done() and (has_news(found, seen) or find_further(found, seen, told)):
            listener.set_result(found)


def has_news(found: Found, seen: Mapping[str, int]) -> bool:
    """Whether one of the jobs has another newest event than the one seen, or is gone."""
    return any(job_id not in found or found[job_id].event_seq != number for job_id, number in seen.items())


def find_further(found: Found, seen: Mapping[str, int], told: Told) -> list[str]:
    """Find the jobs within an epoch whose progress is another than was told, and whose events were all seen."""
    return [
        job_id
        for job_id, number in seen.items()
        if (newest := found.get(job_id))
        and newest.event_seq == number
        and newest.epoch_progress not in (None, told.get(job_id))
    ]
