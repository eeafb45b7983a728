"""Exceptions as problems, each with its place in the request."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.refusals import refused_pointers

ELU = {"activation": "elu"}
CHAIN = {
    **ELU,
    "weights": [1],
    "pre_activations": [0, 0],
    "upstream": 1,
    "learning_rate": 0.1,
    "parameter": 1,
}
WHERE_IT_IS: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"alpha": "one"}}, "/parameters/alpha"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"beta": 1}}, "/parameters/beta"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1, "2"]}, "/x/1"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "parameters": {"a/b~": 1}}, "/parameters/a~1b~0"),
    ("POST", "/v1/activations/elu/evaluate", {"x": []}, "/x"),
    ("POST", "/v1/activations/elu/evaluate", {}, "/x"),
    ("POST", "/v1/activations/elu/evaluate", {"x": [1], "y": 1}, "/y"),
    ("GET", "/v1/activations/elu/curve?alpha=one", None, "/alpha"),
    ("GET", "/v1/activations/elu/curve?alpha=%D9%A1", None, "/alpha"),
    ("GET", "/v1/activations/elu/curve?beta=1", None, "/beta"),
    ("GET", "/v1/activations/elu/curve?start=5&stop=5", None, "/stop"),
    ("GET", "/v1/activations/elu/curve?points=1", None, "/points"),
    ("GET", "/v1/activations/elu/curve?format=pdf", None, "/format"),
    ("GET", "/v1/activations/plot.svg?names=none", None, "/names"),
    ("POST", "/v1/gradients/propagation", {"activation": "none"}, "/activation"),
    ("POST", "/v1/gradients/propagation", {"activation": "elu", "parameters": {"alpha": "x"}}, "/parameters/alpha"),
    ("POST", "/v1/gradients/propagation", {"activation": "elu", "depth": 200, "width": 1024}, "/depth"),
    ("POST", "/v1/gradients/clip", {"gradient": [1], "by": "value", "threshold": 0}, "/threshold"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "upstream": None}, "/upstream"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "weights": [1, 2]}, "/weights"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "clip": {"by": "sum"}}, "/clip/by"),
    ("POST", "/v1/gradients/chain", {**CHAIN, "parameters": {"alpha": 0}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {}, "/activation"),
    ("POST", "/v1/jobs", {"activation": "elu", "parameters": {"alpha": True}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {"activation": "elu", "parameters": {"alpha": -1}}, "/parameters/alpha"),
    ("POST", "/v1/jobs", {"activation": "elu", "optimizer": {"name": "adam", "momentum": 0.9}}, "/optimizer/momentum"),
    (
        "POST",
        "/v1/jobs",
        {"activation": "elu", "validation": {"kind": "holdout", "fraction": 2}},
        "/validation/fraction",
    ),
    ("POST", "/v1/jobs", {"activation": "elu", "validation": {"fraction": 2}}, "/validation/fraction"),
    ("POST", "/v1/jobs", {"activation": "elu", "validation": {"kind": "none"}}, "/validation"),
    ("POST", "/v1/jobs", {"activation": "elu", "train_samples": 59_000}, "/train_samples"),
    ("POST", "/v1/jobs", {"activation": "elu", "metadata": {"a b": "x"}}, "/metadata/a b"),
    ("POST", "/v1/jobs", {"activation": "elu", "metadata": {"a": 1}}, "/metadata/a"),
    ("POST", "/v1/jobs", {"activation": "elu", "metadata": {f"{n}": "x" * 500 for n in range(16)}}, "/metadata"),
    ("POST", "/v1/sweeps", {"base": {"epochs": 0}}, "/base/epochs"),
    ("POST", "/v1/sweeps", {"base": {"activation": "elu"}}, "/base/activation"),
    ("POST", "/v1/sweeps", {"base": {"parameters": {"alpha": "x"}}, "activations": ["elu"]}, "/base/parameters/alpha"),
    ("POST", "/v1/sweeps", {"activations": ["relu", "none"]}, "/activations/1"),
    ("POST", "/v1/sweeps", {"activations": ["relu", "relu"]}, "/activations/1"),
    ("POST", "/v1/sweeps", {"seeds": [0, -1]}, "/seeds/1"),
    ("POST", "/v1/sweeps", {"grid": {"epochs": [1, 0]}}, "/grid/epochs/1"),
    (
        "POST",
        "/v1/sweeps",
        {"activations": ["elu"], "grid": {"parameters.alpha": [1, ""]}},
        "/grid/parameters.alpha/1",
    ),
    ("POST", "/v1/sweeps", {"grid": {"clip.threshold": [0]}}, "/grid/clip.threshold/0"),
    ("POST", "/v1/sweeps", {"grid": {"nothing": [1]}}, "/grid/nothing/0"),
    ("POST", "/v1/sweeps", {"grid": {"seed": [1]}}, "/grid/seed"),
    ("GET", "/v1/jobs?state=lost", None, "/state/0"),
    ("GET", "/v1/jobs?sort=none", None, "/sort"),
    ("GET", "/v1/jobs?metadata[]=1", None, "/metadata[]"),
    ("GET", "/v1/jobs?sweep_id=%00", None, "/sweep_id"),
    ("GET", "/v1/jobs/%00", None, "/job_id"),
    ("GET", "/v1/jobs/none/checkpoints/0", None, "/epoch"),
]


def test_a_refusal_points_at_what_is_wrong(client: TestClient) -> None:
    for method, url, body, pointer in WHERE_IT_IS:
        assert {*refused_pointers(client.request(method, url, json=body))} == {pointer}, (url, body)


MANY = [f"field {number}" for number in range(256)]
LONG_ANSWERS: list[tuple[str, str, Any]] = [
    ("POST", "/v1/jobs", {"activation": "relu", **dict.fromkeys(MANY, 1)}),
    ("POST", "/v1/jobs", {"activation": "relu", "metadata": dict.fromkeys(MANY, 1)}),
    ("POST", "/v1/jobs", {"activation": "relu", "\x01" * 1500: 1}),
    ("POST", "/v1/jobs", {"activation": "\N{GRINNING FACE}" * 800}),
    ("POST", "/v1/jobs", {"activation": "relu", **{"\x01" * number: 1 for number in range(1, 40)}}),
    ("POST", "/v1/sweeps", {"base": dict.fromkeys(MANY, 1)}),
    ("POST", "/v1/sweeps", {"activations": ["relu"], "grid": {"epochs": [*range(0, -512, -1)]}}),
    ("POST", "/v1/sweeps", {"grid": {"metadata.note": ["\x01" * 500, "\x01" * 500]}}),
    ("POST", "/v1/activations/relu/evaluate", {"x": [1], "parameters": {"a" * 9000: 1}}),
    ("GET", "/v1/jobs?" + "&".join(f"{number}=1" for number in range(1000)), None),
    ("GET", "/v1/jobs/" + "a" * 9000, None),
    ("GET", "/v1/" + "a" * 9000, None),
]


@pytest.mark.parametrize(("method", "url", "body"), LONG_ANSWERS)
def test_a_refusal_is_short_whatever_the_request_holds(
    client: TestClient, method: str, url: str, body: dict[str, Any] | None
) -> None:
    answer = client.request(method, url, json=body)
    assert answer.status_code in {404, 422}
    assert len(answer.content) <= 8000
    fields = answer.json().get("errors")
    assert fields is None or 1 <= len(fields) <= 20


def test_an_answer_echoes_what_cannot_be_encoded_without_failing(app: FastAPI) -> None:
    """A server other than uvicorn may hand on half of a surrogate pair in a path."""
    sent: list[Any] = []

    async def ask(path: str) -> None:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)

    import anyio  # noqa: PLC0415

    for path in ("/v1/jobs/\ud800", "/\ud800", "/v1/activations/\ud800/curve"):
        anyio.run(ask, path)
    assert [message["status"] for message in sent if "status" in message] == [422, 404, 422]
