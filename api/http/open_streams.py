"""The open streams of each API key: no more than its quota, and none once the key is revoked or has expired."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context

from anyio import CancelScope, CapacityLimiter, to_thread

from db import keys
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

CHECK_SECONDS = 2.0


class OpenStreams:
    """Reads the keys of all open streams together, and nothing while there is none."""

    def __init__(self) -> None:
        self._open: dict[CancelScope, str] = {}
        self._checking: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)  # of its own: it does not wait behind requests

    def count(self, key_digest: str) -> int:
        return Counter(self._open.values())[key_digest]

    async def serve(self, sessions: Sessions, key_digest: str, stream: Callable[[], Awaitable[None]]) -> bool:
        """Serve the stream; returns whether it was ended because the key is no longer valid."""
        with CancelScope() as scope:
            self._open[scope] = key_digest
            if self._checking is None:  # in an empty context: it serves all streams and belongs to none
                self._checking = asyncio.create_task(self._check(sessions), context=Context())
            try:
                await stream()
            finally:
                del self._open[scope]
        return scope.cancelled_caught

    async def _check(self, sessions: Sessions) -> None:
        try:
            while self._open:
                await asyncio.sleep(CHECK_SECONDS)
                checked = dict(self._open)  # nothing is known of the keys of streams that open meanwhile
                valid = await to_thread.run_sync(find_valid, sessions, {*checked.values()}, limiter=self._thread)
                for scope, key_digest in checked.items():
                    if valid is not None and key_digest not in valid and scope in self._open:
                        scope.cancel()
        finally:
            self._checking = None
            for scope in self._open:  # none, unless the check ended by an error
                scope.cancel()


def find_valid(sessions: Sessions, digests: set[str]) -> set[str] | None:
    """Find which of the keys are valid; None while the database is away."""
    try:
        with sessions.read() as session:
            return keys.find_valid(session, digests)
    except DatabaseUnavailable:
        return None
