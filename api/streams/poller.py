"""Waking the streams whose jobs have new events."""

import asyncio
import math
from collections.abc import Mapping
from contextvars import Context

from fastapi.concurrency import run_in_threadpool

from db import events
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

POLL_SECONDS = 0.2

Listener = asyncio.Future[bool]


class EventPoller:
    """Polls the database for all streams together, and not at all while there is none."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._listeners: dict[Listener, Mapping[str, int]] = {}
        self._polling: asyncio.Task[None] | None = None

    async def wait(self, job_id: str, seen: int) -> bool:
        """Wait until the job's newest event is another than `seen`; False if the job is gone or the database away."""
        return await self.wait_any({job_id: seen})

    async def wait_any(self, seen: Mapping[str, int]) -> bool:
        """Wait until the newest event of one of the jobs is another than `seen` has; False if all of them are gone."""
        listener: Listener = asyncio.get_running_loop().create_future()
        self._listeners[listener] = seen
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
                wake(listeners, await run_in_threadpool(self._read_numbers, set().union(*listeners.values())))
        finally:
            self._polling = None
            wake(self._listeners, {})  # no listener is left waiting when polling ends by an error

    def _read_numbers(self, job_ids: set[str]) -> Mapping[str, int]:
        try:
            with self._sessions.read() as session:
                return events.read_newest_numbers(session, job_ids)
        except DatabaseUnavailable:
            return {}


def wake(listeners: Mapping[Listener, Mapping[str, int]], numbers: Mapping[str, int]) -> None:
    """Wake those for whose jobs the numbers differ from the ones seen; a job without a number is gone."""
    for listener, seen in listeners.items():
        if not listener.done() and any(numbers.get(job_id, math.inf) != number for job_id, number in seen.items()):
            listener.set_result(any(job_id in numbers for job_id in seen))
