"""The roles of docker/roles.sql on a real PostgreSQL: what API and worker do as such, and what they cannot."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import ProgrammingError
from starlette.testclient import TestClient

from api.main import create_app
from bench.postgres import PostgresServer
from db import checkpoints, keys, leases, predictions, queue, schema, workers
from db.checkpoints import CheckpointFile
from db.models import ApiKey, Base, Job
from db.predictions import Answer
from db.session import Sessions, connect
from runtime.settings import Settings
from stack import backup
from tests.support.fake_worker import FakeWorker
from tests.support.figures import layer_metrics, parameter_metrics

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = (PROJECT / "docker" / "roles.sql").read_text()
PASSWORDS = {"api": "of-the-api", "worker": "of-the-worker"}


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    name = f"roles_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template")
    make_roles(postgres, name)
    make_roles(postgres, name)  # it is run at each start
    yield name
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def make_roles(postgres: PostgresServer, database: str) -> None:
    options = " ".join(f"-c lab.{part}={password}" for part, password in PASSWORDS.items())
    with psycopg.connect(postgres.url(database).replace("+psycopg", ""), options=options) as connection:
        connection.execute(SCRIPT.encode())


def url_as(part: str, postgres: PostgresServer, database: str) -> str:
    return f"postgresql+psycopg://activation_lab_{part}:{PASSWORDS[part]}@127.0.0.1:{postgres.port}/{database}"


@pytest.fixture
def api_url(postgres: PostgresServer, database: str) -> str:
    return url_as("api", postgres, database)


@pytest.fixture
def as_worker(postgres: PostgresServer, database: str) -> Iterator[Sessions]:
    with closing(connect(url_as("worker", postgres, database))) as sessions:
        schema.guard(sessions)
        yield sessions


@pytest.fixture
def client(api_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """A client with a key, which was made as the API's role."""
    with closing(connect(api_url)) as sessions, sessions.begin() as session:
        key = keys.create(session, "anna")
    settings = Settings(
        database_url=api_url, data_dir=tmp_path, allowed_hosts="testserver", auth="keys", reconcile_seconds=60
    )
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {key}"}) as opened:
        yield opened


def test_a_job_is_submitted_trained_and_deleted_and_the_database_backed_up(
    client: TestClient, as_worker: Sessions, api_url: str, tmp_path: Path
):
    worker = FakeWorker(as_worker)
    job_id = str(client.post("/v1/jobs", json={"activation": "relu", "epochs": 2}).json()["id"])
    lease = worker.claim(job_id)
    worker.start(lease, parameter_metrics(0))
    worker.report(lease)
    for epoch in (1, 2):
        file = CheckpointFile(epoch, lease.attempt, f"{job_id}/{epoch}", "0" * 64, 1)
        measured = {"layers": [layer_metrics(epoch)], "parameters": [parameter_metrics(epoch)]}
        worker.record(lease, epoch, checkpoint=file, **measured)
        with as_worker.begin() as session:
            checkpoints.forget_stale(session, job_id)
    worker.succeed(lease)

    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "succeeded"
    backup.back_up(Settings(database_url=api_url), tmp_path / "backup.tar", with_checkpoints=False)
    assert client.post("/v1/sweeps", json={"activations": ["relu"]}).status_code == 202
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    with as_worker.read() as session:
        assert [job.state for job in session.scalars(select(Job))] == ["queued"]


def test_a_worker_reconciles_answers_and_registers(client: TestClient, as_worker: Sessions, api_url: str):
    worker = FakeWorker(as_worker)
    job_id = str(client.post("/v1/jobs", json={"activation": "relu", "epochs": 2}).json()["id"])
    lease = worker.claim(job_id)
    worker.checkpoint(lease, 1)
    with closing(connect(api_url)) as sessions, sessions.begin() as session:
        request = predictions.submit(session, job_id, [[0.0] * 28] * 28)
    with as_worker.begin() as session:
        assert [taken.id for taken in predictions.take(session, request)] == [request]
        predictions.answer(session, request, Answer(epoch=1, probabilities=[0.1] * 10))
        predictions.delete_expired(session)
        workers.report(session, "worker/1", device="cpu", job_id=None)
        workers.sign_out(session, "worker")
    with as_worker.begin() as session:
        leases.heartbeat(session, lease, lease_seconds=-1)
    with as_worker.begin() as session:
        queue.shorten_leases(session, lease_seconds=60)
        assert queue.reap(session) == [job_id]
    with as_worker.begin() as session:
        assert leases.take_back_crash(session, lease)
        queue.take_due(session, resend_after_seconds=0, limit=10)


def refuse(sessions: Sessions, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), sessions.begin() as session:
        session.execute(text(statement))


def test_a_worker_reads_no_key_and_deletes_no_job(as_worker: Sessions):
    with pytest.raises(ProgrammingError, match="permission denied"), as_worker.read() as session:
        session.scalars(select(ApiKey)).all()
    with pytest.raises(ProgrammingError, match="permission denied"), as_worker.begin() as session:
        session.execute(delete(Job))
    refuse(as_worker, "INSERT INTO api_keys SELECT * FROM api_keys")


@pytest.mark.parametrize("part", PASSWORDS)
def test_neither_changes_the_schema_or_its_version(part: str, postgres: PostgresServer, database: str):
    with closing(connect(url_as(part, postgres, database))) as sessions:
        for statement in (
            "DROP TABLE jobs",
            "ALTER TABLE jobs DISABLE TRIGGER ALL",
            "TRUNCATE jobs CASCADE",
            "CREATE TABLE other (id int)",
            "UPDATE alembic_version SET version_num = '0'",
            "CREATE ROLE other",
        ):
            refuse(sessions, statement)


def test_every_table_is_named_so_that_a_new_one_is_thought_of():
    rights = SCRIPT[SCRIPT.index("-- Nothing of these") :]

    assert all(table in rights for table in Base.metadata.tables)
