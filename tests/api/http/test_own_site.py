"""Requests that a page of another site makes a visitor's browser send."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.http.own_site import OwnSite
from api.main import create_app
from runtime.settings import Settings
from tests.support.submitting import post_job

OWN = "http://testserver"
SITE = OwnSite(lambda *_: None, hosts={"lab.example", "2001:db8::7"}, origins=())  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/docs", "/v1/jobs", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_a_name_that_points_here_uninvited_is_no_name_of_the_service(
    client: TestClient, method: str, path: str
) -> None:
    """DNS rebinding: the page's own origin is then this service."""
    own = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    response = client.request(method, path, headers=own)
    assert response.status_code == 421
    if method != "HEAD":
        assert response.json()["code"] == "misdirected_request"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("localhost.:8000", True),
        ("127.0.0.1:8000", True),
        ("127.1.2.3", True),
        ("[::1]:8000", True),
        ("0.0.0.0:8000", True),
        ("192.0.2.1:8000", True),
        ("[::ffff:192.0.2.1]", True),
        ("lab.example", True),
        ("LAB.example.:443", True),
        ("[2001:db8::7]:8000", True),
        ("192.0.2.2:8000", False),
        ("[2001:db8::8]", False),
        ("localhost.evil.example", False),
        ("evil.example:127.0.0.1", False),
        ("lab.example@evil.example", False),
        ("evil.example/localhost", False),
        ("sub.lab.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_the_service_is_known_by_loopback_names_its_address_and_the_settings(host: str, own: bool) -> None:  # noqa: FBT001
    assert SITE.is_own_host(host, {"server": ("::ffff:192.0.2.1", 8000)}) is own
    assert not SITE.is_own_host("192.0.2.1", {})
    assert SITE.is_own_host("[fe80::1]:8000", {"server": ("fe80::1%eth0", 8000)})


def test_an_empty_host_is_refused(client: TestClient) -> None:
    assert client.get("/v1/jobs", headers={"Host": ""}).status_code == 421


@pytest.mark.usefixtures("client")
def test_a_page_cannot_hide_its_name_behind_a_proxy_s_header(app: FastAPI) -> None:
    """A page that rebinds its name may set any header, and its browser may run where the proxy does."""
    local = TestClient(app, client=("127.0.0.1", 50000), base_url="http://evil.example")
    assert local.get("/v1/jobs", headers={"X-Forwarded-Host": "testserver"}).status_code == 421
    assert local.get("/v1/jobs", headers={"Host": "testserver", "X-Forwarded-Host": "evil.example"}).status_code == 421
    assert local.get("/v1/jobs", headers={"Host": "testserver", "X-Forwarded-Host": "localhost"}).status_code == 200


FOREIGN: list[Mapping[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://testserver:3000"},
    {"Origin": "http://["},
    {"Origin": "http://testserver@evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Referer": "https://evil.example/testserver"},
]
OURS: list[Mapping[str, str]] = [
    {},
    {"Origin": OWN},
    {"Origin": "http://testserver:80"},
    {"Sec-Fetch-Site": "same-origin", "Origin": OWN},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://public.example"},
    {"Sec-Fetch-Site": "none"},
    {"Referer": f"{OWN}/jobs"},
]
WRITES = [("POST", "cancel"), ("POST", "retry"), ("PATCH", ""), ("DELETE", "")]


@pytest.mark.parametrize("told", FOREIGN)
@pytest.mark.parametrize(("method", "verb"), WRITES)
def test_a_page_of_another_site_changes_nothing(
    client: TestClient, told: Mapping[str, str], method: str, verb: str
) -> None:
    job = post_job(client)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.request(method, f"/v1/jobs/{job['id']}/{verb}".rstrip("/"), headers={**form, **told})
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert client.get(f"/v1/jobs/{job['id']}").json() == job


@pytest.mark.parametrize("told", OURS)
def test_the_page_and_what_is_no_browser_may_cancel(client: TestClient, told: Mapping[str, str]) -> None:
    job = post_job(client)
    assert client.post(f"/v1/jobs/{job['id']}/cancel", headers=told).status_code == 202


@pytest.mark.parametrize("told", FOREIGN)
def test_a_link_from_another_site_is_followed(client: TestClient, told: Mapping[str, str]) -> None:
    assert client.get("/v1/jobs", headers=told).status_code == 200


def test_no_other_site_reads_an_answer(client: TestClient) -> None:
    asked = {"Origin": "https://notebook.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answered = client.request(method, "/v1/jobs", headers=asked).headers
        assert not [name for name in answered if name.startswith("access-control-")]


class TestWithAnOriginOfTheSettings:
    ORIGIN = "https://notebook.example"

    @pytest.fixture
    def notebook(self, database_url: str, tmp_path: Path) -> Iterator[TestClient]:
        settings = Settings(
            database_url=database_url,
            data_dir=tmp_path,
            auth="keys",
            cors_origins=f"https://other.example, {self.ORIGIN}",
            allowed_hosts="testserver",
        )
        with TestClient(
            create_app(settings), headers={"Origin": self.ORIGIN, "Sec-Fetch-Site": "cross-site"}
        ) as opened:
            yield opened

    def test_its_pages_may_ask_before_they_have_a_key(self, notebook: TestClient) -> None:
        asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}
        answered = notebook.options("/v1/jobs/x", headers=asked)
        assert answered.status_code == 200
        assert answered.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert "PATCH" in answered.headers["Access-Control-Allow-Methods"]
        assert "if-match" in answered.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answered.headers

    def test_its_pages_read_errors_too(self, notebook: TestClient) -> None:
        refused = notebook.post("/v1/jobs/x/cancel")
        assert refused.status_code == 401
        assert refused.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert "ETag" in refused.headers["Access-Control-Expose-Headers"]

    def test_other_pages_are_refused_as_before(self, notebook: TestClient) -> None:
        for origin in ("https://evil.example", "http://notebook.example", "null"):
            refused = notebook.post("/v1/jobs/x/cancel", headers={"Origin": origin})
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
            assert "Access-Control-Allow-Origin" not in refused.headers
