"""The events of a job or a sweep over SSE, read across cuts of the connection."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from tenacity import RetryCallState

from cli.client_errors import ServiceError, Unreachable, describe

log = logging.getLogger(__name__)

MAX_AWAY_SECONDS = 120.0
RESET = "reset"
PROGRESS = "progress"
"""Has no id: it is not sent again, and a client goes on after the event before it."""


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    """Of a job's event its number: 1, 2, 3, ...; of a sweep's event opaque; empty of `progress`."""
    kind: str
    """`state`, `epoch`, `progress`, `diagnosis` or `end`; the last of a sweep is `sweep_end`.

    After `reset` all come again.
    """
    data: dict[str, Any]  # as the service sent it


def is_newer(sent: str, seen: str) -> bool:
    """Numbers count upward; an opaque id that differs is another event.

    A comment repeats the last id, without data; a proxy may drop the Last-Event-ID, and then a job's events come again.
    """
    if sent.isdecimal() and seen.isdecimal():
        return int(sent) > int(seen)
    return sent not in {"", seen}


@dataclass(slots=True)
class Stream:
    """One connection at a time, opened when it is needed and again after a cut."""

    open: Callable[[str], httpx.Response]
    """Requests the events after that id."""
    last: str
    """The kind of the event that ends the stream."""
    seen: str = ""
    ended: bool = False
    alive_at: float = field(default_factory=monotonic)
    response: httpx.Response | None = None
    incoming: Iterator[ServerSentEvent] = field(init=False)

    def next(self) -> Event | None:
        """The next event, None after the last.

        Raises:
            Unreachable: there is no connection now; the next call opens one.
            ServiceError: the service refuses, or something else answers.
        """
        if self.ended or not self.connect():
            return None
        try:
            for sent in self.incoming:
                if is_newer(sent.id, self.seen) or sent.event in {RESET, PROGRESS}:
                    return self.take(sent)
        except httpx.RequestError as error:
            self.cut()
            raise Unreachable(f"the stream was cut ({describe(error)})") from error
        except (ValueError, SSEError) as error:
            raise ServiceError(200, "the answer is not a stream of events") from error
        self.cut()
        raise Unreachable("the stream was closed before its end")

    def connect(self) -> bool:
        """Open the connection where there is none. False: no event is left, the service answered 204."""
        if self.response is None:
            self.response = self.open(self.seen)
            self.alive_at = monotonic()
            self.incoming = EventSource(self.response).iter_sse()
            self.ended = self.response.status_code == httpx.codes.NO_CONTENT
        return not self.ended

    def take(self, sent: ServerSentEvent) -> Event:
        if sent.event == PROGRESS:
            return Event("", PROGRESS, sent.json())
        event = Event(sent.id, sent.event, sent.json())
        self.seen, self.ended = event.id, event.kind == self.last
        return event

    def cut(self) -> None:
        self.alive_at = monotonic()
        self.close()

    def close(self) -> None:
        if self.response is not None:
            self.response.close()
            self.response = None

    def is_away_too_long(self, _: RetryCallState) -> bool:
        return monotonic() - self.alive_at > MAX_AWAY_SECONDS


def log_cut(state: RetryCallState) -> None:
    """Log a cut once, not at each attempt to reconnect."""
    if state.outcome is not None and state.attempt_number == 1:
        log.warning("%s; reconnecting", state.outcome.exception())
