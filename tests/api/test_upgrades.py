"""Every schema that was released, with a row in each of its tables, is brought to the newest and served."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import MetaData, select
from starlette.testclient import TestClient

from api.main import create_app
from db import schema
from db.session import Sessions
from jobs.spec import JobSpec
from jobs.sweep import SweepSpec
from runtime.settings import Settings

JOB, SWEEP, PREDICTION, ACTIVATION = (f"0193b5c2-0000-7000-8000-00000000000{number}" for number in (1, 2, 3, 4))
SPEC = JobSpec(activation="relu", epochs=1, metadata={"note": "old"}).model_dump(mode="json")
SWEEP_SPEC = SweepSpec(activations=["relu"], base={"epochs": 1}).model_dump(mode="json")
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIGURES = ("loss", "accuracy", "binary_accuracy", "val_loss", "val_accuracy", "val_binary_accuracy", "learning_rate")
LAYER_FIGURES = (
    "gradient_norm",
    "update_ratio",
    "activation_mean",
    "activation_variance",
    "zero_fraction",
    "dead_fraction",
    "saturated_fraction",
    "clipped_fraction",
)
VALUES = ("mean", "minimum", "maximum")
ROWS: dict[str, list[dict[str, Any]]] = {
    "sweeps": [
        {
            "id": SWEEP,
            "spec": SWEEP_SPEC,
            "grid_paths": [],
            "created_at": AT,
            "idempotency_key": "sweep-key",
            "request_sha256": "0",
        }
    ],
    "jobs": [
        {
            "id": JOB,
            "state": "succeeded",
            "spec": SPEC,
            "activation": "relu",
            "sweep_id": SWEEP,
            "sweep_position": 0,
            "sweep_configuration": 0,
            "sweep_values": {},
            "idempotency_key": "job-key",
            "request_sha256": "0",
            "created_at": AT,
            "started_at": AT,
            "finished_at": AT,
            "run_after": AT,
            "attempt": 1,
            "crashes": 0,
            "crashes_without_progress": 0,
            "event_seq": 4,
            "epochs_total": 1,
            "epochs_done": 1,
            "epoch_seconds": 2.5,
            "best_epoch": 1,
            "best_val_loss": 0.25,
            "best_val_accuracy": 0.5,
            "test_loss": 0.25,
            "test_accuracy": 0.5,
            "test_binary_accuracy": 0.5,
        }
    ],
    "api_keys": [{"name": "anna", "sha256": "0" * 64, "created_at": AT}],
    "workers": [{"id": "worker/1", "device": "cpu", "started_at": AT, "last_seen_at": AT}],
    "job_metadata": [{"job_id": JOB, "key": "note", "value": "old"}],
    "epochs": [
        {
            "job_id": JOB,
            "epoch": 1,
            "attempt": 1,
            "epoch_seconds": 2.5,
            "images_per_second": 100.0,
            "recorded_at": AT,
            **dict.fromkeys(FIGURES, 0.125),
        }
    ],
    "layers": [{"job_id": JOB, "epoch": 1, "layer": "conv1", "position": 0, **dict.fromkeys(LAYER_FIGURES, 0.5)}],
    "checkpoints": [
        {
            "job_id": JOB,
            "epoch": 1,
            "attempt": 1,
            "url": f"file:///old/checkpoints/{JOB}/epoch-0001-attempt-1.safetensors",
            "path": f"{JOB}/epoch-0001-attempt-1.safetensors",
            "sha256": "0" * 64,
            "size_bytes": 3,
            "created_at": AT,
        }
    ],
    "events": [
        {"job_id": JOB, "seq": 1, "kind": "state", "data": {"state": "queued", "reason": "accepted"}, "at": AT},
        {"job_id": JOB, "seq": 2, "kind": "epoch", "data": {"epoch": 1}, "at": AT},
        {"job_id": JOB, "seq": 3, "kind": "state", "data": {"state": "succeeded", "reason": "all"}, "at": AT},
        {"job_id": JOB, "seq": 4, "kind": "end", "data": {"state": "succeeded"}, "at": AT},
    ],
    "predictions": [{"id": PREDICTION, "job_id": JOB, "image": [[0.0]], "created_at": AT}],
    "idempotency_keys": [
        {"holder": "", "key": "job-key", "request_sha256": None, "job_id": JOB, "sweep_id": None},
        {"holder": "", "key": "sweep-key", "request_sha256": None, "job_id": None, "sweep_id": SWEEP},
    ],
    "learnt_parameters": [
        {
            "job_id": JOB,
            "epoch": epoch,
            "layer": "all",
            "parameter": "alpha",
            "position": 0,
            **dict.fromkeys(VALUES, 0.5),
        }
        for epoch in (0, 1)
    ],
    "activations": [
        {
            "id": ACTIVATION,
            "owner": "",
            "name": "swishy",
            "title": "Swishy",
            "formula": "x*sigmoid(b*x)",
            "parameters": [{"name": "b", "default": 1.0, "minimum": 0.0, "maximum": None, "description": "Its slope."}],
            "created_at": AT,
        }
    ],
    "lost_leases": [{"job_id": JOB, "attempt": 1, "epochs_done": 0}],
}
"""Each column that a version has or had; a table takes the columns that it has."""

VERSIONS = [script.revision for script in ScriptDirectory.from_config(schema.make_config("sqlite://")).walk_revisions()]


@pytest.fixture(params=VERSIONS)
def upgraded(request: pytest.FixtureRequest, sessions: Sessions, database_url: str) -> set[str]:
    """A database that was migrated from this version; the names of the tables that it had then."""
    config = schema.make_config(database_url)
    command.downgrade(config, "base")
    command.upgrade(config, request.param)
    tables = fill(sessions)
    schema.migrate(database_url)
    return tables


def fill(sessions: Sessions) -> set[str]:
    tables = MetaData()
    with sessions.engine.begin() as connection:
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name == schema.ALEMBIC_VERSION.name:
                continue
            for row in ROWS[table.name]:
                values = {column.name: row[column.name] for column in table.columns if column.name in row}
                connection.execute(table.insert().values(values))
    return tables.tables.keys() - {schema.ALEMBIC_VERSION.name}


@pytest.fixture
def app(upgraded: set[str], database_url: str) -> FastAPI:  # noqa: ARG001  # before the API starts
    return create_app(
        Settings(
            database_url=database_url,
            broker_url="redis://127.0.0.1:1/0",
            reconcile_seconds=60,
            allowed_hosts="testserver",
        )
    )


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as opened:
        yield opened


def test_a_job_of_an_older_version_is_served_whole(client: TestClient, upgraded: set[str], sessions: Sessions) -> None:
    [job] = client.get("/v1/jobs?metadata[note]=old&sort=-best_val_accuracy").json()["data"]
    assert client.get(f"/v1/jobs/{JOB}").json() == job
    assert (job["state"], job["spec"]["epochs"], job["test"]["accuracy"]) == ("succeeded", 1, 0.5)
    assert job["latest"]["val_loss"] == 0.125
    assert [transition["state"] for transition in job["transitions"]] == ["queued", "succeeded"]
    [layer] = client.get(f"/v1/jobs/{JOB}/layers").json()["layers"]
    assert layer["gradient_norm"] == 0.5
    [checkpoint] = client.get(f"/v1/jobs/{JOB}/checkpoints").json()["checkpoints"]
    assert checkpoint["size_bytes"] == 3
    kinds = [line for line in client.get(f"/v1/jobs/{JOB}/stream").text.splitlines() if line.startswith("event:")]
    assert kinds == ["event: state", "event: epoch", "event: state", "event: end"]
    retried = client.post(f"/v1/jobs/{JOB}/retry")
    assert (retried.status_code, retried.json()["retry_of"]) == (202, JOB)
    if "activations" in upgraded:
        assert client.get("/v1/activations/swishy").json()["formula"] == "x*sigmoid(b*x)"
        assert client.post("/v1/jobs", json={"activation": "swishy"}).json()["spec"]["parameters"] == {"b": 1.0}

    tables = MetaData()
    tables.reflect(sessions.engine)
    with sessions.engine.connect() as connection:
        for name in upgraded - {"jobs"}:
            found = connection.execute(select(tables.tables[name])).all()
            assert len(found) >= len(ROWS[name]), f"rows of {name} are lost"


def test_a_sweep_of_an_older_version_is_served_whole(client: TestClient, upgraded: set[str]) -> None:
    if "sweeps" not in upgraded:
        return
    [sweep] = client.get("/v1/sweeps").json()["data"]
    assert (sweep["id"], sweep["state"], sweep["jobs"]["succeeded"]) == (SWEEP, "succeeded", 1)
    [row] = client.get(f"/v1/sweeps/{SWEEP}").json()["configurations"]
    assert row["final"]["val_loss"]["mean"] == 0.125
    assert client.get(f"/v1/sweeps/{SWEEP}/history").status_code == 200


def test_a_request_of_an_older_version_is_not_done_twice(client: TestClient) -> None:
    replayed = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "job-key"})
    assert (replayed.json()["id"], replayed.headers.get("Idempotency-Replayed")) == (JOB, "true")
