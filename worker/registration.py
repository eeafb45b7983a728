"""The registration of this worker process in SQL: its device, and the job it trains."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from db import workers
from db.session import Sessions
from jobs.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


class Registration:
    """Writes itself at every change and every `interval_seconds`, on a thread of its own."""

    def __init__(self, sessions: Sessions, worker_id: str, device: str, *, interval_seconds: float) -> None:
        self._sessions = sessions
        self._worker_id = worker_id
        self._device = device
        self._interval_seconds = interval_seconds
        self._job_id: str | None = None
        self._changed = threading.Event()
        threading.Thread(target=self.write_forever, name="registration", daemon=True).start()

    @contextmanager
    def show_job(self, job_id: str) -> Iterator[None]:
        self.set_job(job_id)
        try:
            yield
        finally:
            self.set_job(None)

    def set_job(self, job_id: str | None) -> None:
        self._job_id = job_id
        self._changed.set()

    def write_forever(self) -> None:
        while True:
            self._changed.clear()
            try:
                with self._sessions.begin() as session:
                    workers.report(session, self._worker_id, device=self._device, job_id=self._job_id)
            except DatabaseUnavailable as error:
                log.warning("this worker cannot register: %s", error)
            self._changed.wait(self._interval_seconds)
