"""How many statements a request costs: with each, a client waits longer and other writers of SQLite do."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from db.session import Sessions
from tests.support.statements import name_targets, record_statements
from tests.support.submitting import post_job


@pytest.fixture
def locks(sessions: Sessions) -> list[str]:
    """The lock of the quota, which SQLite does not need."""
    return ["SELECT"] if sessions.engine.dialect.name == "postgresql" else []


def test_a_job_is_accepted_by_three_statements(app: FastAPI, client: TestClient, locks: list[str]) -> None:
    with record_statements(app.state.sessions) as sent:
        post_job(client)
    assert name_targets(sent) == ["INSERT jobs", "INSERT events", *locks, "SELECT jobs"]


def test_metadata_is_one_statement_more(app: FastAPI, client: TestClient, locks: list[str]) -> None:
    with record_statements(app.state.sessions) as sent:
        post_job(client, metadata={"name": "baseline", "note": "first"})
    assert name_targets(sent) == ["INSERT jobs", "INSERT job_metadata", "INSERT events", *locks, "SELECT jobs"]


def test_only_an_idempotency_key_costs_a_savepoint(app: FastAPI, client: TestClient) -> None:
    with record_statements(app.state.sessions) as sent:
        post_job(client, headers={"Idempotency-Key": "k"})
    assert "INSERT idempotency_keys" in name_targets(sent)
    assert len(sent) <= 8


def test_a_page_of_any_length_is_three_statements_and_the_last_four(
    app: FastAPI, client: TestClient, train: Callable[..., None]
) -> None:
    for _ in range(4):
        train(post_job(client, epochs=2)["id"], 0.3, 0.2)
    for limit, last in ((1, []), (3, []), (9, ["SELECT jobs"])):
        with record_statements(app.state.sessions) as sent:
            assert client.get(f"/v1/jobs?sort=best_val_loss&limit={limit}").json()["total"] == 4
        assert name_targets(sent) == ["SELECT jobs", *last, "SELECT events", "SELECT jobs"]


def test_a_job_is_read_by_two_statements_and_its_place_in_the_queue_by_one_more(
    app: FastAPI, client: TestClient, train: Callable[..., None]
) -> None:
    job_id = post_job(client, epochs=1)["id"]
    with record_statements(app.state.sessions) as sent:
        client.get(f"/v1/jobs/{job_id}")
    assert name_targets(sent) == ["SELECT jobs", "SELECT events", "SELECT jobs"]
    train(job_id, 0.3)
    with record_statements(app.state.sessions) as sent:
        client.get(f"/v1/jobs/{job_id}")
    assert name_targets(sent) == ["SELECT jobs", "SELECT events"]
