"""Checkpoint files, on any filesystem that fsspec knows; SQL knows which there are."""

import os
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem


def job_folder(checkpoints_url: str, job_id: str) -> str:
    """Where all checkpoints of a job lie."""
    return f"{checkpoints_url.rstrip('/')}/{job_id}"


def write(url: str, content: bytes) -> None:
    """Write the file whole or not at all; when this returns, a local one has reached the disk.

    Raises:
        OSError: the disk is full, the server is away, ...
    """
    filesystem, path = fsspec.url_to_fs(url)
    if isinstance(filesystem, LocalFileSystem):
        write_atomically(Path(path), content)
    else:
        filesystem.pipe_file(path, content)  # an object store shows an object whole or not at all


def read(url: str, *, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes of the file from `start` to before `end`; None = all of them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the storage could not be asked.
    """
    filesystem, path = fsspec.url_to_fs(url)
    content: bytes = filesystem.cat_file(path, start=start, end=end)
    return content


def delete(url: str) -> None:
    """Delete the file; that it is gone already is as good. Raises OSError when it is still there."""
    filesystem, path = fsspec.url_to_fs(url)
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return


def delete_folder(url: str) -> None:
    """Delete the folder with all in it, also what a crash left half written. Raises OSError when it is still there."""
    filesystem, path = fsspec.url_to_fs(url)
    try:
        filesystem.rm(path, recursive=True)
    except FileNotFoundError:
        return


def write_atomically(path: Path, content: bytes) -> None:
    """After a crash there is the whole file or none (and perhaps a .partial, which nobody reads)."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fsync(path.parent.parent)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write_through(partial, content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # a full disk needs the room
        raise
    fsync(path.parent)


def write_through(path: Path, content: bytes) -> None:
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
