"""Hints over the broker, which may lose them, duplicate them or be away; SQL knows what is queued."""

import logging
from collections.abc import Iterable
from typing import Protocol

import redis
from kombu.exceptions import OperationalError

from broker.app import PREDICT, PREDICTIONS, QUEUE, TRAIN, create_publisher
from jobs.errors import BrokerUnavailable
from runtime import tracing

log = logging.getLogger(__name__)


class HintQueue(Protocol):
    """The queue of hints that the API and the reconciler use."""

    def send(self, job_ids: Iterable[str]) -> list[str]:
        """Send a hint for each job; return the jobs whose hints were not sent, in order."""

    def send_prediction(self, prediction_id: str) -> None:
        """Send a hint for a prediction; if it is lost, only processes that train will find the request."""

    def length(self) -> int:
        """Count the hints for jobs that wait for a worker. Raises BrokerUnavailable, also when it takes no hints."""


class CeleryHintQueue:
    """Hints over Celery; every call returns within about 3 s, also when the broker does not answer."""

    def __init__(self, broker_url: str) -> None:
        self._celery = create_publisher(broker_url)
        self._redis = redis.Redis.from_url(broker_url, socket_connect_timeout=1, socket_timeout=1)

    def send(self, job_ids: Iterable[str]) -> list[str]:
        remaining = list(job_ids)
        try:
            while remaining:
                self._celery.send_task(TRAIN, args=[remaining[0]], headers=tracing.make_carrier())
                remaining.pop(0)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("the broker is away, %d hints wait in SQL: %s", len(remaining), error)
        return remaining

    def send_prediction(self, prediction_id: str) -> None:
        try:
            self._celery.send_task(PREDICT, args=[prediction_id], queue=PREDICTIONS, headers=tracing.make_carrier())
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("the broker is away, a prediction waits for a process in training: %s", error)

    def length(self) -> int:
        try:
            self._redis.ping()  # an error while it cannot write to its disk
            waiting = self._redis.llen(QUEUE)
        except redis.ResponseError as error:
            raise BrokerUnavailable(f"the broker takes no hints: {error}") from error
        except (redis.RedisError, OSError) as error:
            raise BrokerUnavailable(f"the broker cannot be reached: {error}") from error
        return int(waiting)

    def close(self) -> None:
        self._celery.close()
        self._redis.close()
