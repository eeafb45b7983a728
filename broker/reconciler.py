"""Reconciliation of SQL with the world: jobs whose worker is gone, and queued jobs whose hint is lost."""

import logging
import random
import threading
from collections.abc import Callable
from time import monotonic, time

from broker.hints import HintQueue
from broker.retention import Retention
from db import predictions, queue, schema
from db.session import Sessions
from jobs.errors import BrokerUnavailable, DatabaseBusy, DatabaseUnavailable, WrongSchema

log = logging.getLogger(__name__)

RESEND_AFTER_SECONDS = 15.0
GRACE_SECONDS = 10.0
HINT_BATCH = 100
DEFAULT_LEASE_SECONDS = 60.0
MIN_CLOCK_JUMP_SECONDS = 2.0


def reconcile(
    sessions: Sessions, hints: HintQueue, *, grace: bool = False, lease_seconds: float = DEFAULT_LEASE_SECONDS
) -> None:
    """Reconcile once; any number of processes may do this at the same time. With `grace`, no worker loses its job.

    Raises:
        DatabaseUnavailable, BrokerUnavailable: the next round does the rest.
    """
    if not grace:
        while reap_batch(sessions):
            pass
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=lease_seconds)
        predictions.delete_expired(session)
    send_lost_hints(sessions, hints)


def reap_batch(sessions: Sessions) -> bool:
    """Take jobs from lost workers; return whether there may be more. Others can write between two batches."""
    with sessions.begin() as session:
        reaped = queue.reap(session)
    for job_id in reaped:
        log.warning("job %s lost its worker", job_id)
    return len(reaped) >= queue.REAP_BATCH


def send_lost_hints(sessions: Sessions, hints: HintQueue) -> None:
    """Send as many hints again as the broker lacks, so that its queue never exceeds the jobs that wait."""
    with sessions.read() as session:
        waiting = queue.count_due(session)
    missing = min(waiting - hints.length(), HINT_BATCH) if waiting else 0
    if missing <= 0:
        return
    with sessions.begin() as session:
        job_ids = queue.take_due(session, resend_after_seconds=RESEND_AFTER_SECONDS, limit=missing)
    dispatch(sessions, hints, job_ids)


def dispatch(sessions: Sessions, hints: HintQueue, job_ids: list[str]) -> None:
    """Send hints for committed jobs, and never fail, because these jobs are accepted.

    The next round sends what the broker does not take now; where SQL cannot record that, the hint counts as lost later.
    """
    unsent = hints.send(job_ids)
    if not unsent:
        return
    try:
        with sessions.begin() as session:
            queue.mark_unsent(session, unsent)
    except DatabaseUnavailable as error:
        log.warning("%d hints wait until they count as lost: %s", len(unsent), error)


def wait_for_next_version() -> None:
    """Go on in the next round, as an API does: the database may be migrated, or restored, meanwhile."""


class Reconciler:
    """Reconciles every `interval_seconds`, with jitter, on a thread of its own.

    After an outage of the database longer than a lease, every lease has expired, and every living worker is about to
    renew its own: for GRACE_SECONDS no worker loses its job. The same holds after the machine slept or its clock was
    set.

    Each round first checks the schema's version, which a migration may have changed under this process. The last thing
    in a round is to delete expired jobs, if `retention` says which.
    """

    def __init__(
        self,
        sessions: Sessions,
        hints: HintQueue,
        *,
        interval_seconds: float,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        retention: Retention | None = None,
        on_wrong_schema: Callable[[], None] = wait_for_next_version,
    ) -> None:
        self._retention = retention
        self._on_wrong_schema = on_wrong_schema
        self._sessions = sessions
        self._hints = hints
        self._interval_seconds = interval_seconds
        self._lease_seconds = lease_seconds
        self._grace_until = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def run(self) -> None:
        while not self.wait_for_next_round():
            try:
                schema.check(self._sessions)
                grace = monotonic() < self._grace_until
                reconcile(self._sessions, self._hints, grace=grace, lease_seconds=self._lease_seconds)
                if self._retention is not None:
                    self._retention.delete_batch()
            except DatabaseBusy as error:  # no outage: workers go first
                log.warning("reconciliation waits: %s", error)
            except WrongSchema as error:
                log.error("this process leaves the database alone: %s", error)  # noqa: TRY400
                self._on_wrong_schema()
            except DatabaseUnavailable as error:
                log.warning("reconciliation waits: %s", error)
                self._grace_until = monotonic() + GRACE_SECONDS
            except BrokerUnavailable as error:
                log.warning("hints wait: %s", error)
            except OSError as error:  # of the storage
                log.warning("expired jobs wait: %s", error)
            except Exception:
                # The thread must survive a bug in one round, or lost jobs would stay lost.
                log.exception("a round of reconciliation failed")

    def wait_for_next_round(self) -> bool:
        """Pause; return whether the reconciler was stopped.

        A pause that the wall clock measures longer or shorter shows that the machine slept or its clock was set.
        """
        pause, began = self._interval_seconds * random.uniform(0.8, 1.2), time()  # noqa: S311  # jitter
        if self._stopped.wait(pause):
            return True
        if abs(time() - began - pause) > max(MIN_CLOCK_JUMP_SECONDS, self._lease_seconds / 2):
            log.warning("this machine slept or its clock was set: no worker loses its job for %.0f s", GRACE_SECONDS)
            self._grace_until = monotonic() + GRACE_SECONDS
        return False
