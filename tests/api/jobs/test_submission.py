"""The terms on which a job or a sweep is accepted: the quota, and the keys that make a request idempotent."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.access import Headers, change_settings
from tests.support.refusals import refused_pointers
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
def owners(with_keys: None, anna: Headers, bob: Headers) -> list[Headers]:  # noqa: ARG001
    return [anna, bob]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/jobs", {"activation": "relu"}), ("/v1/sweeps", {"activations": ["relu"]})]
)
def test_every_owner_has_idempotency_keys_of_their_own(
    client: TestClient, owners: list[Headers], path: str, body: dict[str, Any]
) -> None:
    made = [client.post(path, json=body, headers={**headers, "Idempotency-Key": "k"}) for headers in owners * 2]
    ids = [answer.json()["id"] for answer in made]
    assert (ids[0], ids[1]) == (ids[2], ids[3])
    assert ids[0] != ids[1]
    assert [answer.headers.get("Idempotency-Replayed") for answer in made] == [None, None, "true", "true"]


def test_what_was_made_without_a_key_is_not_answered_to_who_repeats_its_request_with_one(
    app: FastAPI, client: TestClient, anna: Headers
) -> None:
    again = {"Idempotency-Key": "k"}
    nobodys = post_job(client, headers=again)
    change_settings(app, auth="keys")
    made = [post_job(client, headers={**again, **anna}) for _ in range(2)]
    assert made[0]["id"] == made[1]["id"] != nobodys["id"]


def test_a_post_over_the_quota_must_be_retried_later(client: TestClient) -> None:
    for _ in range(20):
        post_job(client)
    response = client.post("/v1/jobs", json={"activation": "relu"})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_jobs")
    assert int(response.headers["Retry-After"]) > 0


def test_a_job_that_needs_too_much_memory_is_refused_at_its_batch(client: TestClient, app: FastAPI) -> None:
    change_settings(app, max_training_mb=4000)
    asked = {"activation": "relu", "batch_size": 8192}
    sweep = {"activations": ["relu"], "grid": {"batch_size": [128, 8192]}}
    assert refused_pointers(client.post("/v1/jobs", json=asked)) == ["/batch_size"]
    assert refused_pointers(client.post("/v1/sweeps", json=sweep)) == ["/grid/batch_size/1"]
    assert client.post("/v1/jobs", json={**asked, "device": "cpu"}).status_code == 202
