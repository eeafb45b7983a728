"""Checkpoint files, on this machine or in an object store; SQL knows which there are."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import fsspec
from fsspec.asyn import AsyncFileSystem

LOCAL = "file://"
TRANSFER_SECONDS = 30.0  # a checkpoint of 15 MB over 4 Mbit/s
REQUEST_SECONDS = 10.0  # the API holds a transaction while it deletes


def below(folder_url: str, path: str) -> str:
    """The URL of what has this path, as SQL stores it, relative to the folder.

    Raises:
        FileNotFoundError: the path is absolute or leads out of the folder, so nothing of ours lies there.
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
        write_atomically(local_path(url), content)
    else:  # an object store shows an object whole or not at all
        ask("pipe_file", url, content, seconds=TRANSFER_SECONDS)


def read(url: str, *, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes of the file from `start` to before `end`; None = all of them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the storage could not be asked.
    """
    content: bytes = ask("cat_file", url, start=start, end=end, seconds=TRANSFER_SECONDS)
    return content


def delete(url: str) -> None:
    """Delete the file; one that is missing is fine. Raises OSError when it is still there."""
    with suppress(FileNotFoundError):
        ask("rm_file", url, seconds=REQUEST_SECONDS)


def delete_folder(url: str) -> None:
    """Delete the folder with all in it, also what a crash left half written. Raises OSError when it is still there."""
    if url.startswith(LOCAL):
        with suppress(FileNotFoundError):
            ask("rm", url, recursive=True, seconds=REQUEST_SECONDS)
    else:
        delete_objects(url)


def delete_objects(url: str) -> None:
    """One by one: of a request to delete many, s3fs does not say which were refused."""
    scheme = url.partition("://")[0]
    for path in ask("find", url, seconds=REQUEST_SECONDS):
        delete(f"{scheme}://{path}")


def ask(method: str, url: str, *arguments: Any, seconds: float, **named: Any) -> Any:  # noqa: ANN401  # as fsspec has it
    """What the method of the URL's filesystem returns, within some time if a server is asked.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: whatever else went wrong; each driver has errors of its own for that.
    """
    try:
        filesystem = filesystem_of(url.partition("://")[0])
        deadline = {"timeout": seconds} if isinstance(filesystem, AsyncFileSystem) else {}
        place = str(local_path(url)) if url.startswith(LOCAL) else url
        return getattr(filesystem, method)(place, *arguments, **named, **deadline)
    except TimeoutError as error:
        raise TimeoutError(f"{url}: no answer within {seconds:.0f} s") from error
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error


@cache
def filesystem_of(scheme: str) -> Any:  # noqa: ANN401  # fsspec has no types
    """One for the whole process, which any thread may use; fsspec would make one, and keep it, for each thread.

    Others write there too, so what was listed before is no answer.
    """
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def local_path(url: str) -> Path:
    """The path of a file:// URL, in which %20 stands for a blank (RFC 8089); fsspec takes it literally."""
    return Path(os.fsdecode(unquote_to_bytes(url.removeprefix(LOCAL))))


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
