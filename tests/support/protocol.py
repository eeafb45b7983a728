"""Steps of the job protocol as tests take them, each in a transaction of its own."""

from typing import Any

from sqlalchemy import update

from db import events, leases, queue
from db.clock import after
from db.leases import Claim, Lease
from db.models import Event, Job
from db.session import Sessions
from jobs.spec import JobSpec
from tests.support.figures import epoch_metrics
from tests.support.submitting import create_job


def try_claim(sessions: Sessions, job_id: str, owner: str = "worker/1") -> Claim | None:
    with sessions.begin() as session:
        return leases.claim(session, job_id, owner, lease_seconds=60)


def claim(sessions: Sessions, job_id: str, owner: str = "worker/1") -> Lease:
    claimed = try_claim(sessions, job_id, owner)
    assert claimed is not None
    return claimed.lease


def start_job(sessions: Sessions, spec: JobSpec | None = None) -> Lease:
    """Create a job and claim it."""
    return claim(sessions, create_job(sessions, spec))


def record_epochs(sessions: Sessions, lease: Lease, *epochs: int) -> None:
    for epoch in epochs:
        with sessions.begin() as session:
            leases.record_epoch(session, lease, epoch_metrics(epoch))


def expire_lease(sessions: Sessions, lease: Lease) -> None:
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == lease.job_id).values(lease_expires_at=after(-1)))


def reap(sessions: Sessions, **options: Any) -> list[str]:
    with sessions.begin() as session:
        return queue.reap(session, **options)


def lose_lease(sessions: Sessions, job_id: str) -> Lease:
    """Claim the job, whatever its back-off, and let the lease expire; returns the lost lease."""
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_after=after(-1)))
    lease = claim(sessions, job_id)
    expire_lease(sessions, lease)
    return lease


def take_due(sessions: Sessions, **options: Any) -> list[str]:
    with sessions.begin() as session:
        return queue.take_due(session, **{"resend_after_seconds": 15, "limit": 100, **options})


def check_lease(sessions: Sessions, lease: Lease) -> leases.LeaseStatus:
    with sessions.read() as session:
        return leases.check(session, lease, lease_seconds=60, heartbeat_seconds=10)


def read_events(sessions: Sessions, job_id: str) -> list[Event]:
    with sessions.read() as session:
        return [event for event, _ in events.read(session, job_id, after_seq=0, limit=1000)]
