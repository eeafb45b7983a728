import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Inspector, NullPool, create_engine, inspect, make_url, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from bench.postgres import PostgresServer
from db import jobs, keys, schema, sweeps
from db.models import Base, Checkpoint, Job, Sweep
from db.session import Sessions, connect
from jobs.errors import DatabaseUnavailable, IdempotencyConflict
from jobs.spec import JobSpec
from jobs.sweep import SweepSpec

BEFORE_IDEMPOTENCY_KEYS = "0005"
BEFORE_PATHS = "0007"
BEFORE_OWNERS = "0010"
JOB_OF_0005 = (
    "INSERT INTO jobs (id, state, spec, activation, sweep_id, sweep_position, idempotency_key, request_sha256, "
    "created_at, run_after, attempt, crashes, crashes_without_progress, event_seq, epochs_total, epochs_done) "
    "VALUES ('{id}', 'queued', :spec, 'relu', {sweep_id}, 0, {key}, '0', '2026-11-26', '2026-11-26', 0, 0, 0, 1, 3, 0)"
)

JOB_OF_0010 = (
    "INSERT INTO jobs (id, state, spec, activation, sweep_id, created_at, run_after, attempt, crashes, "
    "crashes_without_progress, event_seq, epochs_total, epochs_done) "
    "VALUES ('{id}', 'queued', '{{}}', 'relu', {sweep_id}, '2026-11-26', '2026-11-26', 0, 0, 0, 1, 3, 0)"
)


@pytest.fixture
def built_from_models(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A second database, made by the models themselves instead of the migrations."""
    if database_url.startswith("sqlite"):
        engine = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    else:
        postgres = request.getfixturevalue("postgres")
        postgres.execute("DROP DATABASE IF EXISTS models")
        postgres.execute("CREATE DATABASE models")
        engine = create_engine(postgres.url("models"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def described(engine: Engine) -> dict[str, Any]:
    inspector = inspect(engine)
    tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
    return {name: described_table(inspector, name) for name in tables}


def described_table(inspector: Inspector, name: str) -> dict[str, Any]:
    def ordered(constraints: list[dict[str, Any]]) -> list[str]:
        return sorted(str(sorted(constraint.items(), key=str)) for constraint in constraints)

    columns = [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)]
    indexes = [
        {**index, "dialect_options": {key: str(value) for key, value in index.get("dialect_options", {}).items()}}
        for index in inspector.get_indexes(name)
    ]
    return {
        "columns": sorted(map(str, columns)),
        "primary key": inspector.get_pk_constraint(name),
        "foreign keys": ordered(inspector.get_foreign_keys(name)),
        "indexes": ordered(indexes),
        "unique": ordered(inspector.get_unique_constraints(name)),
        "checks": ordered(inspector.get_check_constraints(name)),
    }


def test_the_migrated_schema_equals_the_models(sessions: Sessions, built_from_models: Engine) -> None:
    migrated, modelled = described(sessions.engine), described(built_from_models)
    assert migrated == modelled
    assert len(migrated["jobs"]["checks"]) == 8, "the inspector sees the check constraints"


def test_migrating_twice_changes_nothing_and_needs_no_alembic(
    database_url: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "make_config", lambda _: pytest.fail("Alembic was started"))
    schema.migrate(database_url)
    assert schema.read_version(sessions) == schema.VERSION


def test_the_version_is_the_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(schema.make_config("sqlite://"))
    assert scripts.get_current_head() == schema.VERSION


def test_a_new_database_has_no_version(tmp_path: Path) -> None:
    sessions = connect(f"sqlite:///{tmp_path / 'new.db'}")
    assert schema.read_version(sessions) is None
    sessions.close()


def test_the_migration_can_be_undone(sessions: Sessions, database_url: str) -> None:
    command.downgrade(schema.make_config(database_url), "base")
    assert inspect(sessions.engine).get_table_names() == ["alembic_version"]


def test_idempotency_keys_outlive_the_migration_that_moves_them(sessions: Sessions, database_url: str) -> None:
    """And so does all that hangs on the tables it writes anew."""
    command.downgrade(schema.make_config(database_url), BEFORE_IDEMPOTENCY_KEYS)
    spec, sweep_spec = JobSpec(activation="relu", epochs=3), SweepSpec(activations=["relu"], base={"epochs": 2})
    with sessions.begin() as session:
        for job_id, key, sweep_id in (("job", "'k'", "NULL"), ("other", "NULL", "'sweep'")):
            insert = JOB_OF_0005.format(id=job_id, key=key, sweep_id=sweep_id)
            session.execute(text(insert), {"spec": spec.model_dump_json()})
        event = {"data": '{"state": "queued", "reason": "accepted"}'}
        session.execute(text("INSERT INTO events VALUES ('job', 1, 'state', :data, '2026-11-26')"), event)
        columns = "(id, spec, idempotency_key, request_sha256, created_at)"
        insert = f"INSERT INTO sweeps {columns} VALUES ('sweep', :spec, 's', '0', '2026-11-26')"
        session.execute(text(insert), {"spec": sweep_spec.model_dump_json()})
    schema.migrate(database_url)
    with sessions.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM events")) == 1
        found, replayed = jobs.create(session, spec, max_unfinished=9, idempotency_key="k")
        assert (found.id, replayed) == ("job", True)
        swept, _, replayed = sweeps.create(session, sweep_spec, [], max_unfinished=9, idempotency_key="s")
        assert (swept.id, replayed) == ("sweep", True)
        with pytest.raises(IdempotencyConflict):
            jobs.create(session, JobSpec(activation="relu"), max_unfinished=9, idempotency_key="k")
        with pytest.raises(IdempotencyConflict):
            jobs.create(session, spec, max_unfinished=9, idempotency_key="s")


def test_what_is_known_of_owners_outlives_the_migration_that_writes_them_down(
    sessions: Sessions, database_url: str
) -> None:
    command.downgrade(schema.make_config(database_url), BEFORE_OWNERS)
    keyed = "INSERT INTO idempotency_keys (holder, key, job_id, sweep_id) VALUES ('{holder}', '{id}', {job}, {sweep})"
    with sessions.begin() as session:
        session.execute(text("INSERT INTO api_keys VALUES ('anna', 'digest', '2026-11-26')"))
        session.execute(text("INSERT INTO sweeps (id, spec, created_at) VALUES ('sweep', '{}', '2026-11-26')"))
        for job_id, sweep_id in (("annas", "NULL"), ("nobodys", "NULL"), ("unknown", "NULL"), ("swept", "'sweep'")):
            session.execute(text(JOB_OF_0010.format(id=job_id, sweep_id=sweep_id)))
        for holder, job_id in (("anna", "annas"), ("", "nobodys")):
            session.execute(text(keyed.format(holder=holder, id=job_id, job=f"'{job_id}'", sweep="NULL")))
        session.execute(text(keyed.format(holder="anna", id="s", job="NULL", sweep="'sweep'")))
    schema.migrate(database_url)
    with sessions.read() as session:
        owners = {row.id: row.owner for row in session.execute(select(Job.id, Job.owner))}
        assert owners == {"annas": "anna", "nobodys": "", "unknown": "", "swept": "anna"}
        assert session.scalar(select(Sweep.owner)) == "anna"
        key = keys.list_all(session)[0]
    assert (key.owner, key.scope, key.expires_at, key.last_used_at) == ("anna", "submit", None, None)


def test_a_migration_that_fails_half_way_leaves_nothing(sessions: Sessions, database_url: str) -> None:
    command.downgrade(schema.make_config(database_url), "0006")
    before = described(sessions.engine)
    with sessions.begin() as session:
        session.execute(text("CREATE TABLE lost_leases (id INTEGER)"))  # in the way of its second table
    with pytest.raises((DatabaseError, DatabaseUnavailable)):
        schema.migrate(database_url)
    with sessions.begin() as session:
        session.execute(text("DROP TABLE lost_leases"))
    assert described(sessions.engine) == before
    schema.migrate(database_url)
    assert schema.read_version(sessions) == schema.VERSION


def test_of_several_migrations_either_all_are_done_or_none(sessions: Sessions, database_url: str) -> None:
    command.downgrade(schema.make_config(database_url), "base")
    with sessions.begin() as session:
        session.execute(text("CREATE TABLE lost_leases (id INTEGER)"))  # in the way of the seventh
    with pytest.raises((DatabaseError, DatabaseUnavailable)):
        schema.migrate(database_url)
    assert set(described(sessions.engine)) == {"lost_leases"}
    assert schema.read_version(sessions) is None


PAUSING_MIGRATION = """
import sys, time
from sqlalchemy import Engine, event
from db import schema

@event.listens_for(Engine, "commit")
def pause(connection):
    connection.connection.dbapi_connection.commit()
    time.sleep(0.2)  # for another caller to go on in

schema.migrate(sys.argv[1])
"""


def test_callers_that_migrate_at_once_take_turns(database_url: str, sessions: Sessions) -> None:
    command.downgrade(schema.make_config(database_url), "base")
    arguments = [sys.executable, "-c", PAUSING_MIGRATION, database_url]
    callers = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [caller.communicate()[1] for caller in callers] == [""] * 3
    assert schema.read_version(sessions) == schema.VERSION


def test_a_migration_may_take_longer_than_the_server_allows_a_statement(
    postgres: PostgresServer, postgres_url: str
) -> None:
    command.downgrade(schema.make_config(postgres_url), "base")
    name = make_url(postgres_url).database
    postgres.execute(f"ALTER DATABASE {name} SET statement_timeout = 1")  # ms
    engine = create_engine(postgres_url, poolclass=NullPool)
    with pytest.raises(OperationalError), engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(1)"))
    schema.migrate(postgres_url)
    sessions = connect(postgres_url)
    assert schema.read_version(sessions) == schema.VERSION
    sessions.close()


def test_a_database_that_does_not_answer_is_named_so() -> None:
    sessions = connect("postgresql+psycopg://nobody:x@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable), sessions.read() as session:
        session.execute(text("SELECT 1"))
    sessions.close()


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("file:///old/place/{job}/epoch-0001-attempt-1.safetensors", "{job}/epoch-0001-attempt-1.safetensors"),
        (
            "file:///50%25/{job}/checkpoints/{job}/epoch-0001-attempt-1.safetensors",
            "{job}/epoch-0001-attempt-1.safetensors",
        ),
        ("s3://bucket/{job}/epoch-0001-attempt-1.safetensors", "{job}/epoch-0001-attempt-1.safetensors"),
        (
            "file:///old/another/epoch-0001-attempt-1.safetensors",
            "file:///old/another/epoch-0001-attempt-1.safetensors",
        ),
        ("file:///etc/{job}/", "file:///etc/{job}/"),
    ],
)
def test_stored_checkpoints_are_found_by_the_end_of_their_url(
    stored: str, now: str, sessions: Sessions, database_url: str
) -> None:
    with sessions.begin() as session:
        job = jobs.create(session, JobSpec(activation="relu"), max_unfinished=1)[0].id
    command.downgrade(schema.make_config(database_url), BEFORE_PATHS)
    with sessions.begin() as session:
        session.execute(
            text("INSERT INTO checkpoints VALUES (:job, 1, 1, :url, '', 1, '2026-01-01 00:00:00')"),
            {"job": job, "url": stored.format(job=job)},
        )

    schema.migrate(database_url)

    with sessions.read() as session:
        assert session.scalar(select(Checkpoint.path)) == now.format(job=job)
