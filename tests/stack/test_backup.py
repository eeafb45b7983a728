"""Backups of both databases, taken while jobs are recorded, and restored into both."""

import hashlib
import json
import secrets
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from activations.activation import Parameter
from activations.custom import Definition
from db import activations, schema
from db.checkpoints import CheckpointFile
from db.models import Base, Checkpoint, Epoch, Event, Job
from db.session import Sessions, connect
from jobs.spec import parse_formula
from runtime.settings import Settings
from stack import backup
from stack.errors import BackupFailed
from storage import files
from tests.support import protocol
from tests.support.command_line import run_program
from tests.support.fake_worker import FakeWorker
from tests.support.figures import parameter_metrics
from tests.support.submitting import create_job

WEIGHTS = b"weights" * 1000


@pytest.fixture
def settings(database_url: str, file_url: str) -> Settings:
    return Settings(database_url=database_url, checkpoints_url=file_url)


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty place of another service, whose database has no tables yet."""
    folder = {"checkpoints_url": (tmp_path / "other").as_uri()}
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path / "restored", **folder)
        return
    postgres = request.getfixturevalue("postgres")
    name = f"restored_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield Settings(database_url=postgres.url(name), **folder)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def record_job(sessions: Sessions, settings: Settings) -> str:
    """A job that succeeded, with a checkpoint whose file exists; and an activation of a client's own."""
    parameters = (Parameter("b", 1.0, "", maximum=10.0),)
    with sessions.begin() as session:
        activations.create(session, Definition("own", "", parse_formula("b*x", ("b",)), parameters), owner="", most=1)
    worker, job_id = FakeWorker(sessions), create_job(sessions)
    lease = worker.claim(job_id)
    path = f"{job_id}/1"
    files.write(files.join(settings.checkpoints, path), WEIGHTS)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    epochs = read_job(sessions, job_id).epochs_total
    worker.start(lease, parameter_metrics(0))
    checkpoint = CheckpointFile(1, lease.attempt, path, digest, len(WEIGHTS))
    worker.record(lease, 1, checkpoint=checkpoint, parameters=[parameter_metrics(1)])
    for epoch in range(2, epochs + 1):
        worker.record(lease, epoch)
    worker.succeed(lease)
    return job_id


def read_job(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return session.get_one(Job, job_id)


def read_all(sessions: Sessions) -> dict[str, list[str]]:
    """Every row of every table, as text in which the keys of JSON have one order."""
    with sessions.read() as session:
        found = {table.name: session.execute(select(table)).all() for table in Base.metadata.sorted_tables}
    return {
        name: sorted(json.dumps(list(row), sort_keys=True, default=str) for row in rows) for name, rows in found.items()
    }


@contextmanager
def jobs_being_recorded(sessions: Sessions) -> Iterator[threading.Event]:
    """Two workers that record one job after another; yields an event that is set once they do."""
    stopped, recording = threading.Event(), threading.Event()

    def work(owner: str) -> None:
        while not stopped.is_set():
            lease = protocol.claim(sessions, create_job(sessions), owner)
            protocol.record_epochs(sessions, lease, 1, 2)
            recording.set()

    threads = [threading.Thread(target=work, args=(f"worker/{number}",)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        yield recording
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def test_everything_is_restored_into_either_database(
    sessions: Sessions, settings: Settings, target: Settings, tmp_path: Path
):
    job_id = record_job(sessions, settings)
    archive = tmp_path / "backup.tar"

    assert backup.back_up(settings, archive, with_checkpoints=True) == backup.Summary(checkpoints=1)
    assert backup.restore(target, archive) == backup.Summary(checkpoints=1)

    with closing(connect(target.database)) as restored:
        assert read_all(restored) == read_all(sessions)
        assert schema.read_version(restored) == schema.VERSION
    assert files.read(files.join(target.checkpoints, f"{job_id}/1")) == WEIGHTS
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(".backup-*")] == []


def test_a_backup_shows_one_moment_while_jobs_are_recorded(
    sessions: Sessions, settings: Settings, target: Settings, tmp_path: Path
):
    for _ in range(30):
        protocol.record_epochs(sessions, protocol.claim(sessions, create_job(sessions)), 1, 2, 3)
    with jobs_being_recorded(sessions) as recording:
        assert recording.wait(30)
        backup.back_up(settings, tmp_path / "backup.tar", with_checkpoints=True)
    backup.restore(target, tmp_path / "backup.tar")

    with closing(connect(target.database)) as restored, restored.read() as session:
        epochs = select(func.count()).where(Epoch.job_id == Job.id).scalar_subquery()
        events = select(func.count()).where(Event.job_id == Job.id).scalar_subquery()
        rows = session.execute(select(Job.epochs_done, epochs, Job.event_seq, events)).all()
    assert len(rows) > 30
    assert all((done, seq) == (epochs, events) for done, epochs, seq, events in rows)


def test_a_database_in_use_is_not_overwritten(sessions: Sessions, settings: Settings, tmp_path: Path):
    record_job(sessions, settings)
    backup.back_up(settings, tmp_path / "backup.tar", with_checkpoints=False)
    before = read_all(sessions)

    with pytest.raises(BackupFailed, match="not empty"):
        backup.restore(settings, tmp_path / "backup.tar")
    assert read_all(sessions) == before


def test_a_backup_is_not_overwritten(sqlite_url: str, file_url: str, tmp_path: Path):
    (tmp_path / "backup.tar").write_text("of yesterday")

    with pytest.raises(BackupFailed, match="exists already"):
        backup.back_up(
            Settings(database_url=sqlite_url, checkpoints_url=file_url), tmp_path / "backup.tar", with_checkpoints=True
        )
    assert (tmp_path / "backup.tar").read_text() == "of yesterday"


def test_a_database_of_another_version_is_not_backed_up(
    sqlite_url: str, file_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(schema, "VERSION", "9999")

    with pytest.raises(BackupFailed, match="and this version of the service 9999"):
        backup.back_up(
            Settings(database_url=sqlite_url, checkpoints_url=file_url), tmp_path / "backup.tar", with_checkpoints=True
        )


def test_a_checkpoint_is_copied_some_bytes_at_a_time(
    sqlite_url: str, checkpoints_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = Settings(database_url=sqlite_url, checkpoints_url=checkpoints_url)
    with closing(connect(sqlite_url)) as sessions:
        record_job(sessions, settings)
    for constant in ("CHUNK_BYTES", "REMOTE_CHUNK_BYTES"):
        monkeypatch.setattr(files, constant, 1000)
    reads = []
    monkeypatch.setattr(backup.Content, "_read_chunk", spy(backup.Content._read_chunk, reads))
    backup.back_up(settings, tmp_path / "backup.tar", with_checkpoints=True)

    assert [len(chunk) for chunk in reads] == [1000] * 7
    assert backup.restore(Settings(data_dir=tmp_path / "restored"), tmp_path / "backup.tar").checkpoints == 1


def spy(method: Callable[[backup.Content], bytes], seen: list[bytes]) -> Callable[[backup.Content], bytes]:
    def call(content: backup.Content) -> bytes:
        seen.append(method(content))
        return seen[-1]

    return call


@pytest.mark.parametrize("left", [[b"wei"], [b"wei", b""], []])
def test_a_file_that_was_cut_meanwhile_leaves_the_archive_readable(left: list[bytes]):
    content = backup.Content(iter(left))

    assert content.read(2) + content.read(6) == b"".join(left).ljust(8, b"\0")
    assert not content.is_whole


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_a_cut_backup_restores_nothing(sqlite_url: str, file_url: str, tmp_path: Path, size: int):
    archive = tmp_path / "backup.tar"
    backup.back_up(Settings(database_url=sqlite_url, checkpoints_url=file_url), archive, with_checkpoints=True)
    archive.write_bytes(archive.read_bytes()[:size])
    target = Settings(data_dir=tmp_path / "restored")

    with pytest.raises(BackupFailed):
        backup.restore(target, archive)
    schema.migrate(target.database)
    with closing(connect(target.database)) as restored:
        assert not any(read_all(restored).values())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_database_that_is_no_file_is_refused(tmp_path: Path, kind: bytes):
    first = tarfile.TarInfo("database.sqlite")
    first.type, first.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "backup.tar", "w") as archive:
        archive.addfile(first)

    with pytest.raises(BackupFailed, match=r"does not begin with database\.sqlite"):
        backup.restore(Settings(data_dir=tmp_path / "restored"), tmp_path / "backup.tar")


def test_only_checkpoints_that_the_database_names_are_restored(tmp_path: Path, sqlite_url: str, file_url: str):
    """Neither a changed file nor one that leads out of the folder is written."""
    settings = Settings(database_url=sqlite_url, checkpoints_url=file_url)
    with closing(connect(sqlite_url)) as sessions:
        job_id = record_job(sessions, settings)
        with sessions.begin() as session:
            session.add(
                Checkpoint(
                    **{
                        column.name: getattr(session.get(Checkpoint, (job_id, 1)), column.name)
                        for column in Checkpoint.__table__.columns
                    }
                    | {"epoch": 2, "path": f"{job_id}/2"}
                )
            )
    files.write(files.join(file_url, f"{job_id}/2"), b"not the weights")
    backup.back_up(settings, tmp_path / "backup.tar", with_checkpoints=True)
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        evil = tarfile.TarInfo("checkpoints/../../evil")
        archive.addfile(evil)
    target = Settings(data_dir=tmp_path / "restored")

    assert backup.restore(target, tmp_path / "backup.tar") == backup.Summary(checkpoints=1, missing=1)
    written = {path.name for path in (tmp_path / "restored" / "checkpoints").rglob("*") if path.is_file()}
    assert written == {"1"}
    assert not [*tmp_path.rglob("evil")]


def test_a_backup_goes_through_a_pipe(tmp_path: Path):
    there = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path / "lab"), "ACTIVATION_LAB_LOG_LEVEL": "error"}
    run_program("migrate", **there)
    with (tmp_path / "piped.tar").open("wb") as pipe:
        made = run_program("backup", "-", stdout=pipe.fileno(), **there)
    assert (made.returncode, made.stderr) == (0, "wrote - with 0 checkpoints\n")
    restored = run_program("restore", str(tmp_path / "piped.tar"), "--data-dir", str(tmp_path / "new"))
    assert (restored.returncode, "with 0 checkpoints" in restored.stdout) == (0, True), restored.stderr
    again = run_program("restore", str(tmp_path / "missing.tar"), "--data-dir", str(tmp_path / "newer"))
    assert (again.returncode, "No such file" in again.stderr, "Traceback" in again.stderr) == (1, True, False)
