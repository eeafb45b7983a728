"""Setting right what got lost: jobs whose worker is gone, and queued jobs whose hint never arrived."""

import logging
import random
import threading
from time import monotonic, time

from broker.hints import HintQueue
from db import predictions, queue
from db.session import Sessions
from jobs.errors import BrokerUnavailable, DatabaseBusy, DatabaseUnavailable

log = logging.getLogger(__name__)

RESEND_AFTER_SECONDS = 15.0
PATIENCE_SECONDS = 10.0
HINTS_AT_ONCE = 100
DEFAULT_LEASE_SECONDS = 60.0
LEAST_JUMP_SECONDS = 2.0


def reconcile(
    sessions: Sessions, hints: HintQueue, *, patient: bool = False, lease_seconds: float = DEFAULT_LEASE_SECONDS
) -> None:
    """One round; any number of processes may do this at once. A `patient` one takes no job from its worker.

    Raises:
        DatabaseUnavailable, BrokerUnavailable: nothing is lost, the next round does it.
    """
    if not patient:
        while reap_some(sessions):
            pass
    with sessions.begin() as session:
        queue.shorten_leases(session, lease_seconds=lease_seconds)
        predictions.forget_left(session)
    send_lost_hints(sessions, hints)


def reap_some(sessions: Sessions) -> bool:
    """Whether there may be more: others can write between two transactions."""
    with sessions.begin() as session:
        reaped = queue.reap(session)
    for job_id in reaped:
        log.warning("job %s lost its worker", job_id)
    return len(reaped) >= queue.REAP_BATCH


def send_lost_hints(sessions: Sessions, hints: HintQueue) -> None:
    """Send again as many hints as the broker has too few, so that its queue cannot grow beyond the jobs that wait."""
    with sessions.read() as session:
        waiting = queue.count_due(session)
    missing = min(waiting - hints.length(), HINTS_AT_ONCE) if waiting else 0
    if missing <= 0:
        return
    with sessions.begin() as session:
        job_ids = queue.take_due(session, resend_after_seconds=RESEND_AFTER_SECONDS, limit=missing)
    dispatch(sessions, hints, job_ids)


def dispatch(sessions: Sessions, hints: HintQueue, job_ids: list[str]) -> None:
    """Send hints for jobs that are committed, and never fail: the jobs are accepted, whatever happens now.

    What the broker does not take is left to the next round; where SQL cannot note that, until the hint counts as lost.
    """
    unsent = hints.send(job_ids)
    if not unsent:
        return
    try:
        with sessions.begin() as session:
            queue.mark_unsent(session, unsent)
    except DatabaseUnavailable as error:
        log.warning("%d hints wait until they count as lost: %s", len(unsent), error)


class Reconciler:
    """Reconciles every `interval_seconds`, with jitter, on a thread of its own.

    After an outage of the database longer than a lease, every lease has run out, and every living worker is about to
    renew its own: for PATIENCE_SECONDS no job is taken away. It is the same after the machine slept, or its clock was
    set.
    """

    def __init__(
        self,
        sessions: Sessions,
        hints: HintQueue,
        *,
        interval_seconds: float,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._hints = hints
        self._interval_seconds = interval_seconds
        self._lease_seconds = lease_seconds
        self._patient_until = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._waited():
            try:
                patient = monotonic() < self._patient_until
                reconcile(self._sessions, self._hints, patient=patient, lease_seconds=self._lease_seconds)
            except DatabaseBusy as error:  # no outage: workers go first
                log.warning("reconciling waits: %s", error)
            except DatabaseUnavailable as error:
                log.warning("reconciling waits: %s", error)
                self._patient_until = monotonic() + PATIENCE_SECONDS
            except BrokerUnavailable as error:
                log.warning("hints wait: %s", error)
            except Exception:
                # The thread must outlive a bug in one round, or lost jobs would stay lost.
                log.exception("a round of reconciling failed")

    def _waited(self) -> bool:
        """Pause until the next round; true when there is none. By the clock on the wall the pause is as long as meant,
        or this machine slept, or its clock was set.
        """
        pause, began = self._interval_seconds * random.uniform(0.8, 1.2), time()  # noqa: S311  # jitter
        stopped = self._stopped.wait(pause)
        if abs(time() - began - pause) > max(LEAST_JUMP_SECONDS, self._lease_seconds / 2):
            log.warning("this machine slept, or its clock was set: no job is taken from its worker for a while")
            self._patient_until = monotonic() + PATIENCE_SECONDS
        return stopped
