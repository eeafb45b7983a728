"""RFC 9110, sections 13 and 14, on everything that has an ETag."""

from email.utils import formatdate

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from api.http import conditional

DATE = "Wed, 25 Nov 2026 10:00:00 GMT"
EARLIER, LATER = "Wed, 25 Nov 2026 09:59:59 GMT", "Thursday, 26-Nov-26 10:00:00 GMT"
OURS = {"ETag": '"x"', "Last-Modified": DATE, "Vary": "Accept", "Content-Type": "text/plain"}


def status(**asked: str) -> int:
    headers = Headers({name.replace("_", "-"): text for name, text in asked.items()})
    try:
        return 200 if conditional.answer_unmodified(headers, OURS) is None else 304
    except HTTPException as error:
        return error.status_code


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('"x"', 304),
        ('W/"x"', 304),
        ('"a", "x"', 304),
        ('"a",W/"x"', 304),
        ("*", 304),
        (" * ", 304),
        ('"xx"', 200),
        ('"a"', 200),
        ("x", 200),
        ('"a, "x', 200),
        ("", 200),
    ],
)
def test_if_none_match_compares_weakly(condition: str, expected: int) -> None:
    assert status(if_none_match=condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [('"x"', 200), ('"a", "x"', 200), ("*", 200), ('W/"x"', 412), ('"a"', 412), ("x", 412), ("", 412)],
)
def test_if_match_compares_strongly(condition: str, expected: int) -> None:
    assert status(if_match=condition) == expected


@pytest.mark.parametrize(
    ("date", "since", "until"),
    [
        (DATE, 304, 200),
        (LATER, 304, 200),
        (EARLIER, 200, 412),
        ("Wed Nov 25 10:00:00 2026", 304, 200),
        ("2026-11-25T10:00:00Z", 200, 200),
        ("never", 200, 200),
        (f"{DATE}, {DATE}", 200, 200),
    ],
)
def test_dates_count_where_they_are_dates(date: str, since: int, until: int) -> None:
    assert status(if_modified_since=date) == since
    assert status(if_unmodified_since=date) == until


def test_tags_go_before_dates_and_what_must_match_before_what_must_not() -> None:
    assert status(if_none_match='"a"', if_modified_since=LATER) == 200
    assert status(if_none_match='"x"', if_modified_since=EARLIER) == 304
    assert status(if_match='"x"', if_unmodified_since=EARLIER) == 200
    assert status(if_match='"a"', if_none_match='"x"') == 412
    assert status(if_match='"x"', if_none_match='"x"') == 304


def test_304_tells_what_a_cache_keeps_and_nothing_of_the_content() -> None:
    response = conditional.answer_unmodified(Headers({"if-none-match": "*"}), OURS)
    assert response is not None
    assert {*response.headers} == {"etag", "vary"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("BYTES=0-", (0, 100)),
        ("bytes= 5-7 ,", (5, 8)),
        ("bytes=-1", (99, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=90-" + "9" * 5000, (90, 100)),
        ("bytes=0-1,5-6", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=0_1-2", None),
        ("bytes=1.0-2", None),
        ("bytes 0-1", None),
        ("items=0-1", None),
        ("", None),
    ],
)
def test_a_range_of_bytes_is_taken_and_anything_else_ignored(wanted: str, expected: tuple[int, int] | None) -> None:
    assert conditional.find_byte_range(Headers({"range": wanted}), etag='"x"', size=100) == expected


def test_digits_of_another_script_are_no_range() -> None:
    assert conditional.ONE_RANGE.fullmatch("\u0660-\u0669") is None


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=" + "9" * 30 + "-", "bytes=-0"])
def test_a_range_of_no_bytes_is_416_with_the_size(wanted: str) -> None:
    with pytest.raises(HTTPException) as refusal:
        conditional.find_byte_range(Headers({"range": wanted}), etag='"x"', size=100)
    assert (refusal.value.status_code, refusal.value.headers) == (416, {"Content-Range": "bytes */100"})


@pytest.mark.parametrize(
    ("if_range", "part"),
    [('"x"', True), (DATE, True), ('"stale"', False), ('W/"x"', False), (EARLIER, False), (LATER, False), ("", False)],
)
def test_a_range_of_another_state_gets_the_whole(if_range: str, part: bool) -> None:  # noqa: FBT001
    headers = Headers({"range": "bytes=0-1", "if-range": if_range})
    assert (conditional.find_byte_range(headers, etag='"x"', modified=DATE, size=100) == (0, 2)) == part


FILES = ["/static/main.js", "/static-offline-docs/swagger-ui.css", "/"]


@pytest.mark.parametrize("path", FILES)
def test_files_hold_conditions_and_ranges(static: TestClient, path: str) -> None:
    whole = static.get(path)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]

    def answered(**headers: str) -> int:
        return static.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()}).status_code

    assert answered(If_None_Match=f'"a", W/{etag}') == 304
    assert answered(If_Modified_Since=modified) == 304
    assert answered(If_Modified_Since=formatdate(0, usegmt=True)) == 200
    assert answered(If_Match='"stale"') == 412
    assert answered(If_Unmodified_Since=formatdate(0, usegmt=True)) == 412
    assert answered(Range="bytes=0-9") == 206
    assert answered(Range="bytes=0-9", If_Range='"stale"') == 200
    assert answered(Range="bytes=0-9", If_Range=etag) == 206
    assert answered(Range="items=0-9") == answered(Range="bytes=x") == 200
    assert static.head(path, headers={"Range": "bytes=0-9"}).headers["Content-Length"] == str(len(whole.content))
    refused = static.get(path, headers={"Range": "bytes=99999999-"})
    assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
    assert refused.headers["Content-Range"] == f"bytes */{len(whole.content)}"


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("*;q=0", False),
        ("x-gzipped", False),
    ],
)
def test_plotly_is_compressed_for_whom_it_may_be(static: TestClient, accepted: str, zipped: bool) -> None:  # noqa: FBT001
    response = static.head("/static/vendor/plotly.min.js", headers={"Accept-Encoding": accepted})
    assert ("Content-Encoding" in response.headers) == zipped


def test_a_job_is_sent_again_only_when_it_changed(client: TestClient) -> None:
    path = client.post("/v1/jobs", json={"activation": "relu"}).headers["Location"]
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": f'"a", W/{etag}'}).status_code == 304
    assert client.get(path, headers={"If-None-Match": etag[1:-1]}).status_code == 200
    refused = client.get(path, headers={"If-Match": '"a"'})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")


def test_a_job_that_changed_meanwhile_is_not_deleted(client: TestClient) -> None:
    path = client.post("/v1/jobs", json={"activation": "relu"}).headers["Location"]
    queued = client.get(path).headers["ETag"]
    assert client.delete(path, headers={"If-Match": "*"}).status_code == 409
    client.post(f"{path}/cancel")
    refused = client.delete(path, headers={"If-Match": queued})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert client.delete(path, headers={"If-Match": client.get(path).headers["ETag"]}).status_code == 204
    assert client.delete(path, headers={"If-Match": queued}).status_code == 404
