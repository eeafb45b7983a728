"""Places of streams: each stays open, so a client has a limited number of them, and so have all together."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import Depends, Request

from api.http.auth import find_network
from api.http.problems import make_http_error
from jobs.access import EVERYBODY
from jobs.errors import Busy


class StreamPlaces:
    """Counts the open streams of this process."""

    def __init__(self, *, per_address: int, most: int) -> None:
        self._per_address = per_address
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def take(self, address: str | None) -> Iterator[None]:
        """Hold a place while a stream is open; without an address only the limit of all counts.

        Raises:
            HTTPException: 429, there are as many from this address as there may be.
            Busy: there are as many in all as there may be.
        """
        if address is not None and self._open[address] >= self._per_address:
            reason = f"{self._per_address} streams are open from this address, the most there may be"
            raise make_http_error(HTTPStatus.TOO_MANY_REQUESTS, reason=reason)
        if self._open.total() >= self._most:
            raise Busy(f"{self._most} streams are open, the most there may be; try again soon")
        place = address or ""
        self._open[place] += 1
        try:
            yield
        finally:
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]


async def hold_place(request: Request) -> AsyncIterator[None]:
    """Hold a place until the stream is closed. How many a key may have is its quota, see api/http/auth.py."""
    places: StreamPlaces = request.app.state.places
    address = find_network(request) if request.state.holder == EVERYBODY else None
    with places.take(address):
        yield


IN_A_PLACE = Depends(hold_place)
"""For the endpoint of a stream: before anything is read for it."""
