"""Threads of requests, apart from those of all others: few for heavy work, and some that are always left for probes."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial, wraps
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.http.formats import DRAWINGS, Format
from jobs.errors import Busy

HEAVY = CapacityLimiter(2)
"""Threads for drawings, propagations, long evaluations and Parquet: each keeps a core busy, or holds much memory."""
PROBES = CapacityLimiter(2)
WITH_A_TURN = CapacityLimiter(math.inf)
"""For what has waited for its turn already."""
WAIT_SECONDS = 5
MOST_WAITING = 32
"""Requests, each of which may hold a body of some megabytes."""

Endpoint = Callable[..., Response]
AsyncEndpoint = Callable[..., Awaitable[Response]]


def always(**_: object) -> bool:
    return True


def draws_or_packs(*, kind: Format, **_: object) -> bool:
    """Whether a request wants a drawing or Parquet."""
    return kind in DRAWINGS or kind is Format.PARQUET


def heavy(
    is_heavy: Callable[..., bool] = always, *, limiter: CapacityLimiter | None = None
) -> Callable[[Endpoint], AsyncEndpoint]:
    """Run an endpoint in the threads of heavy work, for the requests that are heavy; what is not runs as any other.

    With a limiter of its own it waits for a place there first.

    Raises (when a request is served):
        Busy: too many wait already, or its turn did not come in WAIT_SECONDS.
    """

    def decorate(work: Endpoint) -> AsyncEndpoint:
        @wraps(work)
        async def run(**given: Any) -> Response:  # noqa: ANN401  # what the endpoint declares
            if not is_heavy(**given):
                return await run_in_threadpool(work, **given)
            async with take_turn(*filter(None, (limiter, HEAVY))):
                return await to_thread.run_sync(partial(work, **given), limiter=WITH_A_TURN)

        return run

    return decorate


@asynccontextmanager
async def take_turn(*limiters: CapacityLimiter) -> AsyncIterator[None]:
    """Hold a place in each; the wait for all of them is bounded.

    Raises:
        Busy: too many wait already, or it took too long.
    """
    async with AsyncExitStack() as held:
        try:
            with fail_after(WAIT_SECONDS):
                for limiter in limiters:
                    if limiter.statistics().tasks_waiting >= MOST_WAITING:
                        raise Busy
                    await held.enter_async_context(limiter)
        except TimeoutError as error:
            raise Busy from error
        yield


def probe(work: Endpoint) -> AsyncEndpoint:
    """Run an endpoint in the threads of probes, which must answer whatever the others wait for."""

    @wraps(work)
    async def run(**given: Any) -> Response:  # noqa: ANN401  # what the endpoint declares
        return await to_thread.run_sync(partial(work, **given), limiter=PROBES)

    return run
