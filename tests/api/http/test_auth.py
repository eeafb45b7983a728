"""Keys: who gets in, how far a key's scope and quotas go, and whose jobs and sweeps its holder sees."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from db import keys, workers
from tests.api.activations.test_definitions import SWISHY
from tests.support.access import Headers, change_settings, make_key
from tests.support.sse import parse_events
from tests.support.statements import name_targets, record_statements
from tests.support.submitting import post_job

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
OPEN = {"/", "/healthz", "/readyz"}
CALCULATIONS = {
    "/v1/activations/preview",
    "/v1/activations/{name}/evaluate",
    "/v1/gradients/chain",
    "/v1/gradients/clip",
    "/v1/gradients/propagation",
}

pytestmark = pytest.mark.usefixtures("with_keys")


def list_paths(app: FastAPI) -> set[str]:
    """List the path of every route there is, whether OpenAPI shows it or not."""
    found = set()
    for route in app.routes:
        for known in getattr(route, "effective_route_contexts", lambda route=route: [route])():
            found.add(known.path)
    return found


def fill(path: str, **values: str) -> str:
    known = {"name": "exploding" if "examples" in path else "elu", "kind": "svg", "epoch": "1", **values}
    return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], "no-such-id"), path)


def is_public(path: str) -> bool:
    return path in OPEN or path.startswith("/static/") or path == "/static"


def test_every_route_and_method_needs_a_key_but_for_the_page_and_the_probes(app: FastAPI, client: TestClient) -> None:
    paths = list_paths(app)
    assert paths >= {*app.openapi()["paths"], "/docs", "/redoc", "/openapi.json", "/static-offline-docs"}
    for path in {fill(path) for path in paths} | {"/v1", "/v1/nothing", "/nothing", "//v1/jobs", "/healthz/", "*"}:
        for method in METHODS:
            response = client.request(method, path)
            if is_public(path):
                assert response.status_code != 401, (method, path)
            else:
                assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer"), (method, path)


def test_a_key_that_reads_changes_nothing(app: FastAPI, client: TestClient, reader: Headers) -> None:
    for path in {path for path in list_paths(app) if not is_public(path)}:
        for method in METHODS:
            response = client.request(method, fill(path), headers=reader)
            reads = method in {"GET", "HEAD", "OPTIONS"} or (method == "POST" and path in CALCULATIONS)
            assert (response.status_code == 403) != reads, (method, path, response.text)
            if response.status_code == 403 and response.content:
                assert response.json()["detail"] == "the scope of this API key is read; this needs submit"


def test_a_key_that_reads_calculates(client: TestClient, reader: Headers) -> None:
    response = client.post("/v1/activations/relu/evaluate", json={"x": [1.0]}, headers=reader)
    assert response.json()["value"] == [1.0]


def test_what_another_owner_has_is_as_if_it_did_not_exist(
    app: FastAPI, client: TestClient, anna: Headers, bob: Headers, admin: Headers
) -> None:
    """Every operation on a path with the id of a job or a sweep, or the name of an activation, whatever is added."""
    named = {"job_id": post_job(client, headers=anna)["id"], "name": "swishy"}
    named["sweep_id"] = client.post("/v1/sweeps", json={"activations": ["relu"]}, headers=anna).json()["id"]
    assert client.post("/v1/activations", json=SWISHY, headers=anna).status_code == 201
    tried = 0
    for method, path, field in sorted(list_operations_on_owned(app), key=lambda each: each[0] == "delete"):
        code = CODES[field]
        body = {"x": [1.0]} if path.endswith("/evaluate") else None
        for headers, others in ((bob, True), (anna, False), (admin, False)):
            if path.endswith("/stream") and not others:
                continue  # it has no end
            response = client.request(method, fill(path, **named), headers=headers, json=body)
            if not others:
                assert code not in response.text or method == "delete", (method, path)
                continue
            unknown = client.request(method, fill(path, **{field: "no-such-id"}), headers=headers, json=body)
            assert response.status_code == unknown.status_code == 404, (method, path, response.text)
            assert response.json()["code"] == code
            assert response.json()["detail"] == unknown.json()["detail"].replace("no-such-id", named[field])
            tried += 1
    assert tried >= 26


CODES = {"job_id": "job_not_found", "sweep_id": "sweep_not_found", "name": "not_found"}


def list_operations_on_owned(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and the field of the path that names what somebody owns."""
    for path, methods in app.openapi()["paths"].items():
        fields = set(re.findall(r"\{(\w+)\}", path)) - {"kind", "epoch"}
        if path != "/v1/gradients/examples/{name}":  # which everybody has
            assert fields <= CODES.keys(), f"{path}: whose is it?"
            for method in methods if fields else ():
                yield method, path, *fields


def test_lists_have_ones_own(client: TestClient, anna: Headers, bob: Headers, admin: Headers) -> None:
    sweep = client.post("/v1/sweeps", json={"activations": ["relu", "gelu"]}, headers=anna).json()
    post_job(client, headers=anna)
    post_job(client, headers=bob)
    owners = {each["owner"] for each in client.get("/v1/jobs", headers=admin).json()["data"]}
    assert owners == {"anna", "bob"}
    totals = [client.get("/v1/jobs", headers=headers).json()["total"] for headers in (anna, bob, admin)]
    assert totals == [3, 1, 4]
    of_sweep = {"sweep_id": sweep["id"]}
    assert [client.get("/v1/jobs", params=of_sweep, headers=each).json()["total"] for each in (anna, bob)] == [2, 0]
    listed = [client.get("/v1/sweeps", headers=headers).json()["data"] for headers in (anna, bob, admin)]
    assert [[each["id"] for each in data] for data in listed] == [[sweep["id"]], [], [sweep["id"]]]


def test_a_comparison_and_a_stream_of_several_have_ones_own(
    client: TestClient, anna: Headers, bob: Headers, admin: Headers
) -> None:
    ids = {}
    for name, headers in (("anna", anna), ("bob", bob)):
        ids[name] = post_job(client, headers=headers)["id"]
        client.post(f"/v1/jobs/{ids[name]}/cancel", headers=headers)
    sweep = client.post("/v1/sweeps", json={"activations": ["relu"]}, headers=anna).json()["id"]
    client.post(f"/v1/sweeps/{sweep}/cancel", headers=anna)
    both = {"jobs": ",".join(ids.values())}
    assert [client.get("/v1/compare", params=both, headers=each).status_code for each in (bob, admin)] == [404, 200]
    response = client.get("/v1/stream", params={**both, "sweeps": sweep}, headers=bob)
    kinds: dict[int, set[str]] = {}
    for _, kind, data in parse_events(response.text):
        kinds.setdefault(data["stream"], set()).add(kind)
    assert kinds == {0: {"gone"}, 1: {"state", "end"}, 2: {"gone"}}


def test_a_worker_does_not_tell_whose_job_it_trains(
    app: FastAPI, client: TestClient, anna: Headers, bob: Headers, admin: Headers
) -> None:
    job_id = post_job(client, headers=anna)["id"]
    with app.state.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=job_id)
    for headers, named in ((anna, job_id), (bob, None), (admin, job_id)):
        (row,) = client.get("/v1/workers", headers=headers).json()["data"]
        assert (row["job_id"], row["state"]) == (named, "training")


def test_nobodys_jobs_are_seen_by_admins_alone(app: FastAPI, client: TestClient, anna: Headers, admin: Headers) -> None:
    change_settings(app, auth="none")
    job_id, owner = (post_job(client)[name] for name in ("id", "owner"))
    assert owner is None
    change_settings(app, auth="keys")
    found = [client.get(f"/v1/jobs/{job_id}", headers=headers).status_code for headers in (anna, admin)]
    assert found == [404, 200]


def test_a_retry_belongs_to_whoever_asked_for_it(client: TestClient, anna: Headers, admin: Headers) -> None:
    job_id = post_job(client, headers=anna)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel", headers=admin)
    own, admins = [client.post(f"/v1/jobs/{job_id}/retry", headers=headers).json()["id"] for headers in (anna, admin)]
    assert [client.get(f"/v1/jobs/{each}", headers=anna).status_code for each in (own, admins)] == [200, 404]


def test_keys_of_one_owner_share_jobs(app: FastAPI, client: TestClient, anna: Headers, reader: Headers) -> None:
    job_id = post_job(client, headers=anna)["id"]
    with app.state.sessions.begin() as session:
        keys.revoke(session, "anna")
    assert client.get(f"/v1/jobs/{job_id}", headers=reader).status_code == 200
    renewed = make_key(app, "anna")
    assert client.get(f"/v1/jobs/{job_id}", headers=renewed).status_code == 200


def test_an_expired_key_is_no_key(app: FastAPI, client: TestClient) -> None:
    still, expired = (make_key(app, name, expires_after_seconds=left) for name, left in (("a", 600), ("b", -1)))
    assert [client.get("/v1/jobs", headers=headers).status_code for headers in (still, expired)] == [200, 401]


@pytest.mark.parametrize(("authorization", "status"), [(None, 401), ("Bearer al_wrong", 401), ("read", 403)])
def test_a_body_is_not_read_without_a_key_that_permits_it(
    app: FastAPI, reader: Headers, authorization: str | None, status: int
) -> None:
    sent: list[Any] = []

    async def receive() -> NoReturn:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    given = reader["Authorization"] if authorization == "read" else authorization
    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/jobs",
        "raw_path": b"/v1/jobs",
        "query_string": b"",
        "headers": [*headers, *([(b"authorization", given.encode())] if given else [])],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == status


def test_a_request_with_a_key_costs_a_statement_and_one_more_where_a_job_is_named(
    app: FastAPI, client: TestClient, anna: Headers, admin: Headers
) -> None:
    job_id = post_job(client, headers=anna)["id"]
    client.get("/v1/jobs", headers=admin)
    of_job = ["SELECT jobs", "SELECT events", "SELECT jobs"]
    for headers, more in ((anna, ["SELECT jobs"]), (admin, [])):
        with record_statements(app.state.sessions) as sent:
            client.get(f"/v1/jobs/{job_id}", headers=headers)
        assert name_targets(sent) == ["SELECT api_keys", *more, *of_job]
    with record_statements(app.state.sessions) as sent:
        client.get("/v1/activations/relu", headers=anna)
    assert name_targets(sent) == ["SELECT api_keys"]


def test_the_last_use_of_a_key_is_noted_once_a_minute(app: FastAPI, client: TestClient, anna: Headers) -> None:
    def use() -> list[str]:
        with record_statements(app.state.sessions) as sent:
            assert client.get("/v1/activations/relu", headers=anna).status_code == 200
        return name_targets(sent)

    def read_last_use() -> Any:
        with app.state.sessions.read() as session:
            return keys.list_all(session)[0].last_used_at

    assert read_last_use() is None
    assert use() == ["SELECT api_keys", "UPDATE api_keys"]
    first = read_last_use()
    assert first is not None
    assert [use() for _ in range(3)] == [["SELECT api_keys"]] * 3
    with app.state.sessions.begin() as session:
        session.execute(text("UPDATE api_keys SET last_used_at = '2020-01-01 00:00:00.000000'"))
    assert use() == ["SELECT api_keys", "UPDATE api_keys"]
    assert read_last_use() >= first


def test_metrics_need_a_key_unless_a_setting_opens_them(app: FastAPI, client: TestClient, reader: Headers) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=reader).status_code == 200
    change_settings(app, public_metrics=True)
    assert client.get("/metrics").status_code == 200


def test_a_service_below_a_path_is_as_closed(app: FastAPI, bob: Headers) -> None:
    with TestClient(app, client=("127.0.0.1", 1), headers={"X-Forwarded-Prefix": "/healthz"}) as client:
        assert client.get("/healthz/healthz").status_code == 200
        assert client.get("/healthz/v1/jobs").status_code == 401
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/healthz/v1/jobs", headers=bob).status_code == 200
