"""Backups: a tar archive of the database, as a SQLite file whatever the database is, and of the checkpoints."""

import hashlib
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

from db import checkpoints, copying, schema
from db.checkpoints import CheckpointFile
from db.session import Sessions, connect
from runtime.settings import Settings, sqlite_url
from stack.errors import BackupFailed
from stack.up import lock_folder
from storage import files

DATABASE = "database.sqlite"
CHECKPOINTS = "checkpoints/"


@dataclass(slots=True)
class Summary:
    checkpoints: int = 0
    missing: int = 0
    """Recorded and no longer there, such as one that a newer one replaced meanwhile."""


def back_up(settings: Settings, target: Path | None, *, with_checkpoints: bool) -> Summary:
    """Write the archive while the service runs; None = to stdout.

    Raises:
        BackupFailed: the file exists, or the database has another version's schema.
        DatabaseUnavailable, OSError.
    """
    folder = target.parent if target else None
    with (
        closing(connect(settings.database, pool_size=1)) as sessions,
        TemporaryDirectory(prefix=".backup-", dir=folder) as scratch,
    ):
        refuse_other_schema(sessions)
        copy = Path(scratch) / DATABASE
        copy_to_file(sessions, copy)
        with open_archive(target, Path(scratch)) as archive:
            archive.add(copy, DATABASE)
            return add_checkpoints(archive, settings.checkpoints, copy) if with_checkpoints else Summary()


def copy_to_file(sessions: Sessions, file: Path) -> None:
    schema.migrate(sqlite_url(file))
    with closing(connect(sqlite_url(file))) as copy:
        copying.copy_all(sessions, copy)


def refuse_other_schema(sessions: Sessions) -> None:
    if (version := schema.read_version(sessions)) != schema.VERSION:
        raise BackupFailed(f"the database has schema {version}, and this version of the service {schema.VERSION}")


@contextmanager
def open_archive(target: Path | None, scratch: Path) -> Iterator[tarfile.TarFile]:
    """Write the file whole or not at all, for its owner alone."""
    if target is None:
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
            yield archive
        return
    partial = scratch / "archive"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w|") as archive:
            yield archive
        file.flush()
        os.fsync(file.fileno())
    try:
        target.hardlink_to(partial)
    except FileExistsError as error:
        raise BackupFailed(f"{target} exists already") from error
    files.fsync(target.parent)


def add_checkpoints(archive: tarfile.TarFile, folder_url: str, copy: Path) -> Summary:
    summary = Summary()
    for path in list_checkpoints(copy):
        if add_checkpoint(archive, files.join(folder_url, path), path):
            summary.checkpoints += 1
        else:
            summary.missing += 1
    return summary


def add_checkpoint(archive: tarfile.TarFile, url: str, path: str) -> bool:
    """Copy a file some bytes at a time; return whether all of it was there."""
    member = tarfile.TarInfo(CHECKPOINTS + path)
    try:
        member.size, _ = files.stat(url)
        content = Content(files.open_chunks(url, 0, member.size))
    except FileNotFoundError:
        return False
    member.mode = 0o600
    archive.addfile(member, cast(IO[bytes], content))  # of which it only reads
    return content.is_whole


class Content:
    """The chunks of a file; zeros in place of what a file that was replaced or deleted meanwhile lacks.

    The archive has announced its size by then. `restore` knows such a file by its digest, and leaves it out.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._read = b""
        self.is_whole = True

    def read(self, size: int) -> bytes:
        while len(self._read) < size and self.is_whole:
            self._read += self._read_chunk()
        found, self._read = self._read[:size], self._read[size:]
        return found.ljust(size, b"\0")

    def _read_chunk(self) -> bytes:
        chunk = b""
        with suppress(FileNotFoundError):
            chunk = next(self._chunks, b"")
        self.is_whole = bool(chunk)
        return chunk


def list_checkpoints(database: Path) -> Mapping[str, CheckpointFile]:
    """List the files of the checkpoints by path."""
    with closing(connect(sqlite_url(database))) as sessions, sessions.read() as session:
        return {file.path: file for file in checkpoints.list_files(session)}


def restore(settings: Settings, source: Path | None) -> Summary:
    """Fill an empty database, and the folder of checkpoints, from an archive; None = from stdin.

    Files come before rows: a file without a row does no harm.

    Raises:
        BackupFailed: this is no backup, or the database is not empty.
        CannotStart: a stack is running on the data folder.
        DatabaseUnavailable, OSError.
    """
    own_folder = nullcontext() if settings.database_url else lock_folder(settings.data_dir)
    with own_folder, TemporaryDirectory(prefix="activation-lab-") as scratch, open_source(source) as archive:
        schema.migrate(settings.database)
        with closing(connect(settings.database, pool_size=1)) as sessions:
            if not copying.is_empty(sessions):
                raise BackupFailed("the database is not empty: restore into a new one")
            copy = extract_database(archive, Path(scratch))
            summary = extract_checkpoints(archive, settings.checkpoints, list_checkpoints(copy))
            with closing(connect(sqlite_url(copy))) as saved:
                copying.copy_all(saved, sessions)
    return summary


@contextmanager
def open_source(source: Path | None) -> Iterator[tarfile.TarFile]:
    stream: IO[bytes] = sys.stdin.buffer if source is None else source.open("rb")
    try:
        with stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            yield archive
    except tarfile.TarError as error:
        raise BackupFailed(f"{source or 'standard input'} is no backup, or is not whole: {error}") from error


def extract_database(archive: tarfile.TarFile, scratch: Path) -> Path:
    """Extract it in this version's schema, whatever older one it was made with."""
    first = archive.next()
    if first is None or first.name != DATABASE or not first.isfile():
        raise BackupFailed(f"this is no backup: it does not begin with {DATABASE}")
    copy = scratch / DATABASE
    with copy.open("wb") as file:
        shutil.copyfileobj(cast(IO[bytes], archive.extractfile(first)), file)  # which is None of no file
    schema.migrate(sqlite_url(copy))
    return copy


def extract_checkpoints(archive: tarfile.TarFile, folder_url: str, recorded: Mapping[str, CheckpointFile]) -> Summary:
    """Extract what the database names and what has its size and digest, and read nothing else."""
    found = 0
    while member := archive.next():
        file = recorded.get(member.name.removeprefix(CHECKPOINTS))
        if file is None or file.size_bytes != member.size:
            continue
        content = read_member(archive, member)
        if hashlib.sha256(content).hexdigest() == file.sha256:
            files.write(files.join(folder_url, file.path), content)
            found += 1
    return Summary(checkpoints=found, missing=len(recorded) - found)


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()
