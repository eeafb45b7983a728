"""The API's server: uvicorn, with a deadline for the arrival of a request and a bound on connections."""

import json
import logging
import resource
from asyncio import TimerHandle, Transport
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

MAX_DESCRIPTORS = 1 << 20
MAX_BACKLOG = 2048
RESERVED_DESCRIPTORS = 512
"""For the database, files and logs."""
ACCEPTED_BACKLOGS = 3
"""asyncio accepts a whole backlog at once, and two more of them before it can close the first one's connections."""
WARNING_SECONDS = 60.0


@dataclass(slots=True)
class ConnectionLimit:
    """The most connections at once; a warning that they are reached is logged once a minute."""

    connections: int
    warned_at: float = -WARNING_SECONDS

    def warn(self) -> None:
        if monotonic() - self.warned_at >= WARNING_SECONDS:
            self.warned_at = monotonic()
            log.warning("refusing connections: %d are open, the most for this many descriptors", self.connections)


class Connection(H11Protocol):
    """uvicorn's connection, closed where a request does not arrive in time: uvicorn waits for ever.

    A client that does not read its answer is cut off by the kernel: see stack.listening.
    """

    receive_seconds = 20.0
    """From the connection, or from the first byte of a later request, to the last byte of the request."""
    max_discarded_bytes = 5_000_000
    """Read of a body after its answer, such as 413 or 415: a client may send all of it before it reads."""

    def __init__(self, *arguments: Any, limit: ConnectionLimit, **options: Any) -> None:  # noqa: ANN401  # uvicorn's
        super().__init__(*arguments, **options)
        self.limit = limit
        self.deadline: TimerHandle | None = None
        self.discarded_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self.limit.connections:
            self.limit.warn()
            transport.write(make_refusal())
            transport.close()
        else:
            self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lift_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_answered_early():
            self.discarded_bytes += len(data)
            if self.discarded_bytes > self.max_discarded_bytes:
                self.transport.abort()
                return
        super().data_received(data)
        self.watch()

    def on_response_complete(self) -> None:
        self.discarded_bytes = 0
        super().on_response_complete()
        self.watch()

    def watch(self) -> None:
        """Set a deadline while a request arrives, and lift it when all of it is there."""
        if not self.is_arriving():
            self.lift_deadline()
        elif self.deadline is None:
            self.deadline = self.loop.call_later(self.receive_seconds, self.transport.abort)

    def is_arriving(self) -> bool:
        """Whether a request has begun and not ended; between two requests uvicorn has a deadline of its own."""
        between = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is not None
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY} and not between

    def is_answered_early(self) -> bool:
        return self.conn.our_state in {h11.DONE, h11.MUST_CLOSE} and self.conn.their_state is h11.SEND_BODY

    def lift_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def make_refusal() -> bytes:
    """Make the answer to a connection, whatever it will ask."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    problem = {
        "title": status.phrase,
        "status": status,
        "detail": "too many connections",
        "code": "too_many_connections",
    }
    body = json.dumps({"type": "about:blank", **problem}).encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Retry-After: 5",
        "Connection: close",
    )
    return "\r\n".join([*head, "", ""]).encode() + body


def make_options() -> dict[str, Any]:
    """Make uvicorn's options; the limit of this process's descriptors is raised as far as the system lets it."""
    descriptors = raise_descriptor_limit()
    backlog = min(MAX_BACKLOG, descriptors // 8)
    reserved = ACCEPTED_BACKLOGS * backlog + min(RESERVED_DESCRIPTORS, descriptors // 4)
    return {
        "http": partial(Connection, limit=ConnectionLimit(descriptors - reserved)),
        "backlog": backlog,
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # api.http.proxy reads them
        "timeout_graceful_shutdown": 2,  # streams have no end of their own
    }


def raise_descriptor_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
