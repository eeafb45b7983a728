"""A disk of a few megabytes that a test fills."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A filesystem of its own, in a folder that any user may enter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self, *, but: int = 0) -> None:
        """Fill the disk to the last byte, or leave so many bytes."""
        with self._filling.open("ab", buffering=0) as file:
            for size in (64 * 1024, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue
            file.truncate(max(0, file.tell() - but))

    def make_room(self) -> None:
        self._filling.unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="activation-lab-disk-"))
    folder.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"no filesystem can be mounted here: {mounted.stderr.decode().strip()}")
        yield Disk(folder)
        subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
