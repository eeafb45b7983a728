"""Deletes jobs that ended long ago, with their checkpoints, one by one, while the service runs."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

from db import jobs, retention
from db.session import Sessions, connect
from jobs.errors import JobNotFound
from runtime.settings import Settings
from storage import files


def prune(settings: Settings, *, max_age: timedelta | None, keep: int | None, dry_run: bool) -> Sequence[str]:
    """Return the ids of the jobs that were deleted, or would be.

    Raises:
        DatabaseUnavailable, OSError: the next call deletes the rest.
    """
    with closing(connect(settings.database, pool_size=1)) as sessions:
        with sessions.read() as session:
            expired = retention.list_expired(session, max_age=max_age, keep=keep)
        if not dry_run:
            for job_id in expired:
                delete(sessions, settings.checkpoints, job_id)
    return expired


def delete(sessions: Sessions, checkpoints_url: str, job_id: str) -> None:
    """Delete the files before the rows, so that no file outlives its job."""
    files.delete_folder(files.join(checkpoints_url, job_id))
    try:
        with sessions.begin() as session:
            jobs.remove(session, job_id)
    except JobNotFound:  # a client has deleted it meanwhile
        return
