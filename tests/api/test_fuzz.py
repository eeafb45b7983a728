"""No request, however odd its text, is a 500: every endpoint, with odd text in every place."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.http.samples import make_sample
from tests.support.fake_worker import FakeWorker
from tests.support.headers import READ_HEADERS

ODD_JSON = [
    r'"\ud800"',
    r'"\ud83d"',
    r'"\udc00\ud800"',
    r'"\u0000"',
    r'"a\u0000b"',
    r'{"\udfff": 1}',
    r'{"\u0000": 1}',
    "1e400",
    "-1e400",
    "1e-400",
    "1e308",
    "-0",
    "NaN",
    "Infinity",
    "-Infinity",
    "9" * 5000,
    "9" * 400,
    "9" * 30,
    "-" + "9" * 30,
    "[" * 300 + "]" * 300,
    "[" * 60 + "]" * 60,
    '{"a":' * 300 + "1" + "}" * 300,
    '{"a": 1, "a": 2}',
    '"' + "x" * 3000 + '"',
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    '""',
    '" 5 "',
    '"+5"',
    '"1_000"',
    '"\u0661"',
    "0",
    "-1",
    "1.5",
    r'"$\\frac$"',
    r'"[/red]"',
    '"\u202e"',
    '"../.."',
    '"\u001b[31m"',
    r'"\u001b[31m"',
]
ODD_TEXT = [
    "%00",
    "%ED%A0%80",
    "%FF",
    "%C3%28",
    "%D9%A1",
    "%EF%BC%91",
    "+5",
    "%2B5",
    "1_000",
    "%205%20",
    "1e3",
    "9" * 40,
    "9" * 5000,
    "-1",
    "nan",
    "1e400",
    "",
    ",",
    "relu,gelu",
    "..%2F..",
    "%0A",
    "%C2%85",
    "%F0%9F%98%80",
    "x" * 200,
    "%7B%7D",
    "%25",
    "'",
    "%22",
    "z" * 36,
    "W1siXQ",
    "0",
    "1",
    "svg",
    "csv",
    "parquet",
    "published",
    "queued",
    "elu",
]
ODD_HEADERS = [
    b"",
    b"\xff",
    b"\xd9\xa1",
    b"*",
    b'"',
    b'W/"',
    b"0",
    b"99999999999999999999",
    b"-1",
    b"1x999999.end",
    b"1.2.3",
    b"bytes=0-",
    b"bytes=\xb2-",
    b"bytes=-" + b"9" * 5000,
    b"text/csv;q=nan",
    b"text/csv;q=\xb2",
    b"image/svg+xml",
    b"application/json;",
    b"/",
    b";",
    b"application/json; charset=utf-16",
    b"Wed, 99 Nov 2026 10:00:00 GMT",
    b"Bearer",
    b"x" * 300,
    b"\tx",
]
HEADERS = [*READ_HEADERS, "Authorization"]
JSON = {"Content-Type": b"application/json"}
UNKNOWN = "no-such-name"
MARK = "put something odd here"
MOST_TELLING = slice(0, 7)
"""Of ODD_JSON, where a database is slow to ask: what no text of PostgreSQL can hold."""


@pytest.fixture
def ids(client: TestClient, worker: FakeWorker) -> dict[str, list[str]]:
    """Of a job and a sweep that have ended, so that their streams end too."""
    sweep = client.post("/v1/sweeps", json={"activations": ["relu"]}).json()["id"]
    job = client.get("/v1/jobs", params={"sweep_id": sweep}).json()["data"][0]["id"]
    lease = worker.claim(job)
    worker.record(lease, 1)
    worker.cancel(lease)
    return {"job_id": [job], "sweep_id": [sweep], "name": ["elu", "relu", "exploding"], "kind": ["svg"], "epoch": ["1"]}


Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def known(app: FastAPI) -> list[Operation]:
    """Method, path and documentation of every operation."""
    document = app.openapi()
    return [
        (method.upper(), path, {**operation, "schemas": document["components"]["schemas"]})
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def check(response: Response) -> None:
    """It is an answer, or a problem of the client's."""
    assert response.status_code < 500 or response.json()["code"] == "no_worker_answered", response.text
    if response.status_code >= 400 and response.content:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
    assert b"\\ud8" not in response.content


def test_odd_json_in_any_place_of_a_body_is_never_a_500(
    client: TestClient, ids: dict[str, list[str]], known: list[Operation], database_url: str
) -> None:
    odd = ODD_JSON if database_url.startswith("sqlite") else ODD_JSON[MOST_TELLING]
    tried = 0
    for method, path, operation in known:
        for text in sorted({*bodies(operation)}):
            for something in odd:
                body = text.replace(f'"{MARK}"', something).encode()
                check(client.request(method, filled(path, ids), content=body, headers=JSON))
                tried += 1
    assert tried > 50 * len(odd)


def filled(path: str, ids: dict[str, list[str]]) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: ids[part[1]][0], path)


def bodies(operation: dict[str, Any]) -> Iterator[str]:
    """The examples of the documentation, with a mark in place of each of their values, keys and elements, in turn."""
    if "requestBody" not in operation:
        return
    shown = operation["requestBody"]["content"]["application/json"]
    examples = [
        *(found["value"] for found in shown["examples"].values()),
        make_sample(shown["schema"], operation["schemas"]),
    ]
    fields = operation["schemas"][shown["schema"]["$ref"].rpartition("/")[2]]["properties"]
    for example in examples:
        for key in fields:
            yield json.dumps({**example, key: MARK})
        yield from (json.dumps(marked) for marked in within(example))
    yield f'"{MARK}"'


def within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield {**value, UNKNOWN: MARK}
        yield from ({**value, key: marked} for key in value for marked in within(value[key]))
        yield from ({**value, key: MARK} for key in value)
    if isinstance(value, list):
        yield [MARK, *value[1:]]
        yield from ([marked, *value[1:]] for marked in within(value[0] if value else None))


def test_odd_text_in_any_parameter_is_never_a_500(
    client: TestClient, ids: dict[str, list[str]], known: list[Operation], database_url: str
) -> None:
    odd = ODD_TEXT if database_url.startswith("sqlite") else ODD_TEXT[MOST_TELLING]
    for method, path, operation in known:
        for parameter in operation.get("parameters", []):
            for text in odd:
                check(client.request(method, asked(path, ids, parameter, text), headers=JSON))


def asked(path: str, ids: dict[str, list[str]], parameter: dict[str, Any], text: str) -> str:
    if parameter["in"] == "path":
        return filled(path.replace(f"{{{parameter['name']}}}", text), ids)
    return f"{filled(path, ids)}?{parameter['name']}={text}&{text}={text}"


def test_odd_headers_and_combinations_are_never_a_500(
    client: TestClient, ids: dict[str, list[str]], known: list[Operation], database_url: str
) -> None:
    @settings(
        max_examples=300 if database_url.startswith("sqlite") else 60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(known))
        url = re.sub(r"\{(\w+)\}", lambda part: data.draw(st.sampled_from([*3 * ids[part[1]], *ODD_TEXT])), path)
        headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(ODD_HEADERS), max_size=3))
        text = data.draw(st.sampled_from(sorted({*bodies(operation)}) or [""]))
        check(
            client.request(
                data.draw(st.sampled_from([method, method, method, "HEAD", "OPTIONS", "PUT"])),
                f"{url}?{query(data, operation)}",
                content=text.replace(f'"{MARK}"', data.draw(st.sampled_from(ODD_JSON))).encode(),
                headers={**JSON, **headers},
            )
        )

    ask()


def query(data: st.DataObject, operation: dict[str, Any]) -> str:
    names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    own = st.sampled_from([*3 * names, "metadata[a]", "metadata[%00]", "alpha", UNKNOWN, *ODD_TEXT])
    pairs = data.draw(st.lists(st.tuples(own, st.sampled_from(ODD_TEXT)), max_size=2))
    return "&".join(f"{name}={text}" for name, text in pairs)
