"""Waking the streams whose jobs have news."""

import asyncio
from collections.abc import Mapping

from fastapi.concurrency import run_in_threadpool

from db import queries
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

POLL_SECONDS = 0.2

Listener = asyncio.Future[bool]


class News:
    """Asks the database once a moment for all streams together, and not at all while nobody listens."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._listeners: dict[Listener, tuple[str, int]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def after(self, job_id: str, seen: int) -> bool:
        """True once the job has an event after number `seen`; False when it is gone or the database away."""
        listener: Listener = asyncio.get_running_loop().create_future()
        self._listeners[listener] = (job_id, seen)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            return await listener
        finally:
            del self._listeners[listener]

    async def _ask(self) -> None:
        try:
            while self._listeners:
                await asyncio.sleep(POLL_SECONDS)
                asked = dict(self._listeners)
                tell(asked, await run_in_threadpool(self._numbers, {job_id for job_id, _ in asked.values()}))
        finally:
            self._asking = None
            tell(self._listeners, {})  # nobody is left waiting for an answer that will not come

    def _numbers(self, job_ids: set[str]) -> Mapping[str, int]:
        try:
            with self._sessions.read() as session:
                return queries.event_numbers(session, job_ids)
        except DatabaseUnavailable:
            return {}


def tell(listeners: Mapping[Listener, tuple[str, int]], numbers: Mapping[str, int]) -> None:
    for listener, (job_id, seen) in listeners.items():
        number = numbers.get(job_id)
        if not listener.done() and (number is None or number > seen):
            listener.set_result(number is not None)
