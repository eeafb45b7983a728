"""Specs, bodies and addresses that no client should send."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.main import create_app
from runtime.settings import Settings
from tests.support.submitting import post_job


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


@pytest.mark.parametrize(
    ("change", "rule", "limit"),
    [
        ({"epochs": 1001}, "less_than_equal", 1000),
        ({"optimizer": {"learning_rate": 0}}, "greater_than", 0),
        ({"metadata": {"name": "x" * 501}}, "string_too_long", 500),
        ({"loss": "mean"}, "literal_error", None),
    ],
)
def test_a_refusal_names_its_rule_and_bound_for_a_program(
    client: TestClient, change: dict[str, Any], rule: str, limit: int | None
) -> None:
    [error] = client.post("/v1/jobs", json={"activation": "relu", **change}).json()["errors"]
    assert (error["rule"], error.get("limit")) == (rule, limit)


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


def test_only_long_arrays_may_be_long() -> None:
    with TestClient(create_app(Settings(database_url="sqlite://", allowed_hosts="testserver"))) as client:
        numbers = [0.1] * 20_000
        assert client.post("/v1/gradients/clip", json={"gradient": numbers, "by": "norm", "threshold": 1}).is_success
        assert client.post("/v1/activations/relu/evaluate", json={"x": numbers}).is_success
        for path in ("/v1/jobs", "/v1/sweeps", "/v1/gradients/chain", "/v1/jobs/x/cancel", "/nothing"):
            refused = client.post(path, json={"x": numbers})
            assert (refused.status_code, refused.json()["detail"]) == (413, "the body is larger than 64000 bytes")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_is_json_or_none_also_where_it_is_not_read(client: TestClient, media_type: str | None) -> None:
    job_id = post_job(client)["id"]
    headers = {"Content-Type": media_type} if media_type else {}
    for verb in ("cancel", "retry"):
        refused = client.post(f"/v1/jobs/{job_id}/{verb}", content=b'{"a": 1}', headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert client.post(f"/v1/jobs/{job_id}/cancel", headers=headers).status_code == 202, "it has no body"


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
        "/v1/jobs/x/parameters?epoch=99999999999999999999",
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
def test_a_body_not_declared_as_json_is_answered_with_the_header_that_it_lacks(
    client: TestClient, headers: dict[str, str]
) -> None:
    response = client.post("/v1/jobs", content=b'{"activation": "relu"}', headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Type: application/json" in response.json()["detail"]
