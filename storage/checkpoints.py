"""Files of checkpoints as SQL lists them: below their job's own folder, of the size and digest that were written."""

import hashlib
from functools import lru_cache
from typing import Protocol

from jobs.errors import CheckpointDamaged
from storage import files


class Listed(Protocol):
    """The columns of a checkpoint's row that describe its file."""

    @property
    def job_id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


def locate(folder_url: str, job_id: str, path: str) -> str:
    """Return the URL of a job's checkpoint.

    Raises:
        FileNotFoundError: the path leads out of the job's own folder, where no checkpoint of it can be.
    """
    url = files.join(folder_url, path)
    if path.split("/", maxsplit=1)[0] != job_id:
        raise FileNotFoundError(f"{path!r} is not in the folder of job {job_id}")
    return url


def verify(folder_url: str, checkpoint: Listed) -> str:
    """Check the size and the digest of the file, which is never whole in memory; return its URL.

    A file that has not changed since is not read again.

    Raises:
        CheckpointDamaged: it holds other bytes than were written.
        FileNotFoundError: it is missing, or not in its job's folder.
        OSError: the storage did not answer.
    """
    url = locate(folder_url, checkpoint.job_id, checkpoint.path)
    size, version = files.stat(url)
    if size != checkpoint.size_bytes or compute_sha256(url, size, version) != checkpoint.sha256:
        raise CheckpointDamaged(f"{checkpoint.path} does not hold the bytes that were saved")
    return url


def read(folder_url: str, checkpoint: Listed) -> bytes:
    """Read the whole file and check it. Raises as `verify` does."""
    url = locate(folder_url, checkpoint.job_id, checkpoint.path)
    content = files.read(url, start=0, end=checkpoint.size_bytes + 1)  # no more, however large it is
    if len(content) != checkpoint.size_bytes or hashlib.sha256(content).hexdigest() != checkpoint.sha256:
        raise CheckpointDamaged(f"{checkpoint.path} does not hold the bytes that were saved")
    return content


@lru_cache(maxsize=1024)
def compute_sha256(url: str, size: int, version: str) -> str:  # noqa: ARG001  # the version is a key of the cache
    digest = hashlib.sha256()
    for chunk in files.open_chunks(url, 0, size):
        digest.update(chunk)
    return digest.hexdigest()
