"""Edits of an accepted job: its name, its note, and the rest of its metadata."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from db import leases
from jobs.spec import JobSpec
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job


def edit(client: TestClient, job_id: str, metadata: Any, **headers: str) -> Any:
    return client.patch(f"/v1/jobs/{job_id}", json={"metadata": metadata}, headers=headers)


def test_a_job_is_given_a_name_and_a_note_and_keeps_its_other_words(client: TestClient) -> None:
    job = post_job(client, metadata={"who": "me", "note": "old"})
    response = edit(client, job["id"], {"name": "baseline", "note": "new"})
    assert response.status_code == 200
    assert response.json()["spec"]["metadata"] == {"who": "me", "name": "baseline", "note": "new"}
    assert client.get(f"/v1/jobs/{job['id']}").json() == response.json()


def test_nothing_but_the_metadata_changes(client: TestClient) -> None:
    job = post_job(client, optimizer={"learning_rate": 0.1 + 0.2}, epochs=7)
    edited = edit(client, job["id"], {"name": "a"}).json()
    assert {**edited, "spec": {**edited["spec"], "metadata": {}}} == job


def test_null_removes_a_word_and_null_for_all_of_them_every_word(client: TestClient) -> None:
    job_id = post_job(client, metadata={"name": "a", "note": "b", "who": "me"})["id"]
    assert edit(client, job_id, {"note": None, "missing": None}).json()["spec"]["metadata"] == {
        "name": "a",
        "who": "me",
    }
    assert client.patch(f"/v1/jobs/{job_id}", json={}).json()["spec"]["metadata"] == {"name": "a", "who": "me"}
    assert edit(client, job_id, None).json()["spec"]["metadata"] == {}


def test_a_merge_patch_may_be_declared_as_one(client: TestClient) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    content = json.dumps({"metadata": {"name": "a"}})
    response = client.patch(f"/v1/jobs/{post_job(client)['id']}", content=content, headers=headers)
    assert response.json()["spec"]["metadata"] == {"name": "a"}


def test_a_job_is_found_by_the_words_it_was_given_and_not_by_those_it_had(client: TestClient) -> None:
    job_id = post_job(client, metadata={"name": "old"})["id"]
    edit(client, job_id, {"name": "new"})
    found = {name: client.get(f"/v1/jobs?metadata[name]={name}").json() for name in ("old", "new")}
    assert [[job["id"] for job in page["data"]] for page in found.values()] == [[], [job_id]]
    assert [page["total"] for page in found.values()] == [0, 1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"metadata": {"a b": "c"}}, "/metadata/a b"),
        ({"metadata": {"a": 1}}, "/metadata/a"),
        ({"metadata": {"a": "x" * 501}}, "/metadata/a"),
        ({"metadata": {"a": "\0"}}, "/metadata/a"),
        ({"metadata": {f"new-{n}": "x" for n in range(32)}}, "/metadata"),
        ({"metadata": {f"new-{n}": "x" * 500 for n in range(16)}}, "/metadata"),
        ({"metadata": []}, "/metadata"),
        ({"epochs": 3}, "/epochs"),
        ({"spec": {"metadata": {}}}, "/spec"),
        ([], ""),
    ],
)
def test_an_edit_out_of_bounds_is_refused_at_its_place_and_changes_nothing(
    client: TestClient, body: Any, pointer: str
) -> None:
    job = post_job(client, metadata={"name": "a"})
    response = client.patch(f"/v1/jobs/{job['id']}", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), response.text
    assert response.json()["errors"][0]["pointer"] == pointer
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", "\u202e", "😀" * 100, "<b>$x$[/red]"])
def test_any_text_is_kept_or_refused_but_never_a_bug(client: TestClient, text: str) -> None:
    job_id = post_job(client)["id"]
    for body in (f'{{"metadata": {{"note": "{text}"}}}}', f'{{"metadata": {{"{text}": null}}}}'):
        headers = {"Content-Type": "application/json"}
        response = client.patch(f"/v1/jobs/{job_id}", content=body.encode(), headers=headers)
        assert response.status_code in {200, 422}, response.text
        if response.status_code == 200:
            assert response.json()["spec"]["metadata"]["note"] == text


def test_a_comparison_calls_a_job_by_its_name(client: TestClient) -> None:
    ids = [post_job(client)["id"], post_job(client, metadata={"name": "x" * 50})["id"]]
    curves = client.get("/v1/compare", params={"jobs": ",".join(ids)}).json()["jobs"]
    assert [(curve["label"], curve["name"]) for curve in curves] == [("relu", None), (f"relu “{'x' * 39}…”", "x" * 50)]
    edit(client, ids[1], {"name": "<b>$mine$"})
    as_csv = client.get("/v1/compare", params={"jobs": ",".join(ids), "format": "csv"})
    assert as_csv.status_code == 200
    assert client.get("/v1/compare", params={"jobs": ",".join(ids)}).json()["jobs"][1]["label"] == "relu “<b>$mine$”"


def test_a_job_that_does_not_exist_is_not_found(client: TestClient) -> None:
    response = edit(client, "no-such-job", {"name": "a"})
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_a_job_in_training_is_renamed_and_its_worker_goes_on(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=2)["id"]
    lease = worker.claim(job_id)
    worker.record(lease, 1)
    assert edit(client, job_id, {"name": "a"}).json()["state"] == "running"
    worker.record(lease, 2)
    worker.succeed(lease)
    ended = edit(client, job_id, {"name": "b"}).json()
    assert (ended["state"], ended["progress"]["epoch"], ended["spec"]["metadata"]) == ("succeeded", 2, {"name": "b"})


def test_a_job_given_back_is_claimed_again_with_the_spec_it_had(
    client: TestClient, worker: FakeWorker, app: FastAPI
) -> None:
    job_id = post_job(client, activation="elu", parameters={"alpha": 0.7})["id"]
    lease = worker.claim(job_id)
    edit(client, job_id, {"name": "a"})
    with app.state.sessions.begin() as session:
        leases.release(session, lease, "drained")
        claim = leases.claim(session, job_id, "worker/2", lease_seconds=60)
    assert claim is not None
    expected = JobSpec(activation="elu", parameters={"alpha": 0.7}, metadata={"name": "a"})
    assert claim.spec == expected


def test_concurrent_edits_lose_nothing(client: TestClient) -> None:
    job_id = post_job(client)["id"]
    keys = [f"key-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda key: edit(client, job_id, {key: "x"}).status_code, keys))
    assert set(answers) == {200}
    assert client.get(f"/v1/jobs/{job_id}").json()["spec"]["metadata"] == dict.fromkeys(keys, "x")


def test_a_replay_of_the_request_that_made_the_job_answers_it_as_it_is_now(client: TestClient) -> None:
    once = {"Idempotency-Key": "k"}
    job_id = post_job(client, headers=once, metadata={"name": "a"})["id"]
    edit(client, job_id, {"name": "b"})
    again = post_job(client, headers=once, metadata={"name": "a"})
    assert (again["id"], again["spec"]["metadata"]) == (job_id, {"name": "b"})
    other = client.post("/v1/jobs", json={"activation": "relu", "metadata": {"name": "b"}}, headers=once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


def test_a_retry_has_the_words_of_the_job_it_repeats_and_later_its_own(client: TestClient) -> None:
    first = post_job(client, metadata={"name": "a"})["id"]
    client.post(f"/v1/jobs/{first}/cancel")
    edit(client, first, {"name": "b"})
    second = client.post(f"/v1/jobs/{first}/retry").json()
    assert second["spec"]["metadata"] == {"name": "b"}
    edit(client, second["id"], {"name": "c"})
    assert client.get(f"/v1/jobs/{first}").json()["spec"]["metadata"] == {"name": "b"}


def test_a_deleted_job_takes_its_words_with_it(client: TestClient) -> None:
    job_id = post_job(client)["id"]
    edit(client, job_id, {"name": "a"})
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get("/v1/jobs?metadata[name]=a").json()["total"] == 0


def test_the_etag_changes_with_the_words_and_is_what_if_match_asks_for(client: TestClient) -> None:
    url = f"/v1/jobs/{post_job(client)['id']}"
    before = client.get(url).headers["ETag"]
    first = client.patch(url, json={"metadata": {"name": "a"}}, headers={"If-Match": f'"other", {before}'})
    assert first.status_code == 200
    assert first.headers["ETag"] == client.get(url).headers["ETag"] != before
    late = client.patch(url, json={"metadata": {"name": "b"}}, headers={"If-Match": before})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    weak = client.patch(url, json={"metadata": {"name": "b"}}, headers={"If-Match": f"W/{first.headers['ETag']}"})
    assert weak.status_code == 412
    assert client.get(url).json()["spec"]["metadata"] == {"name": "a"}
    assert client.patch(url, json={"metadata": {"name": "b"}}, headers={"If-Match": "*"}).status_code == 200
