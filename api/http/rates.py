"""Rates at which clients may do something, in the memory of one process."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

REMEMBERED = 10_000
"""Clients whose rate is remembered; those that were quiet longest are forgotten first."""


class Buckets:
    """A token bucket for each client: full at first, and filled again at a steady rate.

    Not the library limits: its store in memory has no bound, and starts a thread for every hit.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By client, the tokens left and when they were counted; without an entry, all of them."""

    def take(self, client: str, *, capacity: float, per_second: float) -> bool:
        """Take a token; False if there is none."""
        tokens = self._count(client, capacity, per_second)
        taken = tokens >= 1
        self._remember(client, tokens - taken)
        return taken

    def put_back(self, client: str, *, capacity: float, per_second: float) -> None:
        """Put a token back."""
        self._remember(client, self._count(client, capacity, per_second) + 1)

    def _count(self, client: str, capacity: float, per_second: float) -> float:
        tokens, counted_at = self._levels.get(client, (capacity, self._clock()))
        return min(capacity, tokens + (self._clock() - counted_at) * per_second)

    def _remember(self, client: str, tokens: float) -> None:
        self._levels[client] = (tokens, self._clock())
        self._levels.move_to_end(client)
        if len(self._levels) > REMEMBERED:
            self._levels.popitem(last=False)
