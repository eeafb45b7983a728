"""A migration to a version of the future, under a stack that runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import schema
from tests.support.service import Service, service_on
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)


def set_version(folder: Path, version: str) -> None:
    with closing(sqlite3.connect(folder / "activation-lab.db", timeout=30)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
        connection.commit()


def code(service: Service, method: str, path: str) -> tuple[int, str]:
    response = service.http.request(method, path, json={"activation": "relu"} if method == "POST" else None)
    return response.status_code, response.json().get("code", "")


def test_parts_of_another_version_write_nothing_and_go_on_when_it_is_theirs(tmp_path: Path) -> None:
    with service_on(tmp_path, reconcile_seconds="0.2") as service:
        job_id = service.submit(epochs=1000)
        service.until(job_id, lambda job: job["progress"]["epoch"] >= 2)
        set_version(tmp_path, "0999")
        wait_for(lambda: code(service, "GET", "/v1/jobs") == (503, "wrong_schema"), seconds=60)
        assert code(service, "POST", "/v1/jobs") == (503, "wrong_schema")
        assert code(service, "GET", "/readyz") == (503, "not_ready")
        with closing(sqlite3.connect(tmp_path / "activation-lab.db")) as connection:
            count = "SELECT count(*), max(recorded_at) FROM epochs"
            wait_for(lambda: "worker ended with status 1" in (tmp_path / "stack.log").read_text(), seconds=60)
            before = connection.execute(count).fetchone()
            assert connection.execute("SELECT state FROM jobs").fetchall() == [("running",)]
            assert connection.execute(count).fetchone() == before
        set_version(tmp_path, schema.VERSION)
        wait_for(lambda: code(service, "GET", "/v1/jobs")[0] == 200, seconds=60)
        service.until(job_id, lambda job: job["progress"]["epoch"] > before[0], seconds=120)
        service.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
