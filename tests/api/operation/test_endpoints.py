import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from api.main import create_app
from db import keys, schema, workers
from jobs.errors import BrokerUnavailable
from runtime.settings import Settings


def test_the_service_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200


def test_a_schema_of_another_version_is_not_ready(client: TestClient, app: FastAPI) -> None:
    with app.state.sessions.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "0000" in response.json()["detail"]


def test_every_request_is_refused_while_the_schema_is_of_another_version(client: TestClient, app: FastAPI) -> None:
    with app.state.sessions.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    client.get("/readyz")  # or the reconciler, within seconds
    for method, path, body in (("GET", "/v1/jobs", None), ("POST", "/v1/jobs", {"activation": "relu"})):
        response = client.request(method, path, json=body)
        assert (response.status_code, response.json()["code"]) == (503, "wrong_schema")
    with app.state.sessions.engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{schema.VERSION}'"))
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/jobs", json={"activation": "relu"}).status_code == 202


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_database_is_not_ready_once_a_request_has_met_it(client: TestClient, app: FastAPI) -> None:
    app.state.sessions.engine.dispose()
    with Path(app.state.sessions.engine.url.database).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 30)
    response = client.get("/v1/jobs")
    assert (response.status_code, response.json()["code"]) == (503, "database_damaged")
    assert "damaged" in client.get("/readyz").json()["detail"]


def test_a_broker_that_is_away_is_not_ready(client: TestClient, hints: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> int:
        raise BrokerUnavailable

    monkeypatch.setattr(hints, "length", away)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "not_ready")


def test_without_its_database_the_service_says_when_to_retry() -> None:
    settings = Settings(
        database_url="postgresql+psycopg://nobody:x@127.0.0.1:1/none",
        broker_url="redis://127.0.0.1:1/0",
        allowed_hosts="testserver",
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        response = client.post("/v1/jobs", json={"activation": "relu"})
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
        assert int(response.headers["Retry-After"]) > 0
        assert client.get("/v1/activations/gelu").status_code == 200, "the mathematics needs no database"
        assert client.get("/readyz").status_code == 503


def test_workers_are_listed_with_what_they_do(client: TestClient, app: FastAPI) -> None:
    with app.state.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
        workers.report(session, "worker/2", device="cpu", job_id="some-job")
    found = client.get("/v1/workers").json()["data"]
    assert [(worker["state"], worker["job_id"]) for worker in found] == [("idle", None), ("training", "some-job")]
    with app.state.sessions.begin() as session:
        workers.sign_out(session, "worker/1")
    assert [worker["id"] for worker in client.get("/v1/workers").json()["data"]] == ["worker/2"]


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing"])
def test_an_unknown_path_is_a_problem(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.headers["content-type"] == "application/problem+json"


def test_a_wrong_method_is_a_problem(client: TestClient) -> None:
    assert client.put("/v1/jobs").json()["code"] == "method_not_allowed"


def test_a_bug_is_a_problem_without_a_traceback(client: TestClient, app: FastAPI) -> None:
    app.state.sessions = None
    response = client.get("/v1/jobs")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "Traceback" not in response.text


def test_with_keys_only_their_holders_are_served(client: TestClient, app: FastAPI) -> None:
    app.state.settings = app.state.settings.model_copy(update={"auth": "keys"})
    with app.state.sessions.begin() as session:
        key = keys.create(session, "me")
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).json()["code"] == "unauthorized"
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    with app.state.sessions.begin() as session:
        keys.revoke(session, "me")
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert client.get("/healthz").status_code == 200


def test_the_documentation_asks_no_other_host(client: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        page = client.get(path)
        assert page.status_code == 200
        assert "https://" not in page.text.replace("https://fastapi.tiangolo.com", ""), path
        for script in re.findall(r'src="([^"]+)"', page.text):
            assert client.get(script).status_code == 200, script


def test_every_error_in_openapi_is_a_problem(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    errors = [
        (path, status, response["content"])
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status[0] in "45"
    ]
    assert len(errors) > 30
    for path, status, content in errors:
        assert list(content) == ["application/problem+json"], (path, status)
    assert {"Problem", "FieldProblem"} <= set(document["components"]["schemas"])


def test_the_api_starts_where_torch_cannot_be_imported() -> None:
    program = """
import sys
sys.modules.update({"torch": None, "torchvision": None, "safetensors": None})
from api.main import create_app
from runtime.settings import Settings
create_app(Settings())
"""
    subprocess.run([sys.executable, "-c", program], check=True)
