"""A job's events over SSE, across every cut of the connection."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from tenacity import RetryCallState

from stack.client_errors import ServiceError, Unreachable, reason

log = logging.getLogger(__name__)

AWAY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    """The job's own count: 1, 2, 3, ..."""
    kind: str
    """`state`, `epoch`, `diagnosis` or `end`."""
    data: dict[str, Any]  # as the service sent it


@dataclass(slots=True)
class Stream:
    """One connection at a time: opened when it is needed, and again after a cut."""

    open: Callable[[int], httpx.Response]
    """Asks for the events after that number."""
    seen: int
    ended: bool = False
    alive_at: float = field(default_factory=monotonic)
    response: httpx.Response | None = None
    incoming: Iterator[ServerSentEvent] = field(init=False)

    def next(self) -> Event | None:
        """The next event, None after the last.

        Raises:
            Unreachable: there is no connection now; the next call opens one.
            ServiceError: the service does not want to, or something else answers.
        """
        if self.ended or not self.connected():
            return None
        try:
            for sent in self.incoming:
                # A comment comes as the last number again, without data; a proxy may drop the Last-Event-ID.
                if int(sent.id or 0) > self.seen:
                    return self.taken(sent)
        except httpx.RequestError as error:
            self.cut()
            raise Unreachable(f"the stream was cut ({reason(error)})") from error
        except (ValueError, SSEError) as error:
            raise ServiceError(200, "what answers is not a job's stream") from error
        self.cut()
        raise Unreachable("the stream was closed before the job's end")

    def connected(self) -> bool:
        """False where nothing is left to hear: the service answers 204."""
        if self.response is None:
            self.response = self.open(self.seen)
            self.alive_at = monotonic()
            self.incoming = EventSource(self.response).iter_sse()
            self.ended = self.response.status_code == httpx.codes.NO_CONTENT
        return not self.ended

    def taken(self, sent: ServerSentEvent) -> Event:
        event = Event(int(sent.id), sent.event, sent.json())
        self.seen, self.ended = event.number, event.kind == "end"
        return event

    def cut(self) -> None:
        self.alive_at = monotonic()
        self.close()

    def close(self) -> None:
        if self.response is not None:
            self.response.close()
            self.response = None

    def away_too_long(self, _: RetryCallState) -> bool:
        return monotonic() - self.alive_at > AWAY_SECONDS


def mention(state: RetryCallState) -> None:
    """Once a cut, not once an attempt."""
    if state.outcome is not None and state.attempt_number == 1:
        log.warning("%s; reconnecting", state.outcome.exception())
