"""Checks of a set-up: each returns what is wrong with it and what to do, or None."""

import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from broker.hints import CeleryHintQueue
from db import clock, keys, schema
from db.session import connect
from jobs.errors import DatabaseUnavailable, JobsError
from runtime.settings import Settings
from storage import files
from storage.mnist import find_archives

LEAST_FREE_BYTES = 1 << 30
MAX_CLOCK_DIFFERENCE_SECONDS = 5
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Setup:
    settings: Settings
    port: int


def check_database(setup: Setup) -> str | None:
    with closing(connect(setup.settings.database, pool_size=1)) as sessions:
        version = schema.read_version(sessions)
    if version != schema.VERSION:
        return f"has schema {version}, this version needs {schema.VERSION}: run activation-lab migrate"
    return None


def check_clock(setup: Setup) -> str | None:
    with closing(connect(setup.settings.database, pool_size=1)) as sessions, sessions.read() as session:
        seconds = abs((clock.read_clock(session) - datetime.now(UTC)).total_seconds())
    if seconds > MAX_CLOCK_DIFFERENCE_SECONDS:
        return f"differs from the database's by {seconds:.0f} s: synchronize both with NTP"
    return None


def check_keys(setup: Setup) -> str | None:
    if setup.settings.auth != "keys":
        return None
    with closing(connect(setup.settings.database, pool_size=1)) as sessions, sessions.read() as session:
        known = keys.list_all(session)
    return None if known else "ACTIVATION_LAB_AUTH=keys, and there is none: run activation-lab keys create NAME"


def check_broker(setup: Setup) -> str | None:
    if "broker_url" in setup.settings.model_fields_set:
        CeleryHintQueue(setup.settings.broker_url).length()
    return None  # `up` starts its own


def check_disk(setup: Setup) -> str | None:
    folder = setup.settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        return f"{free / 1e6:.0f} MB are free in {folder}: make room, or delete old jobs with activation-lab prune"
    return None


def check_checkpoints(setup: Setup) -> str | None:
    probe = files.join(setup.settings.checkpoints, f"doctor-{socket.gethostname()}")
    files.write(probe, b"probe")
    files.delete(probe)
    return None


def check_mnist(setup: Setup) -> str | None:
    if find_spec("torch") is None:
        return None  # the API needs no images
    from worker.training.data import verify  # noqa: PLC0415  # it imports torch

    verify(find_archives(setup.settings.mnist_dir))
    return None


def check_gpu(setup: Setup) -> str | None:  # noqa: ARG001  # as all checks
    """Look for a driver whose GPU torch cannot use; a machine without a GPU is well."""
    if find_spec("torch") is None or not NVIDIA_DRIVER.exists():
        return None
    import torch  # noqa: PLC0415  # it takes seconds

    if not torch.cuda.is_available():
        return "there is a driver, and torch finds no GPU: install a torch of its CUDA version, or check nvidia-smi"
    return None


def check_port(setup: Setup) -> str | None:
    if not setup.port:
        return None
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", setup.port)) == 0
    return f"{setup.port} is in use, by a running service or by another program: choose --port" if taken else None


CHECKS: Mapping[str, Callable[[Setup], str | None]] = {
    "database": check_database,
    "clock": check_clock,
    "keys": check_keys,
    "broker": check_broker,
    "disk": check_disk,
    "checkpoints": check_checkpoints,
    "mnist": check_mnist,
    "gpu": check_gpu,
    "port": check_port,
}


def examine(setup: Setup) -> Sequence[tuple[str, str | None]]:
    return [(name, ask(check, setup)) for name, check in CHECKS.items()]


def ask(check: Callable[[Setup], str | None], setup: Setup) -> str | None:
    """Ask one check; what it could not reach is a problem too."""
    try:
        return check(setup)
    except DatabaseUnavailable as error:
        return f"{error} ({str(error.__cause__).splitlines()[0]}): check the address, the server and the disk"
    except (JobsError, OSError) as error:
        return str(error)
