"""The contract that OpenAPI states: complete, with examples that are true."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from api.http.openapi import list_operations
from api.http.problems import HTTP_ERRORS
from api.main import create_app
from db import predictions
from db.predictions import Answer
from jobs.errors import JobsError
from runtime.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.submitting import post_job

DOCUMENT = create_app(Settings(database_url="sqlite://", broker_url="redis://127.0.0.1:1/0")).openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [*list_operations(DOCUMENT)]
METHODS = {id(operation): method for methods in DOCUMENT["paths"].values() for method, operation in methods.items()}

OPERATION_IDS = {
    "cancel_v1_jobs__job_id__cancel_post",
    "cancel_v1_sweeps__sweep_id__cancel_post",
    "chain_v1_gradients_chain_post",
    "clip_v1_gradients_clip_post",
    "compare_v1_compare_get",
    "curve_v1_activations__name__curve_get",
    "define_v1_activations_post",
    "delete_v1_activations__name__delete",
    "delete_v1_jobs__job_id__delete",
    "download_v1_jobs__job_id__checkpoints__epoch__get",
    "edit_v1_jobs__job_id__patch",
    "evaluate_v1_activations__name__evaluate_post",
    "get_activation_v1_activations__name__get",
    "get_example_v1_gradients_examples__name__get",
    "get_job_v1_jobs__job_id__get",
    "get_means_v1_sweeps__sweep_id__means_get",
    "get_published_v1_published_get",
    "get_sweep_beside_published_v1_sweeps__sweep_id__published_get",
    "get_sweep_v1_sweeps__sweep_id__get",
    "healthz_healthz_get",
    "history_v1_jobs__job_id__history_get",
    "history_v1_sweeps__sweep_id__history_get",
    "layers_v1_jobs__job_id__layers_get",
    "list_activations_v1_activations_get",
    "list_checkpoints_v1_jobs__job_id__checkpoints_get",
    "list_examples_v1_gradients_examples_get",
    "list_jobs_v1_jobs_get",
    "list_sweeps_v1_sweeps_get",
    "metrics_metrics_get",
    "parameters_v1_jobs__job_id__parameters_get",
    "plot_job_v1_jobs__job_id__plot__kind__get",
    "plot_layers_v1_jobs__job_id__layers_plot__kind__get",
    "plot_parameters_v1_jobs__job_id__parameters_plot__kind__get",
    "plot_sweep_v1_sweeps__sweep_id__plot__kind__get",
    "plot_v1_activations_plot__kind__get",
    "preview_v1_activations_preview_post",
    "predict_v1_jobs__job_id__predict_post",
    "propagate_v1_gradients_propagation_post",
    "readyz_readyz_get",
    "retry_v1_jobs__job_id__retry_post",
    "stream_v1_jobs__job_id__stream_get",
    "stream_v1_stream_get",
    "stream_v1_sweeps__sweep_id__stream_get",
    "submit_v1_jobs_post",
    "submit_v1_sweeps_post",
    "workers_v1_workers_get",
}
"""As generated clients know them: an operation keeps its id when the function behind it gets another name."""


def name(path: str, operation: dict[str, Any]) -> str:
    return f"{METHODS[id(operation)].upper()} {path}"


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that goes in or out, with its media type."""
    for path, operation in OPERATIONS:
        bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
        for part, body in [*bodies, *operation["responses"].items()]:
            for media_type, content in body.get("content", {}).items():
                yield f"{name(path, operation)} {part} {media_type}", content


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    for place, content in contents():
        values = [content["example"]] if "example" in content else []
        for value in [*values, *(found["value"] for found in content.get("examples", {}).values())]:
            yield place, content.get("schema", {"type": "string"}), value  # a stream has no schema, but frames


def test_every_operation_has_a_tag_a_summary_and_a_description() -> None:
    known = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, operation in OPERATIONS:
        assert {*operation["tags"]} <= known, path
        assert 10 < len(operation["summary"]) < 130, path
        assert operation["description"], path
    assert {tag for _, operation in OPERATIONS for tag in operation["tags"]} == known
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_a_key_is_demanded_where_the_service_requires_one_and_only_there() -> None:
    assert not {"security"} & {*chain(*(operation for _, operation in OPERATIONS))}
    assert "securitySchemes" not in DOCUMENT["components"]
    with_keys = create_app(Settings(database_url="sqlite://", auth="keys")).openapi()
    for path, operation in list_operations(with_keys):
        assert ("security" in operation) == path.startswith("/v1/"), path


def test_every_operation_keeps_its_id() -> None:
    assert {operation["operationId"] for _, operation in OPERATIONS} == OPERATION_IDS
    assert len(OPERATIONS) == len(OPERATION_IDS)


def test_every_parameter_is_described_and_shown() -> None:
    for path, operation in OPERATIONS:
        for parameter in operation.get("parameters", []):
            place = f"{name(path, operation)} {parameter['name']}"
            assert parameter.get("description"), place
            schema = parameter["schema"]
            assert "example" in parameter or {"examples", "default", "enum"} & {*schema}, place


def test_every_example_of_a_header_can_be_sent() -> None:
    for path, operation in OPERATIONS:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "header":
                shown = [parameter.get("example", ""), *parameter["schema"].get("examples", [])]
                assert all(text.isascii() for text in shown), (path, shown)


def test_every_field_is_described() -> None:
    bare = [
        f"{model}.{field}"
        for model, schema in SCHEMAS.items()
        for field, definition in schema.get("properties", {}).items()
        if "description" not in definition
    ]
    assert bare == ["Holdout.kind", "OnTestSet.kind"], "which are constants"


def test_every_response_is_described_in_our_own_words() -> None:
    for path, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            assert response["description"] not in {"", "Successful Response", "Validation Error"}, (path, status)


def test_every_body_but_binary_ones_is_shown() -> None:
    bare = [
        place
        for place, content in contents()
        if not {"example", "examples"} & {*content} and content.get("schema", {}).get("format") != "binary"
    ]
    assert bare == []


def test_every_example_is_what_its_schema_says() -> None:
    found = 0
    for place, schema, value in examples():
        validator = Draft202012Validator({**schema, "components": {"schemas": SCHEMAS}})
        assert [error.message for error in validator.iter_errors(value)] == [], place
        found += 1
    assert found > 150


def test_an_error_is_shown_with_a_code_that_the_service_knows_and_the_path_that_was_asked() -> None:
    known = {*(error.code for error in HTTP_ERRORS.values()), *(error.code for error in family(JobsError))}
    for path, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            for found in response.get("content", {}).get("application/problem+json", {}).get("examples", {}).values():
                problem = found["value"]
                assert problem["status"] == int(status)
                assert problem["code"] in known
                assert "{" not in problem["instance"]
                assert problem["instance"].split("/")[:3] == path.split("/")[:3]


def family(error: type[JobsError]) -> Iterator[type[JobsError]]:
    yield error
    for child in error.__subclasses__():
        yield from family(child)


def test_every_path_with_an_id_declares_that_it_may_be_unknown() -> None:
    for path, operation in OPERATIONS:
        if "_id}" in path:
            assert "404" in operation["responses"], path
            assert "422" in operation["responses"], path


def test_whatever_a_request_may_be_refused_for_is_declared() -> None:
    for path, operation in OPERATIONS:
        statuses = {*operation["responses"]}
        assert "421" in statuses, path
        assert METHODS[id(operation)] == "get" or {"403", "413", "415"} <= statuses, path
        if path.startswith("/v1/"):
            assert {"401", "422", "503"} <= statuses, path
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= statuses, path
        if "cursor" in [parameter["name"] for parameter in operation.get("parameters", [])]:
            assert "400" in statuses, path


def test_what_comes_in_several_formats_says_so() -> None:
    for path, operation in OPERATIONS:
        offered = next((p["schema"]["enum"] for p in operation.get("parameters", []) if p["name"] == "format"), None)
        if offered:
            assert len(operation["responses"]["200"]["content"]) == len(offered), path
            assert "406" in operation["responses"], path


@pytest.mark.parametrize("path", ["/v1/jobs/{job_id}/stream", "/v1/sweeps/{sweep_id}/stream", "/v1/stream"])
def test_a_stream_shows_its_frames(path: str) -> None:
    frames = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"]["example"]
    for frame in frames.strip().split("\n\n"):
        unnumbered = frame.startswith("event: progress\n")
        fields = ["event", "data"] if unnumbered else ["event", "data", "id"]
        assert [line.partition(":")[0] for line in frame.splitlines()] == fields


def requests() -> list[Any]:
    found = []
    for path, operation in OPERATIONS:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        success = {int(status) for status in operation["responses"] if status < "300"}
        for title, example in body.get("examples", {}).items():
            shown = METHODS[id(operation)], path, success, example["value"]
            found.append(pytest.param(shown, id=f"{path} {title}"))
    return found


@pytest.mark.parametrize("shown", requests())
def test_a_request_that_is_shown_succeeds(
    client: TestClient, app: FastAPI, worker: FakeWorker, shown: tuple[str, str, set[int], Any]
) -> None:
    method, path, success, body = shown
    if "{job_id}" in path:
        job_id = post_job(client)["id"]
        worker.checkpoint(worker.claim(job_id), 1)
        path = path.replace("{job_id}", job_id)
    app.state.settings = app.state.settings.model_copy(update={"max_unfinished_jobs": 1000})
    with answering(app):
        response = client.request(method, path.replace("{name}", "gelu"), json=body)
    assert response.status_code in success, response.text


@contextmanager
def answering(app: FastAPI) -> Iterator[None]:
    """A worker that answers the first prediction that is asked for."""
    over = threading.Event()

    def work() -> None:
        deadline = monotonic() + 20
        while not app.state.hints.predictions and monotonic() < deadline and not over.is_set():
            sleep(0.005)
        for prediction_id in app.state.hints.predictions:
            with app.state.sessions.begin() as session:
                predictions.answer(session, prediction_id, Answer(epoch=1, probabilities=[0.1] * 10))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()
