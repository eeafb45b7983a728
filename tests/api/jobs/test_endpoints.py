import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from arro3.io import read_parquet
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from broker.reconciler import reconcile
from db import jobs, keys
from jobs.spec import JobSpec, Optimizer
from tests.support.fake_worker import FakeWorker
from tests.support.figures import layer_metrics
from tests.support.submitting import post_job

# --- submit ---


def test_a_submitted_job_is_accepted_whole(client: TestClient, queue: Any) -> None:
    response = client.post("/v1/jobs", json={"activation": "gelu", "epochs": 2})
    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["attempt"], job["queue_position"]) == ("queued", 0, 1)
    assert job["progress"] == {"epoch": 0, "epochs": 2, "fraction": 0.0}
    assert job["spec"]["parameters"] == {"approximate": "tanh"}
    assert [transition["state"] for transition in job["transitions"]] == ["queued"]
    assert queue.sent == [job["id"]]


def test_a_job_is_what_its_location_answers(client: TestClient) -> None:
    job = post_job(client)
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


def test_a_broker_that_is_away_does_not_lose_the_job(app: FastAPI, client: TestClient, queue: Any) -> None:
    queue.away = True
    job = post_job(client)
    queue.away = False
    reconcile(app.state.sessions, queue)
    assert queue.sent == [job["id"]]


def test_the_same_idempotency_key_answers_the_first_job(client: TestClient, queue: Any) -> None:
    def post() -> Any:
        return client.post("/v1/jobs", json={"activation": "relu"}, headers={"Idempotency-Key": "k"})

    first, second = post(), post()
    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(queue.sent) == 1


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
        answer = client.post("/v1/jobs", json={"activation": "relu"}, headers={"Idempotency-Key": "k"})
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


def test_a_retry_is_made_once_for_a_key(client: TestClient, queue: Any) -> None:
    job_id = post_job(client)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")

    def post(_: int) -> tuple[str, str | None]:
        answer = client.post(f"/v1/jobs/{job_id}/retry", headers={"Idempotency-Key": "k"})
        return answer.json()["id"], answer.headers.get("Idempotency-Replayed")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(50)))
    assert len({made for made, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(None) == 1
    assert len(queue.sent) == 2
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


def test_over_the_quota_a_post_is_told_to_come_again(client: TestClient) -> None:
    for _ in range(20):
        post_job(client)
    response = client.post("/v1/jobs", json={"activation": "relu"})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_jobs")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"activation": "swoosh"}, "/activation"),
        ({"activation": None}, "/activation"),
        ({"parameters": {"alpha": 1}}, "/parameters/alpha"),
        ({"activation": "elu", "parameters": {"alpha": -1}}, "/parameters/alpha"),
        ({"activation": "elu", "parameters": {"alpha": "x"}}, "/parameters/alpha"),
        ({"epochs": 0}, "/epochs"),
        ({"epochs": 1001}, "/epochs"),
        ({"epochs": "10"}, "/epochs"),
        ({"epochs": 1.5}, "/epochs"),
        ({"epochs": True}, "/epochs"),
        ({"batch_size": 8193}, "/batch_size"),
        ({"optimizer": {"name": "lion"}}, "/optimizer/name"),
        ({"optimizer": {"learning_rate": 0}}, "/optimizer/learning_rate"),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "/optimizer/momentum"),
        ({"clip": {"by": "force"}}, "/clip/by"),
        ({"clip": {"threshold": -1}}, "/clip/threshold"),
        ({"loss": "hinge"}, "/loss"),
        ({"dropout": {"dense": 1}}, "/dropout/dense"),
        ({"initializer": "zeros"}, "/initializer"),
        ({"validation": {"kind": "holdout", "fraction": 1}}, "/validation/fraction"),
        ({"validation": {"kind": "guess"}}, "/validation"),
        ({"validation": {"kind": "test", "fraction": 0.1}}, "/validation/fraction"),
        ({"protocol": "article", "validation": {"kind": "holdout"}}, "/validation"),
        ({"protocol": "keras"}, "/protocol"),
        ({"train_samples": 127}, "/train_samples"),
        ({"train_samples": 50_000}, "/train_samples"),
        ({"seed": -1}, "/seed"),
        ({"seed": 2**32}, "/seed"),
        ({"precision": "float16"}, "/precision"),
        ({"device": "tpu"}, "/device"),
        ({"checkpoint_every": 0}, "/checkpoint_every"),
        ({"metadata": {"a b": "c"}}, "/metadata/a b"),
        ({"metadata": {"a": 1}}, "/metadata/a"),
        ({"metadata": {str(n): "x" for n in range(33)}}, "/metadata"),
        ({"epoch": 3}, "/epoch"),
    ],
)
def test_a_spec_out_of_bounds_is_refused_at_its_field(client: TestClient, change: dict[str, Any], pointer: str) -> None:
    response = client.post("/v1/jobs", json={"activation": "relu", **change})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused_at_its_field(client: TestClient, number: str) -> None:
    body = f'{{"activation": "relu", "optimizer": {{"learning_rate": {number}}}}}'
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/optimizer/learning_rate"


def test_a_body_that_is_not_json_is_malformed(client: TestClient) -> None:
    response = client.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(client: TestClient, declared: bool) -> None:  # noqa: FBT001  # a parameter
    body = json.dumps({"activation": "relu", "metadata": {"a": "x" * 20_000}}).encode()
    content = body if declared else (body[at : at + 1000] for at in range(0, len(body), 1000))
    response = client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


def test_the_article_protocol_fills_in_what_was_published(client: TestClient) -> None:
    spec = post_job(client, protocol="article")["spec"]
    assert (spec["epochs"], spec["validation"], spec["protocol"]) == (100, {"kind": "test"}, "article")
    assert post_job(client, protocol="article", epochs=5)["spec"]["epochs"] == 5


# --- find ---


def test_an_unchanged_job_is_not_sent_again(client: TestClient, worker: FakeWorker) -> None:
    url = f"/v1/jobs/{post_job(client)['id']}"
    etag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    worker.claim(url.rpartition("/")[2])
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_a_job_in_training_shows_its_progress(client: TestClient, worker: FakeWorker) -> None:
    job_id = post_job(client, epochs=4)["id"]
    worker.record(worker.claim(job_id), 1)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["progress"] == {"epoch": 1, "epochs": 4, "fraction": 0.25}
    assert (job["eta_seconds"], job["best"]["epoch"], job["latest"]["val_loss"]) == (6.0, 1, 1 / 3)


def test_jobs_are_listed_page_by_page(client: TestClient) -> None:
    ids = [post_job(client)["id"] for _ in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/jobs", params=query).json()
        found += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert found == ids[::-1]


def test_jobs_are_found_by_state_activation_and_metadata(client: TestClient) -> None:
    mine = post_job(client, activation="gelu", metadata={"who": "me"})["id"]
    post_job(client, activation="gelu", metadata={"who": "you"})
    post_job(client)
    found = client.get("/v1/jobs", params={"activation": "gelu", "state": "queued", "metadata[who]": "me"}).json()
    assert [job["id"] for job in found["data"]] == [mine]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=201", 422),
        ("sort=name", 422),
        ("state=lost", 422),
        ("colour=red", 422),
        ("cursor=x", 400),
    ],
)
def test_a_bad_listing_is_refused(client: TestClient, query: str, status: int) -> None:
    response = client.get(f"/v1/jobs?{query}")
    assert response.status_code == status
    assert query.partition("=")[0] in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("DELETE", ""),
        ("GET", "/history"),
        ("GET", "/layers"),
        ("GET", "/stream"),
    ],
)
def test_a_job_that_does_not_exist_is_not_found(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"/v1/jobs/no-such-job{path}")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


# --- cancel, retry, delete ---


def test_a_queued_job_is_cancelled_at_once_and_again(client: TestClient) -> None:
    url = f"/v1/jobs/{post_job(client)['id']}/cancel"
    assert [client.post(url).json()["state"] for _ in range(2)] == ["cancelled", "cancelled"]


def test_a_finished_job_cannot_be_cancelled(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client, epochs=1)["id"])
    worker.record(lease, 1)
    worker.succeed(lease)
    response = client.post(f"/v1/jobs/{lease.job_id}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "job_finished")


def test_a_retry_is_a_new_job_with_the_same_spec(client: TestClient, queue: Any) -> None:
    first = post_job(client, epochs=7)
    client.post(f"/v1/jobs/{first['id']}/cancel")
    response = client.post(f"/v1/jobs/{first['id']}/retry")
    second = response.json()
    assert response.status_code == 202
    assert (second["retry_of"], second["spec"], second["state"]) == (first["id"], first["spec"], "queued")
    assert queue.sent == [first["id"], second["id"]]


@pytest.mark.parametrize(("method", "path"), [("POST", "/retry"), ("DELETE", "")])
def test_an_unfinished_job_is_neither_retried_nor_deleted(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"/v1/jobs/{post_job(client)['id']}{path}")
    assert (response.status_code, response.json()["code"]) == (409, "job_not_finished")


def test_a_deleted_job_is_gone_with_its_files(client: TestClient, tmp_path: Path) -> None:
    job_id = post_job(client)["id"]
    folder = tmp_path / "checkpoints" / job_id
    folder.mkdir(parents=True)
    (folder / "epoch-0001-attempt-1.safetensors").touch()
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert not folder.exists()


# --- history ---


@pytest.fixture
def trained(client: TestClient, worker: FakeWorker) -> str:
    lease = worker.claim(post_job(client, epochs=3)["id"])
    for epoch in (1, 2, 3):
        worker.record(lease, epoch, loss=0.1 * epoch)
    return str(lease.job_id)


def test_the_history_holds_every_epoch_exactly(client: TestClient, trained: str) -> None:
    history = client.get(f"/v1/jobs/{trained}/history").json()
    assert history["job_id"] == trained
    assert [(row["epoch"], row["attempt"], row["loss"]) for row in history["epochs"]] == [
        (1, 1, 0.1),
        (2, 1, 0.2),
        (3, 1, 0.1 * 3),
    ]
    assert set(history["epochs"][0]) == {
        "epoch", "attempt", "loss", "accuracy", "binary_accuracy", "val_loss", "val_accuracy", "val_binary_accuracy",
        "learning_rate", "epoch_seconds", "images_per_second", "recorded_at",
    }  # fmt: skip


def test_the_history_goes_on_after_an_epoch(client: TestClient, trained: str) -> None:
    epochs = client.get(f"/v1/jobs/{trained}/history?after_epoch=2").json()["epochs"]
    assert [row["epoch"] for row in epochs] == [3]


def test_every_format_of_the_history_says_the_same(client: TestClient, trained: str) -> None:
    url = f"/v1/jobs/{trained}/history"
    losses = [row["loss"] for row in client.get(url).json()["epochs"]]
    as_csv = client.get(url, headers={"Accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert [float(row["loss"]) for row in csv.DictReader(io.StringIO(as_csv.text))] == losses
    as_ndjson = client.get(f"{url}?format=ndjson").text
    assert [json.loads(line)["loss"] for line in as_ndjson.splitlines()] == losses
    as_parquet = client.get(url, headers={"Accept": "application/vnd.apache.parquet"}).content
    assert read_parquet(io.BytesIO(as_parquet)).read_all()["loss"].to_pylist() == losses


def test_a_format_that_is_not_offered_is_refused(client: TestClient, trained: str) -> None:
    url = f"/v1/jobs/{trained}/history"
    assert client.get(url, headers={"Accept": "application/pdf"}).status_code == 406
    assert client.get(f"{url}?format=pdf").status_code == 422


def test_a_layer_figure_that_was_not_finite_says_so(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client)["id"])
    figures = {"gradient_norm": float("nan"), "update_ratio": float("inf"), "activation_mean": None}
    worker.record(lease, layers=[layer_metrics(**figures)])
    [row] = client.get(f"/v1/jobs/{lease.job_id}/layers").json()["layers"]
    assert (row["gradient_norm"], row["update_ratio"], row["activation_mean"]) == (None, None, None)
    assert row["non_finite"] == {"/gradient_norm": "nan", "/update_ratio": "inf"}


def test_layers_are_served_from_the_input_to_the_output(client: TestClient, worker: FakeWorker) -> None:
    lease = worker.claim(post_job(client)["id"])
    worker.record(lease, layers=[layer_metrics(layer="conv1"), layer_metrics(layer="dense2")])
    url = f"/v1/jobs/{lease.job_id}/layers"
    assert [row["layer"] for row in client.get(url).json()["layers"]] == ["conv1", "dense2"]
    assert client.get(f"{url}?epoch=2").json()["layers"] == []
    assert client.get(f"{url}?format=csv").text.splitlines()[0].startswith("epoch,layer,gradient_norm")


# --- what no client should send ---


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", r"\uffff", r"\\", "\u202e", "😀" * 100])
def test_any_text_in_metadata_is_kept_or_refused_but_never_a_bug(client: TestClient, text: str) -> None:
    body = f'{{"activation": "relu", "metadata": {{"note": "{text}"}}}}'.encode()
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {202, 422}, response.text
    if response.status_code == 202:
        assert response.json()["spec"]["metadata"]["note"] == json.loads(body)["metadata"]["note"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/%00",
        "/v1/jobs/%FF",
        "/v1/jobs/" + "x" * 5000,
        "/v1/jobs?activation=%00",
        "/v1/jobs?metadata[a]=%00",
        "/v1/jobs?metadata[%00]=a",
        "/v1/jobs?metadata[]=a",
        "/v1/jobs?sweep_id=%00",
        "/v1/jobs?cursor=%00",
        "/v1/jobs/%00/history",
        "/v1/jobs/%00/stream",
        "/v1/activations/%00",
        "/v1/activations/relu/curve?%00=1",
        "/v1/jobs/x/history?after_epoch=99999999999999999999",
        "/v1/jobs/x/layers?epoch=99999999999999999999",
        "/v1/jobs/x/stream?after=99999999999999999999",
    ],
)
def test_no_address_is_a_bug(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code in {200, 400, 404, 422}, response.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"[" * 50_000,
        b'{"a":' * 9_000,
        b'{"activation": "relu", "seed": ' + b"9" * 5000 + b"}",
        b"\xff",
    ],
)
def test_no_body_is_a_bug(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 413, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_a_body_not_declared_as_json_is_told_how_to_be(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post("/v1/jobs", content=b'{"activation": "relu"}', headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Type: application/json" in response.json()["detail"]


def test_epoch_numbers_beyond_the_database_are_refused_or_empty(client: TestClient, trained: str) -> None:
    for query in ("history?after_epoch", "layers?epoch", "stream?after"):
        response = client.get(f"/v1/jobs/{trained}/{query}={2**63}")
        assert response.status_code == 422, query
