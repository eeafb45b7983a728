"""The commands that keep a service's data: backups, and the deletion of old jobs."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import fail, say, warn
from stack.configuration import DataDir, configure

app = typer.Typer()

BackupFile = Annotated[Path, typer.Argument(help="The archive; - = standard output or input.", metavar="FILE")]


@app.command("backup")
def back_up(
    file: BackupFile,
    data_dir: DataDir = None,
    checkpoints: Annotated[bool, typer.Option(help="With the checkpoints' files.")] = True,
) -> None:
    """Write the database and the checkpoints into a new archive, while the service runs."""
    from stack import backup
    from stack.errors import BackupFailed

    settings = configure(data_dir=data_dir)
    try:
        summary = backup.back_up(settings, None if str(file) == "-" else file, with_checkpoints=checkpoints)
    except BackupFailed as error:
        raise fail(error) from error
    say(f"wrote {file} with {summary.checkpoints} checkpoints", err=True)
    if summary.missing:
        warn(f"{summary.missing} recorded checkpoints are no longer there")


@app.command("restore")
def restore(file: BackupFile, data_dir: DataDir = None) -> None:
    """Fill an empty database, SQLite or PostgreSQL, from an archive of this or an older version."""
    from stack import backup
    from stack.errors import BackupFailed, CannotStart

    settings = configure(data_dir=data_dir)
    try:
        summary = backup.restore(settings, None if str(file) == "-" else file)
    except (BackupFailed, CannotStart) as error:
        raise fail(error) from error
    say(f"restored {file} with {summary.checkpoints} checkpoints")
    if summary.missing:
        warn(f"{summary.missing} recorded checkpoints are not in it, or damaged")
