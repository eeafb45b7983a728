"""History and lists of the service with few and with many epochs stored, side by side."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.contestants import Connection, run_up
from bench.figures import Figures, time_warm
from bench.requests import Recorder
from bench.simulated_workers import NO_LIMIT
from db import jobs, leases, schema
from db.models import Base
from db.session import Sessions, connect
from jobs.metrics import Evaluation
from jobs.spec import JobSpec
from runtime.settings import sqlite_url

EPOCHS_A_JOB = 10
LISTED = 100
CHANGED = {  # of each copy of a job: ids sort by age, as UUIDv7 does, and no two results are equal
    "id": "'01900000-0000-7000-8000-' || printf('%012d', n)",
    "created_at": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || (:copies - n) || ' seconds')",
    "best_val_accuracy": "abs(random()) / 9.3e18",
    "best_val_loss": "abs(random()) / 9.3e18",
}
FIRST = f"01900000-0000-7000-8000-{1:012d}"
NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :copies)"


def measure(figures: Figures, *, rounds: int, batch: int, epochs: int, times: int) -> None:
    with TemporaryDirectory() as small, TemporaryDirectory() as large:
        for folder, stored in ((small, epochs), (large, epochs * times)):
            store_jobs(sqlite_url(Path(folder) / "activation-lab.db"), stored // EPOCHS_A_JOB)
        with open_api(small) as few, open_api(large) as many:
            paths = {
                "history": f"/v1/jobs/{FIRST}/history",
                "newest": f"/v1/jobs?limit={LISTED}",
                "best": f"/v1/jobs?sort=-best_val_accuracy&limit={LISTED}",
            }
            for name, path in paths.items():
                contestants = {
                    f"{name}, {size}": partial(time_warm, partial(http.get, path), batch)
                    for size, http in (("few", few), ("many", many))
                }
                figures.alternate(contestants, rounds=rounds)


@contextmanager
def open_api(folder: str) -> Iterator[Connection]:
    with run_up(Path(folder)) as up, up.suspend_worker(), closing(Connection(up.url)) as http:
        yield http


def store_jobs(url: str, copies: int) -> None:
    """Store this many ended jobs: copies of one that a worker recorded, with all its rows."""
    schema.migrate(url)
    with closing(connect(url)) as sessions:
        job_id = record_job(sessions)
        with sessions.begin() as session:
            for table in ("jobs", "epochs", "layers", "events", "checkpoints"):
                copy_rows(session, table, job_id, copies)


def record_job(sessions: Sessions) -> str:
    with sessions.begin() as session:
        spec = JobSpec(activation="relu", epochs=EPOCHS_A_JOB)
        job_id = jobs.create(session, spec, max_unfinished=NO_LIMIT)[0].id
    recorder = Recorder(sessions, job_id)
    for _ in range(EPOCHS_A_JOB):
        recorder.record()
    with sessions.begin() as session:
        leases.succeed(session, recorder.lease, Evaluation(loss=0.1, accuracy=0.9, binary_accuracy=0.98))
    return job_id


def copy_rows(session: Session, table: str, job_id: str, copies: int) -> None:
    key = "id" if table == "jobs" else "job_id"
    changed = CHANGED if table == "jobs" else {key: CHANGED["id"]}
    columns = [column.name for column in Base.metadata.tables[table].columns]
    selected = ", ".join(changed.get(column, column) for column in columns)
    statement = f"""
        INSERT INTO {table} ({", ".join(columns)}) {NUMBERS}
        SELECT {selected} FROM numbers, (SELECT * FROM {table} WHERE {key} = :job_id)"""
    session.execute(text(statement), {"copies": copies, "job_id": job_id})
