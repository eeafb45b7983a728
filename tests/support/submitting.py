"""Jobs and sweeps to be tested with: over HTTP as clients submit them, or written to SQL."""

from collections.abc import Sequence
from typing import Any

from starlette.testclient import TestClient

from db import jobs, sweeps
from db.models import Job
from db.session import Sessions
from jobs.spec import JobSpec
from jobs.sweep import SweepSpec, expand

PAIR = {"activations": ["relu", "gelu"], "base": {"epochs": 2}}


def post_job(client: TestClient, *, headers: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """The accepted job, of relu unless the spec names another activation."""
    return accepted(client.post("/v1/jobs", json={"activation": "relu", **spec}, headers=headers))


def post_sweep(client: TestClient, **sweep: Any) -> dict[str, Any]:
    return accepted(client.post("/v1/sweeps", json=sweep))


def post_pair(client: TestClient, **sweep: Any) -> dict[str, Any]:
    """The accepted sweep of relu and gelu, two epochs each, unless `sweep` says otherwise."""
    return post_sweep(client, **{**PAIR, **sweep})


def list_job_ids(sweep: dict[str, Any]) -> list[str]:
    """In the order of the table."""
    return [job_id for row in sweep["configurations"] for job_id in row["job_ids"]]


def accepted(response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    created: dict[str, Any] = response.json()
    return created


def create_job(sessions: Sessions, spec: JobSpec | None = None, **options: Any) -> str:
    """The id of a queued job, of relu unless a spec is given."""
    with sessions.begin() as session:
        job, _ = jobs.create(session, spec or JobSpec(activation="relu"), **{"max_unfinished": 1000, **options})
        return job.id


def create_sweep(sessions: Sessions, spec: SweepSpec) -> tuple[str, Sequence[str]]:
    """The ids of a sweep of queued jobs, and of these in their order."""
    with sessions.begin() as session:
        sweep, job_ids, _ = sweeps.create(session, spec, expand(spec), max_unfinished=1000, idempotency_key=None)
        return sweep.id, job_ids


def find_job(sessions: Sessions, job_id: str) -> Job:
    with sessions.read() as session:
        return jobs.find(session, job_id)
