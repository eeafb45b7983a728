"""Waking the streams whose jobs have news."""

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


class News:
    """Asks the database once a moment for all streams together, and not at all while nobody listens."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._listeners: dict[Listener, Mapping[str, int]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def after(self, job_id: str, seen: int) -> bool:
        """True once the job's newest event is another than `seen`; False when it is gone or the database away."""
        return await self.after_any({job_id: seen})

    async def after_any(self, seen: Mapping[str, int]) -> bool:
        """True once the newest event of one of the jobs is another than the one seen of it; False as above for all."""
        listener: Listener = asyncio.get_running_loop().create_future()
        self._listeners[listener] = seen
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), context=Context())  # of no request, for it asks for all
        try:
            return await listener
        finally:
            del self._listeners[listener]

    async def _ask(self) -> None:
        try:
            while self._listeners:
                await asyncio.sleep(POLL_SECONDS)
                asked = dict(self._listeners)
                tell(asked, await run_in_threadpool(self._numbers, set().union(*asked.values())))
        finally:
            self._asking = None
            tell(self._listeners, {})  # nobody is left waiting for an answer that will not come

    def _numbers(self, job_ids: set[str]) -> Mapping[str, int]:
        try:
            with self._sessions.read() as session:
                return events.read_newest_numbers(session, job_ids)
        except DatabaseUnavailable:
            return {}


def tell(listeners: Mapping[Listener, Mapping[str, int]], numbers: Mapping[str, int]) -> None:
    for listener, seen in listeners.items():
        if not listener.done() and any(numbers.get(job_id, math.inf) != number for job_id, number in seen.items()):
            listener.set_result(any(job_id in numbers for job_id in seen))
