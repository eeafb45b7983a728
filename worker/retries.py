"""Retries of the two services that an attempt waits for: the database and the checkpoints' storage."""

import logging
import threading

from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_delay,
    stop_all,
    stop_when_event_set,
    wait_exponential_jitter,
)

from jobs.errors import DatabaseUnavailable, WrongSchema

log = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 2
DRAIN_SECONDS = 5
STORAGE_SECONDS = 60


def retry_database(draining: threading.Event) -> Retrying:
    """Retry until the database answers; while draining, for DRAIN_SECONDS. Raises the last DatabaseUnavailable.

    A schema of another version comes back only with another version of this worker: WrongSchema is raised at once.
    """
    return Retrying(
        retry=retry_if_exception_type(DatabaseUnavailable) & retry_if_not_exception_type(WrongSchema),
        wait=wait_exponential_jitter(multiplier=0.2, max=MAX_PAUSE_SECONDS),
        stop=stop_all(stop_when_event_set(draining), stop_after_delay(DRAIN_SECONDS)),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )


def retry_storage() -> Retrying:
    """Retry for STORAGE_SECONDS, less than it takes to train the lost epochs again. Raises the last OSError."""
    return Retrying(
        retry=retry_if_exception_type(OSError),
        wait=wait_exponential_jitter(multiplier=0.2, max=MAX_PAUSE_SECONDS),
        stop=stop_after_delay(STORAGE_SECONDS),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )
