"""The terms on which a job or a sweep is accepted: the quota, and the keys that make a request idempotent."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from db import jobs, keys
from jobs.spec import JobSpec, Optimizer
from tests.support.submitting import post_job


def test_the_same_idempotency_key_answers_the_first_job(client: TestClient, hints: Any) -> None:
    def post() -> Any:
        return client.post("/v1/jobs", json={"activation": "relu"}, headers={"Idempotency-Key": "k"})

    first, second = post(), post()
    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(hints.sent) == 1


def test_defaults_spelled_out_are_the_same_request(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/jobs", json={"activation": "relu"}, headers=headers)
    second = client.post("/v1/jobs", json={"activation": "relu", "epochs": 10, "clip": {}}, headers=headers)
    assert first.json()["id"] == second.json()["id"]


def test_an_idempotency_key_with_another_body_is_refused(client: TestClient) -> None:
    for activation, status in (("relu", 202), ("gelu", 422)):
        body = {"activation": activation}
        response = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        assert response.status_code == status
    assert response.json()["code"] == "idempotency_conflict"


def test_two_hundred_simultaneous_posts_with_one_key_make_one_job(client: TestClient) -> None:
    def post(_: int) -> str:
        """Post until it is accepted: on a machine that stalls, the database may be busy for longer than a turn."""
        while True:
            answer = client.post("/v1/jobs", json={"activation": "relu"}, headers={"Idempotency-Key": "k"})
            if answer.status_code != 503:
                return str(answer.json()["id"])

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(post, range(200)))) == 1
    assert len(client.get("/v1/jobs").json()["data"]) == 1


def test_a_key_stands_for_one_operation(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, other = post_job(client)["id"], post_job(client)["id"]
    for job_id in (first, other):
        client.post(f"/v1/jobs/{job_id}/cancel")
    assert client.post(f"/v1/jobs/{first}/retry", headers=headers).status_code == 202
    asked = [
        ("/v1/jobs", {"activation": "relu"}),
        ("/v1/sweeps", {"activations": ["relu"]}),
        (f"/v1/jobs/{other}/retry", None),
    ]
    for path, body in asked:
        response = client.post(path, json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_conflict"), path
    assert len(client.get("/v1/jobs").json()["data"]) == 3


def test_a_retry_is_made_once_for_a_key(client: TestClient, hints: Any) -> None:
    job_id = post_job(client)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")

    def post(_: int) -> tuple[str, str | None]:
        answer = client.post(f"/v1/jobs/{job_id}/retry", headers={"Idempotency-Key": "k"})
        return answer.json()["id"], answer.headers.get("Idempotency-Replayed")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(50)))
    assert len({made for made, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(None) == 1
    assert len(hints.sent) == 2
    client.delete(f"/v1/jobs/{job_id}")
    assert post(0) == (answers[0][0], "true"), "what was made is answered, whatever became of the job it repeats"


def test_the_order_of_a_bodys_keys_makes_no_other_request(client: TestClient) -> None:
    bodies = ({"activation": "relu", "metadata": {"a": "1", "b": "2"}}, {"metadata": {"b": "2", "a": "1"}})
    ids = {
        client.post("/v1/jobs", json={**body, "activation": "relu"}, headers={"Idempotency-Key": "k"}).json()["id"]
        for body in bodies
    }
    assert len(ids) == 1


def test_a_deleted_jobs_key_can_be_used_again(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post("/v1/jobs", json={"activation": "relu"}, headers=headers).json()["id"]
    client.post(f"/v1/jobs/{first}/cancel")
    client.delete(f"/v1/jobs/{first}")
    second = client.post("/v1/jobs", json={"activation": "gelu"}, headers=headers)
    assert (second.status_code, "Idempotency-Replayed" in second.headers) == (202, False)


@pytest.fixture
def holders(app: FastAPI) -> list[dict[str, str]]:
    """The headers of two holders of API keys, which both use the idempotency key k."""
    app.state.settings = app.state.settings.model_copy(update={"auth": "keys"})
    with app.state.sessions.begin() as session:
        made = [keys.create(session, name) for name in ("ada", "bob")]
    return [{"Authorization": f"Bearer {key}", "Idempotency-Key": "k"} for key in made]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/jobs", {"activation": "relu"}), ("/v1/sweeps", {"activations": ["relu"]})]
)
def test_every_holder_of_an_api_key_has_idempotency_keys_of_their_own(
    client: TestClient, holders: list[dict[str, str]], path: str, body: dict[str, Any]
) -> None:
    made = [client.post(path, json=body, headers=headers) for headers in holders * 2]
    ids = [answer.json()["id"] for answer in made]
    assert (ids[0], ids[1]) == (ids[2], ids[3])
    assert ids[0] != ids[1]
    assert [answer.headers.get("Idempotency-Replayed") for answer in made] == [None, None, "true", "true"]


def test_a_key_from_before_keys_had_holders_belongs_to_the_first_who_repeats_its_request(
    app: FastAPI, client: TestClient, holders: list[dict[str, str]]
) -> None:
    with app.state.sessions.begin() as session:
        spec = JobSpec(activation="relu", optimizer=Optimizer(learning_rate=1e-5))
        first, _ = jobs.create(session, spec, max_unfinished=20, idempotency_key="k")
        session.execute(text("UPDATE idempotency_keys SET request_sha256 = NULL"))  # as migration 0007 leaves them
    body = {"activation": "relu", "optimizer": {"learning_rate": 1e-5}}
    other = client.post("/v1/jobs", json={"activation": "gelu"}, headers=holders[1])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    assert [client.post("/v1/jobs", json=body, headers=holders[0]).json()["id"] for _ in range(2)] == [first.id] * 2
    assert client.post("/v1/jobs", json=body, headers=holders[1]).json()["id"] != first.id


def test_a_post_over_the_quota_must_be_retried_later(client: TestClient) -> None:
    for _ in range(20):
        post_job(client)
    response = client.post("/v1/jobs", json={"activation": "relu"})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_jobs")
    assert int(response.headers["Retry-After"]) > 0
