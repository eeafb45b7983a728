"""Settings and log of a command that runs the service or a part of it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated

import typer

from cli.exits import fail
from runtime import logs
from runtime import settings as service_settings
from runtime.settings import DATABASE_FILE, InvalidRootPath, InvalidSettings, Settings, normalize_root_path

LOG_FILE = "stack.log"
OTHERS = 0o077
"""The rights of everybody but the owner."""


def parse_root_path(text: str | None) -> str | None:
    try:
        return None if text is None else normalize_root_path(text)
    except InvalidRootPath as error:
        raise typer.BadParameter(str(error)) from error


RootPath = Annotated[
    str | None,
    typer.Option(help="Path below which a proxy serves the service, such as /lab.", callback=parse_root_path),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database, the broker's files and the checkpoints.")]


def read_settings(**options: object) -> Settings:
    """The settings of the environment, with the options that were given in their place."""
    try:
        return service_settings.read(**{name: value for name, value in options.items() if value is not None})
    except InvalidSettings as error:
        raise fail(error) from error


def configure(**options: object) -> Settings:
    """The settings of a part that runs alone; it logs to stderr from now on."""
    hide_new_files()
    settings = read_settings(**options)
    logs.start(settings, sys.stderr)
    return settings


def hide_new_files() -> None:
    """Let other users of the machine read nothing that this process and its children write."""
    os.umask(OTHERS)


def hide_old_files(folder: Path) -> None:
    """Hide what an earlier version wrote for all to read; the folder itself may be the user's own."""
    for path in (*folder.glob(f"{DATABASE_FILE}*"), folder / LOG_FILE, folder / "checkpoints"):
        with suppress(OSError):  # it is not there, or belongs to somebody else
            path.chmod(path.stat().st_mode & ~OTHERS)


def allow_host(settings: Settings, host: str) -> Settings:
    """Add the name at which the service listens to those by which it may be reached."""
    return settings.model_copy(update={"allowed_hosts": f"{settings.allowed_hosts},{host}"})


@contextmanager
def open_log(folder: Path) -> Iterator[IO[str]]:
    """`stack.log` in the folder, to which every part of the stack appends."""
    path = folder.resolve() / LOG_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = path.open("a", buffering=1)  # line by line, as others write to it too
    except OSError as error:
        raise fail(f"cannot write {path}: {error.strerror}") from error
    with log:
        yield log
