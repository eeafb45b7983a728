"""Health check of a container: status 0 when its worker has registered lately, else status 1 and the reason."""

# ruff: noqa: INP001  # a script beside the Dockerfile, in no package

import socket
import sys

from db import workers
from db.session import Sessions, connect
from jobs.errors import DatabaseUnavailable
from runtime import settings


def find_problem(sessions: Sessions, hostname: str) -> str | None:
    """Return what is wrong with the worker of this container. Its id is NAME@HOSTNAME/PROCESS."""
    try:
        with sessions.read() as session:
            registered = {worker.id.rpartition("@")[2].rpartition("/")[0] for worker in workers.list_live(session)}
    except DatabaseUnavailable as error:
        return str(error)
    return None if hostname in registered else f"no worker on {hostname} has registered lately"


if __name__ == "__main__":
    sys.exit(find_problem(connect(settings.read().database, pool_size=1), socket.gethostname()))
