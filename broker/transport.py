"""The transport of a worker: it refuses what is no hint before Celery sees it, whom it would end again and again."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from kombu.message import Message
from kombu.transport import redis
from kombu.transport.virtual import Empty

from broker.app import PREDICT, TRAIN

log = logging.getLogger(__name__)

UNUSED = ("eta", "expires", "group", "shadow", "timelimit")
"""Headers that change when, how long or as what a task runs: a hint has none of them."""
INVALID = (AttributeError, LookupError, TypeError, ValueError)
"""Errors that reading a message can raise, whatever its text."""


class InvalidHint(ValueError):
    """A message that this service has not sent."""


class Channel(redis.Channel):
    def basic_consume(
        self,
        queue: str,
        no_ack: bool,  # noqa: FBT001  # kombu's
        callback: Callable[[Message], None],
        consumer_tag: str,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        def take(message: Message) -> None:
            try:
                check_hint(message)
                callback(message)
            except INVALID as error:
                log.error("refused a message in the queue %s, which is no hint: %s", queue, error)  # noqa: TRY400
                if not message.acknowledged:
                    message.reject()

        return super().basic_consume(queue, no_ack, take, consumer_tag, **options)  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401  # kombu's
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except INVALID as error:
            log.error("refused what is no message: %s", error)  # noqa: TRY400
            raise Empty from error


class Transport(redis.Transport):
    Channel = Channel


def check_hint(message: Message) -> None:
    """Check that the message is a task of ours for one id, and asks for nothing else.

    Raises:
        InvalidHint, or any of INVALID: it is not.
    """
    if (message.content_type, message.content_encoding) != ("application/json", "utf-8"):
        raise InvalidHint("it is not JSON in UTF-8")
    headers = message.headers
    if headers["task"] not in {TRAIN, PREDICT} or not isinstance(headers["id"], str):
        raise InvalidHint("it names no task of ours")
    if any(headers.get(name) not in (None, [None, None]) for name in UNUSED):
        raise InvalidHint("it has a time limit, a time to start, or other orders")
    arguments, named, followers = message.payload
    if len(arguments) != 1 or not isinstance(arguments[0], str) or named or any(followers.values()):
        raise InvalidHint("it has other arguments than an id")
    UUID(arguments[0])
