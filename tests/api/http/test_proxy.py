"""Below a path of a proxy: every address that the service gives out stays there."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from api.http.proxy import read_prefix
from api.main import create_app
from cli.client import Client
from runtime.settings import Settings
from tests.support.proxy import proxy
from tests.support.serving import serve


class NoBroker:
    def send(self, job_ids: Iterable[str]) -> list[str]:
        return [*job_ids]

    def length(self) -> int:
        return 0

    def close(self) -> None: ...


PROXIES = [
    pytest.param({"strips": True, "tells": True, "root_path": ""}, id="strips and tells"),
    pytest.param({"strips": True, "tells": False, "root_path": "/lab"}, id="strips and is set"),
    pytest.param({"strips": False, "tells": False, "root_path": "/lab"}, id="does not strip and is set"),
    pytest.param({"strips": False, "tells": True, "root_path": ""}, id="does not strip and tells"),
]


@pytest.fixture(scope="module", params=PROXIES)
def url(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Of the service, as the proxy shows it."""
    chosen, folder = request.param, tmp_path_factory.mktemp("proxied")
    database = f"sqlite:///{shutil.copy(sqlite_template, folder / 'activation-lab.db')}"
    app = create_app(Settings(database_url=database, data_dir=folder, root_path=chosen["root_path"]))
    app.state.hints.close()
    app.state.hints = NoBroker()
    with serve(app) as inner, proxy(lambda: inner, "/lab", strips=chosen["strips"], tells=chosen["tells"]) as shown:
        yield shown
    app.state.sessions.close()


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client


def test_whatever_it_points_at_is_there(url: str, http: httpx.Client) -> None:
    job = http.post("/v1/jobs", json={"activation": "relu"})
    sweep = http.post("/v1/sweeps", json={"activations": ["relu"]})
    for made in (job, sweep):
        assert made.headers["Location"] == made.json()["links"]["self"]
        assert http.get(urljoin(url, made.headers["Location"])).json()["id"] == made.json()["id"]
        for name, link in made.json()["links"].items():
            assert http.head(urljoin(url, link)).status_code in {200, 405}, name
    assert http.get("/v1/jobs/none").json()["instance"] == "/lab/v1/jobs/none"


def test_a_slash_too_many_leads_to_where_it_is(url: str, http: httpx.Client) -> None:
    http.post("/v1/jobs", json={"activation": "relu"})
    moved = http.get("/v1/jobs/?limit=1")
    assert (moved.status_code, moved.headers["Location"]) == (307, "/lab/v1/jobs?limit=1")
    assert http.get(urljoin(url, moved.headers["Location"])).json()["data"] != []


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_asks_for_what_is_there(url: str, http: httpx.Client, path: str) -> None:
    text = http.get(path).text
    found = re.findall(r"""(?:src|href|spec-url)=["']([^"']+)|url: ["']([^"']+)""", text)
    asked = [first or second for first, second in found if (first or second) != "data:,"]
    assert "/lab/openapi.json" in asked
    for address in asked:
        assert http.get(urljoin(url + path, address)).status_code == 200, address


def test_openapi_names_the_server_that_answers(url: str, http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert [server["url"] for server in document["servers"]] == ["/lab"]
    assert http.get(urljoin(url, "/lab" + "/v1/activations")).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_loads_what_is_there(url: str, http: httpx.Client, slash: str) -> None:
    page = http.get(url + slash, follow_redirects=True)
    base = re.findall(r'<base href="([^"]+)"', page.text)
    assert base == ["/lab/"]
    assert "base-uri 'self'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="((?:static/|docs|redoc|openapi)[^"]*)"', page.text):
        assert http.get(urljoin(urljoin(url, base[0]), address)).status_code == 200, address
    again = http.get(str(page.url), headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


def test_a_stream_comes_through(url: str, http: httpx.Client) -> None:
    job = http.post("/v1/jobs", json={"activation": "relu"}).json()
    http.post(urljoin(url, job["links"]["cancel"]))
    text = http.get(urljoin(url, job["links"]["stream"])).text
    assert [line for line in text.splitlines() if line.startswith("event:")][-1] == "event: end"


def test_the_command_line_s_client_reaches_it(url: str) -> None:
    client = Client(f"{url}/")
    job = client.submit({"activation": "relu"})
    assert client.get(job["id"])["id"] == job["id"]
    assert [found["id"] for found in client.list_jobs(limit=1)] == [job["id"]]
    client.cancel(job["id"])
    assert [event.kind for event in client.read_events(job["id"])][-1] == "end"
    client.close()


def service(tmp_path: Path, **chosen: str) -> TestClient:
    hosts = "inner, evil.example"
    database = f"sqlite:///{tmp_path / 'none.db'}"
    app = create_app(Settings(database_url=database, data_dir=tmp_path, allowed_hosts=hosts, **chosen))
    return TestClient(app, client=("192.0.2.1", 50000), base_url="http://inner:8000")


def test_only_a_trusted_proxy_is_believed(tmp_path: Path) -> None:
    told = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example"}
    assert service(tmp_path).get("/openapi.json", headers=told).json()["servers"][0]["url"] == "/"
    for trusted in ("192.0.2.1", "10.0.0.1, 192.0.2.0/24", "*"):
        document = service(tmp_path, forwarded_allow_ips=trusted).get("/openapi.json", headers=told).json()
        assert document["servers"][0]["url"] == "/evil"


@pytest.mark.parametrize(
    ("said", "prefix"),
    [
        ("/lab/", "/lab"),
        ("lab", "/lab"),
        ("/outer, /inner", "/outer/inner"),
        ("/", ""),
        ("", ""),
        ("//evil.example", "/evil.example"),
        ('/"><script>', None),
        ("/..", None),
        ("/../v1", None),
        ("/a/./b", None),
        ("/a b", None),
        ("/%2e%2e", None),
        ("/\u0661", None),
    ],
)
def test_a_prefix_is_a_plain_path_or_none(said: str, prefix: str | None) -> None:
    headers = Headers(raw=[(b"x-forwarded-prefix", said.encode())])
    assert read_prefix(headers) == prefix


def test_no_redirect_leads_to_another_host(tmp_path: Path) -> None:
    client = service(tmp_path, forwarded_allow_ips="*")
    for path in ("/v1/jobs/", "//evil.example/", "/v1//jobs/", "//evil.example/v1/jobs/"):
        response = client.get(f"http://inner:8000{path}", follow_redirects=False)
        location = response.headers.get("Location", "/")
        assert not location.startswith("//"), path
        assert urlsplit(location).netloc in {"", "inner:8000"}


def test_the_log_and_the_metrics_know_routes_without_the_prefix(tmp_path: Path) -> None:
    client = service(tmp_path, root_path="/lab")
    for path in ("/lab/v1/activations/gelu", "/v1/activations/gelu", "/lab/static/main.js", "/lab/nothing"):
        client.get(path)
    counted = client.get("/lab/metrics").text
    assert 'route="/v1/activations/{name}",status="200"} 2.0' in counted
    assert 'route="/static",status="200"} 1.0' in counted
    assert 'route="unmatched",status="404"} 1.0' in counted
    assert "/lab" not in counted
