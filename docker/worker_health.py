"""Exit status 0 when the worker of this container has lately reported to the database, 1 and a reason when not."""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import socket
import sys

from db import workers
from db.session import Sessions, connect
from jobs.errors import DatabaseUnavailable
from runtime import settings


def complaint(sessions: Sessions, hostname: str) -> str | None:
    """What is wrong with the worker on this host. Its id is NAME@HOSTNAME/PROCESS, and each container is a host."""
    try:
        with sessions.read() as session:
            reported = {worker.id.rpartition("@")[2].rpartition("/")[0] for worker in workers.list_live(session)}
    except DatabaseUnavailable as error:
        return str(error)
    return None if hostname in reported else f"no worker on {hostname} has reported lately"


if __name__ == "__main__":
    sys.exit(complaint(connect(settings.read().database, pool_size=1), socket.gethostname()))
