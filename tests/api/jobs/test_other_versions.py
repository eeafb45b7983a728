"""Jobs and sweeps whose stored spec another version of the service wrote."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from db import leases
from db.models import Job, Sweep
from tests.support.submitting import post_job

Change = Callable[[str, dict[str, Any]], None]
NEWER = [{"lookahead": {"steps": 5}}, {"activation": "snake"}, {"epochs": 10**6}]


@pytest.fixture
def change_spec(app: FastAPI) -> Change:
    def change(job_id: str, fields: dict[str, Any]) -> None:
        with app.state.sessions.begin() as session:
            spec = session.get_one(Job, job_id).spec
            session.execute(update(Job).where(Job.id == job_id).values(spec={**spec, **fields}))

    return change


def test_the_list_shows_a_spec_of_a_newer_version_as_it_is(client: TestClient, change_spec: Change) -> None:
    known, newer = post_job(client)["id"], post_job(client)["id"]
    change_spec(newer, NEWER[0])
    page = client.get("/v1/jobs")
    assert page.status_code == 200
    assert {job["id"]: job["spec"].get("lookahead") for job in page.json()["data"]} == {
        known: None,
        newer: {"steps": 5},
    }
    assert client.get(f"/v1/jobs/{newer}").json()["spec"]["lookahead"] == {"steps": 5}


@pytest.mark.parametrize("fields", NEWER)
def test_a_worker_fails_a_job_that_it_cannot_read_by_name(
    client: TestClient, app: FastAPI, change_spec: Change, fields: dict[str, Any]
) -> None:
    job_id = post_job(client)["id"]
    change_spec(job_id, fields)
    with app.state.sessions.begin() as session:
        assert leases.claim(session, job_id, "worker/1", lease_seconds=60) is None
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert (job["state"], job["error"]["code"]) == ("failed", "unsupported_spec")
    assert f"/{next(iter(fields))}: " in job["error"]["message"]
    assert [transition["state"] for transition in job["transitions"]] == ["queued", "running", "failed"]

    refused = client.post(f"/v1/jobs/{job_id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "unsupported_spec")
    refused = client.get(f"/v1/compare?jobs={job_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "unsupported_spec")


def test_a_sweep_of_a_newer_version_is_shown_without_what_is_unknown(client: TestClient, app: FastAPI) -> None:
    sweep_id = client.post("/v1/sweeps", json={"activations": ["relu"]}).json()["id"]
    with app.state.sessions.begin() as session:
        spec = session.get_one(Sweep, sweep_id).spec
        session.execute(update(Sweep).values(spec={**spec, "order": "random"}))
    for path in ("/v1/sweeps", f"/v1/sweeps/{sweep_id}"):
        assert client.get(path).status_code == 200
