"""Checkpoints: safetensors (no pickle), on any filesystem that fsspec knows."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import fsspec
import safetensors.torch
from fsspec.implementations.local import LocalFileSystem
from torch import Tensor


class CheckpointDamaged(Exception):
    """The checkpoint is missing, cut short, or not the one that was saved."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    epoch: int
    attempt: int
    url: str
    sha256: str
    size_bytes: int


def save(
    folder_url: str,
    job_id: str,
    *,
    epoch: int,
    attempt: int,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
) -> SavedCheckpoint:
    """Write contiguous CPU tensors below ``folder_url``; when this returns, a local file has reached the disk.

    The name holds epoch and attempt, so a worker that lost its lease cannot overwrite its successor's.

    Raises:
        OSError: the disk is full, the server is away, ...
    """
    content = safetensors.torch.save(dict(tensors), dict(metadata))
    url = f"{folder_url.rstrip('/')}/{job_id}/epoch-{epoch:04}-attempt-{attempt}.safetensors"
    filesystem, path = fsspec.url_to_fs(url)
    if isinstance(filesystem, LocalFileSystem):
        write_atomically(Path(path), content)
    else:
        filesystem.pipe_file(path, content)  # an object store shows an object whole or not at all
    return SavedCheckpoint(epoch, attempt, url, hashlib.sha256(content).hexdigest(), len(content))


def load(url: str, sha256: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint.

    Raises:
        CheckpointDamaged: it is missing or does not have this digest.
        OSError: the storage could not be asked.
    """
    try:
        filesystem, path = fsspec.url_to_fs(url)
        content = filesystem.cat_file(path)
    except FileNotFoundError as error:
        raise CheckpointDamaged(url, "missing") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointDamaged(url, "not the bytes that were saved")
    return safetensors.torch.load(content)


def delete(url: str) -> None:
    """Remove a checkpoint; one that is gone already is fine."""
    filesystem, path = fsspec.url_to_fs(url)
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return


def write_atomically(path: Path, content: bytes) -> None:
    """After a crash there is the whole file or none (and perhaps a .partial, which nobody reads)."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fsync(path.parent.parent)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial, content)
    except OSError:
        partial.unlink(missing_ok=True)  # a full disk needs the room
        raise
    partial.replace(path)
    fsync(path.parent)


def write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync(folder: Path) -> None:
    """A rename is durable when the folder that lists the name is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
