"""Deletes jobs that ended long ago, with their checkpoints, one by one, while the service runs."""

from collections.abc import Sequence
from contextlib import closing

from broker.retention import Limits, delete, list_expired
from db.session import connect
from runtime.settings import Settings


def prune(settings: Settings, limits: Limits, *, dry_run: bool) -> Sequence[str]:
    """Return the ids of the jobs that were deleted, or would be.

    Raises:
        DatabaseUnavailable, OSError: the next call deletes the rest.
    """
    with closing(connect(settings.database, pool_size=1)) as sessions:
        expired = list_expired(sessions, limits)
        if not dry_run:
            for job_id in expired:
                delete(sessions, settings.checkpoints, job_id)
    return expired
