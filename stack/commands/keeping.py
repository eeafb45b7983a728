"""The commands that keep a service in order: backups, the deletion of old jobs, and the check of a set-up."""

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
    """Write the database and the checkpoints into a new archive, while the service runs.

    Example: activation-lab backup lab.tar
    """
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
    """Fill an empty database, SQLite or PostgreSQL, from an archive of this or an older version.

    Example: activation-lab restore lab.tar --data-dir restored
    """
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


@app.command("prune")
def prune(
    older_than: Annotated[float | None, typer.Option(min=0, help="Delete jobs that ended so many days ago.")] = None,
    keep: Annotated[int | None, typer.Option(min=0, help="Delete all but the last jobs that ended.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Print their ids and delete none.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete ended jobs by age or number, with their checkpoints, while the service runs.

    With both, a job is deleted that either of them names. A sweep with an unfinished job loses none.

    Example: activation-lab prune --older-than 90
    """
    from datetime import timedelta

    from broker.retention import Limits
    from stack import retention

    if older_than is None and keep is None:
        raise fail("say which jobs: --older-than DAYS, --keep N, or both", status=2)
    limits = Limits(None if older_than is None else timedelta(days=older_than), keep)
    for job_id in retention.prune(configure(data_dir=data_dir), limits, dry_run=dry_run):
        say(job_id)


@app.command("doctor")
def examine(
    port: Annotated[int, typer.Option(help="The port that the API is to listen on; 0 = do not check.")] = 8000,
    data_dir: DataDir = None,
) -> None:
    """Check the set-up: database, clock, keys, broker, disk, checkpoints, MNIST, GPU and port.

    The exit status is 1 where something is wrong. It reads the same settings as the service.

    Example: activation-lab doctor
    """
    from stack import doctor

    settings = configure(data_dir=data_dir)
    found = doctor.examine(doctor.Setup(settings, port))
    for name, problem in found:
        say(f"{name:<12} {problem or 'ok'}")
    if any(problem for _, problem in found):
        raise typer.Exit(1)
