"""The disk of the database is full: clients are told so, and nothing is lost that was there."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.main import create_app
from db import schema
from runtime.settings import Settings, sqlite_url
from tests.support.disk import Disk, small_disk

FIRST = {"activation": "relu", "metadata": {f"key-{number}": "x" * 500 for number in range(15)}}
"""A job that takes some room."""


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk(megabytes=24) as made:
        yield made


@pytest.fixture
def full_sqlite_url(disk: Disk) -> str:
    url = sqlite_url(disk.folder / "activation-lab.db")
    schema.migrate(url)
    return url


@pytest.fixture
def full_postgres_url(disk: Disk, request: pytest.FixtureRequest) -> Iterator[str]:
    postgres = request.getfixturevalue("postgres")
    name, folder = f"full_{secrets.token_hex(6)}", disk.folder / "postgres"
    folder.mkdir()
    if folder.owner() == "root":
        shutil.chown(folder, "nobody")
    postgres.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template TABLESPACE {name}")
    yield postgres.url(name)
    disk.make_room()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    postgres.execute(f"DROP TABLESPACE {name}")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"full_{request.param}_url"))


@pytest.fixture
def filled(client: TestClient, disk: Disk) -> None:
    """Jobs are posted until the last page that the database had is full too."""
    assert client.post("/v1/jobs", json=FIRST).status_code == 202
    disk.fill()
    for _ in range(400):
        if client.post("/v1/jobs", json=FIRST).status_code != 202:
            return
    pytest.fail("the disk is never full")


@pytest.fixture
def app(database_url: str, tmp_path: Path, app: FastAPI) -> FastAPI:  # noqa: ARG001  # the other is not used
    created = create_app(app.state.settings.model_copy(update={"max_unfinished_jobs": 1000, "max_body_bytes": 100_000}))
    created.state.hints.close()
    created.state.hints = app.state.hints
    return created


@pytest.mark.usefixtures("filled")
def test_what_cannot_be_stored_is_507_and_the_service_is_not_ready(client: TestClient, app: FastAPI) -> None:
    response = client.post("/v1/jobs", json=FIRST)
    assert (response.status_code, response.json()["code"]) == (507, "disk_full")
    assert "disk of the database is full" in response.json()["detail"]

    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "disk of the database is full" in ready.json()["detail"]

    assert client.get("/healthz").status_code == 200
    assert client.get("/v1/jobs").status_code == 200, "what is stored can be read"
    assert app.openapi()["paths"]["/v1/jobs"]["post"]["responses"]["507"]


@pytest.mark.usefixtures("filled")
def test_when_there_is_room_again_jobs_are_taken_again(client: TestClient, disk: Disk) -> None:
    disk.make_room()
    assert client.post("/v1/jobs", json=FIRST).status_code == 202


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_service_that_starts_on_a_full_disk_says_so(database_url: str, disk: Disk, tmp_path: Path) -> None:
    disk.fill()  # SQLite finds no room for the files beside the database
    settings = Settings(database_url=database_url, data_dir=tmp_path, reconcile_seconds=60, allowed_hosts="testserver")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        for response in (client.get("/v1/jobs"), client.post("/v1/jobs", json=FIRST)):
            assert (response.status_code, response.json()["code"]) == (507, "disk_full")
        assert "is full" in client.get("/readyz").json()["detail"]
