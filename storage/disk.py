"""The room on a disk."""

import shutil
from pathlib import Path

LEAST_FREE_BYTES = 1_000_000


def is_full(folder: Path) -> bool:
    """Whether there is no room for a job; False if that cannot be measured."""
    try:
        return shutil.disk_usage(folder).free < LEAST_FREE_BYTES
    except OSError:
        return False
