"""Checkpoint files, on this machine or in an object store; SQL lists them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote_to_bytes

import fsspec
from fsspec.asyn import AsyncFileSystem

LOCAL = "file://"
TRANSFER_SECONDS = 30.0  # a checkpoint of 15 MB over 4 Mbit/s
CHUNK_BYTES = 2**17
"""Of a local file: a client that does not read keeps as much waiting."""
REMOTE_CHUNK_BYTES = 2**20
"""Each is a request to the object store."""
REQUEST_SECONDS = 10.0  # the API holds a transaction while it deletes


def join(folder_url: str, path: str) -> str:
    """Return the URL of a path, which SQL stores relative to the folder.

    Raises:
        FileNotFoundError: the path is absolute or leads out of the folder, where no checkpoint can be.
    """
    names = path.split("/")
    if not all(names) or not {".", ".."}.isdisjoint(names):
        raise FileNotFoundError(f"{path!r} names nothing below {folder_url}")
    return f"{folder_url.rstrip('/')}/{quote(path) if folder_url.startswith(LOCAL) else path}"


def write(url: str, content: bytes) -> None:
    """Write the file whole or not at all; when this returns, a local one has reached the disk.

    Raises:
        OSError: the disk is full, the server is away or takes too long, ...
    """
    if url.startswith(LOCAL):
        write_atomically(to_path(url), content)
    else:  # an object store shows an object whole or not at all
        call("pipe_file", url, content, seconds=TRANSFER_SECONDS)


def read(url: str, *, start: int | None = None, end: int | None = None) -> bytes:
    """Read the bytes of the file from `start` to before `end`; None = all of them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the storage did not answer.
    """
    content: bytes = call("cat_file", url, start=start, end=end, seconds=TRANSFER_SECONDS)
    return content


def stat(url: str) -> tuple[int, str]:
    """Return the size of the file, and a text that changes whenever it is written.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the storage did not answer.
    """
    info = call("info", url, seconds=REQUEST_SECONDS)
    version = [info.get(name) for name in ("ino", "mtime", "created", "ETag", "VersionId", "LastModified")]
    return int(info["size"]), str(version)


def open_chunks(url: str, start: int, end: int) -> Iterator[bytes]:
    """Open the file, and yield the bytes from `start` to before `end`; a local one may be deleted meanwhile.

    Raises:
        OSError: as `read`; later, the file is shorter, or the storage no longer answers.
    """
    if url.startswith(LOCAL):
        return read_chunks(to_path(url).open("rb"), start, end)
    parts = range(start, end, REMOTE_CHUNK_BYTES)
    return (read(url, start=at, end=min(at + REMOTE_CHUNK_BYTES, end)) for at in parts)


def read_chunks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        for at in range(start, end, CHUNK_BYTES):
            yield file.read(min(CHUNK_BYTES, end - at))


def delete(url: str) -> None:
    """Delete the file; a missing file is not an error. Raises OSError when it is still there."""
    with suppress(FileNotFoundError):
        call("rm_file", url, seconds=REQUEST_SECONDS)


def delete_folder(url: str) -> None:
    """Delete the folder and all its files, partial ones too. Raises OSError when it is still there."""
    if url.startswith(LOCAL):
        with suppress(FileNotFoundError):
            call("rm", url, recursive=True, seconds=REQUEST_SECONDS)
    else:
        delete_objects(url)


def delete_objects(url: str) -> None:
    """Delete the objects one by one: when it deletes many at once, s3fs does not say which were refused."""
    scheme = url.partition("://")[0]
    for path in call("find", url, seconds=REQUEST_SECONDS):
        delete(f"{scheme}://{path}")


def call(method: str, url: str, *arguments: Any, seconds: float, **named: Any) -> Any:  # noqa: ANN401  # as fsspec has it
    """Call a method of the URL's filesystem, with a timeout where it is a server.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: any other failure, for which each driver has errors of its own.
    """
    try:
        filesystem = get_filesystem(url.partition("://")[0])
        timeout = {"timeout": seconds} if isinstance(filesystem, AsyncFileSystem) else {}
        target = str(to_path(url)) if url.startswith(LOCAL) else url
        return getattr(filesystem, method)(target, *arguments, **named, **timeout)
    except TimeoutError as error:
        raise TimeoutError(f"{url}: no answer within {seconds:.0f} s") from error
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error


@cache
def get_filesystem(scheme: str) -> Any:  # noqa: ANN401  # fsspec has no types
    """Return one filesystem for the whole process and all its threads; fsspec would keep one for each thread.

    Other processes write there too, so listings are not cached.
    """
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def to_path(url: str) -> Path:
    """Return the path of a file:// URL, in which %20 is a space (RFC 8089); fsspec would take it literally."""
    return Path(os.fsdecode(unquote_to_bytes(url.removeprefix(LOCAL))))


def write_atomically(path: Path, content: bytes) -> None:
    """Write so that after a crash there is the whole file or none (and perhaps a .partial, which nothing reads)."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fsync(path.parent.parent)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write_through(partial, content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # which a full disk has no room for
        raise
    fsync(path.parent)


def write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync(folder: Path) -> None:
    """Make a rename in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
