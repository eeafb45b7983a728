"""Requests that no schema describes: one odd value in a request that is valid otherwise."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.streams import positions
from tests.fuzz.hooks import FORMULAS, ODD_FORMULAS
from tests.fuzz.target import Target
from tests.support.headers import READ_HEADERS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MARK = "put something odd here"
UNKNOWN = "no-such-name"
SETTINGS = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    print_blob=False,
    suppress_health_check=[*HealthCheck],
)

SURROGATES = st.text(st.characters(categories=["Cs"]) | st.characters(), min_size=1, max_size=20)
CONTROLS = st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=10)
BRACKETS = st.sampled_from([("[", "]"), ('{"a":', "}"), ("[[],", "]"), ('[{"a":', "}]")])
DEPTHS = st.one_of(st.integers(1, 200), st.integers(1, 20_000))
NUMBERS = st.one_of(
    st.integers(-400, 400).map("1e{}".format),
    st.integers(1, 6000).map(lambda digits: "9" * digits),
    st.integers(1, 400).map(lambda digits: "-0." + "3" * digits),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "-0", "1e-400", str(2**53 + 1), str(2**63), str(-(2**63) - 1)]),
)
ODD_JSON = st.one_of(
    SURROGATES.map(json.dumps),
    CONTROLS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.builds(lambda pair, depth: pair[0] * depth + "1" + pair[1] * depth, BRACKETS, DEPTHS),
    NUMBERS,
    (FORMULAS | ODD_FORMULAS).map(json.dumps),
    SURROGATES.map(lambda key: f"{{{json.dumps(key)}: 1}}"),
    SURROGATES.map(lambda key: f"{{{json.dumps(key)}: 1, {json.dumps(key)}: 2}}"),
    st.sampled_from(["null", "true", "[]", "{}", '""', "[null]", '" 5 "', '"1_000"', '"\u0661"', r'"$\\frac$"']),
)
ODD_TEXT = st.one_of(
    CONTROLS,
    st.text(max_size=30),
    NUMBERS,
    st.sampled_from(
        ["+5", "1_000", " 5 ", "\u0661", "..", "../..", ",", "nan", "relu,gelu", "[/red]", "%", "x" * 9000]
    ),
)
ODD_PARTS = ODD_TEXT.filter(lambda text: not {*"/?#"} & {*text} and text.strip(".") != "")
"""Of a path, without what a client makes another path of."""
ODD_BYTES = st.binary(min_size=1, max_size=6).map(lambda content: "".join(f"%{byte:02X}" for byte in content))
"""In a query, also what is no UTF-8."""
IN_HEADERS = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
HEADERS = [
    *READ_HEADERS,
    "X-Forwarded-Host",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Authorization",
    "Origin",
    "Referer",
    "Sec-Fetch-Site",
    "Host",
    "traceparent",
]
ODD_HEADERS = st.one_of(
    st.text(IN_HEADERS, max_size=40).map(str.strip),
    NUMBERS,
    st.sampled_from(["http://[", "http://[::1]:x", "[::]:99999", "//", "null", "::1%eth0", "127.0.0.1:0"]),
    st.sampled_from(["*", "*/*;q=nan", "image/svg+xml", "bytes=-0", "bytes=5-2", 'W/"', "application/json; charset=x"]),
)

Case = schemathesis.Case[Any]
Twist = tuple[dict[str, str], dict[str, str], str, bytes | None]
"""Additions to a request: query, headers, a raw part of the query, and a body in place of its own."""


def try_odd_requests(target: Target, *, examples: int, derandomize: bool = False) -> Counter[str]:
    """Ask this many of each operation, and count them; the first failure is shrunk and raised."""
    asked: Counter[str] = Counter()
    schema = schemathesis.openapi.from_url(f"{target.url}/openapi.json", headers=dict(target.headers))
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(SETTINGS, max_examples=examples, derandomize=derandomize)
        @given(case=operation.as_strategy(), data=st.data())
        def ask(case: Case, data: st.DataObject) -> None:
            asked[case.operation.label] += 1
            case.path_parameters = {
                name: data.draw(st.sampled_from(target.known[name]) if data.draw(st.integers(0, 9)) else ODD_PARTS)
                for name in case.path_parameters
            }
            query, odd_headers, raw, body = data.draw(st.one_of(*list_twists(case)))
            case.query = {**case.query, **query}
            options = {"data": body} if body is not None else {}
            response = case.call(headers={**target.headers, **odd_headers}, params=raw or None, **options)
            case.validate_response(response, checks=CHECKS)

        ask()
    return asked


def list_twists(case: Case) -> Iterator[st.SearchStrategy[Twist]]:
    declared = {parameter.name for parameter in case.operation.query}
    names = st.sampled_from([*declared, "metadata[a]", UNKNOWN]) | ODD_TEXT.map("metadata[{}]".format)
    yield st.builds(lambda name, text: ({name: text}, {}, "", None), names, ODD_TEXT)
    yield st.builds(lambda name, text: ({}, {}, f"{name}={text}", None), names, ODD_BYTES)
    yield st.builds(lambda name, text: ({}, {name: text}, "", None), st.sampled_from(HEADERS), ODD_HEADERS)
    if "cursor" in declared:
        yield CURSORS.map(lambda query: (query, {}, "", None))
    if "after" in declared:
        yield POSITIONS.map(lambda text: ({"after": text}, {}, "", None))
        yield POSITIONS.map(lambda text: ({}, {"Last-Event-ID": text}, "", None))
    if case.body is not NOT_SET:
        places = st.sampled_from([json.dumps(marked) for marked in mark_places(case.body)])
        yield st.builds(lambda text, odd: ({}, {}, "", fill(text, odd)), places, ODD_JSON)


def mark_places(value: Any) -> Iterator[Any]:
    """Put the mark in place of each of its values and elements, of an unknown key, and of the whole."""
    yield MARK
    if isinstance(value, dict):
        yield {**value, UNKNOWN: MARK}
        yield from ({**value, key: marked} for key in value for marked in mark_places(value[key]))
    if isinstance(value, list):
        yield from ([marked, *value[1:]] for marked in mark_places(value[0] if value else None))


def fill(text: str, odd: str) -> bytes:
    return text.replace(f'"{MARK}"', odd).encode(errors="surrogatepass")


# --- what only the service itself writes ---


def encode_cursor(fields: Any, spell: Callable[..., str] = json.dumps) -> str:
    return base64.urlsafe_b64encode(spell(fields).encode()).decode().rstrip("=")


SORTS = [
    order + key
    for key in ("created_at", "started_at", "finished_at", "best_val_loss", "best_val_accuracy", "epoch_seconds")
    for order in ("", "-")
]
KEYS = st.one_of(
    st.datetimes().map(lambda moment: f"{moment.isoformat()}+00:00"),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}-23:59"),
    st.floats(),
    st.integers(),
    st.none(),
    st.booleans(),
    SURROGATES,
    st.lists(st.none()),
)
IDS = st.uuids().map(str) | SURROGATES | st.sampled_from(["", "\0", "0" * 36])
FIELDS = st.tuples(st.sampled_from(SORTS), KEYS, IDS).map(list)
LONGEST = 60_000
"""Of a cursor: at an address of 64 KiB the server closes the connection, and a client may miss the answer."""
CURSORS = st.one_of(
    FIELDS.map(lambda fields: {"sort": fields[0], "cursor": encode_cursor(fields)}),
    FIELDS.map(lambda fields: {"cursor": encode_cursor(fields)}),
    ODD_JSON.map(lambda text: {"cursor": encode_cursor(text, str)}).filter(lambda made: len(made["cursor"]) < LONGEST),
    st.text("ABCDWabcd0129-_=+/", max_size=40).map(lambda text: {"cursor": text}),
)
"""Cursors whose content is odd, decoded by a service that believes that it wrote them itself."""
POSITIONS = st.lists(
    st.from_regex(positions.ID, fullmatch=True)
    | st.sampled_from(["gone", "", "1x999", "999999999x999", "0x0", "1.end.end"]),
    min_size=1,
    max_size=4,
).map(",".join)
