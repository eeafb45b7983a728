import gzip
import re
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import page
from api.main import create_app
from runtime.settings import Settings

VENDORED = "/static/vendor/plotly.min.js"
MOST_BYTES = 145_000
IMPORTS = re.compile(r'(?:from|import)\s*\(?\s*"(\.[^"]+)"')


def policy(client: TestClient, path: str) -> dict[str, list[str]]:
    directives = client.get(path).headers["Content-Security-Policy"].split(";")
    return {name: sources for name, *sources in (directive.split() for directive in directives)}


def test_the_page_and_what_it_loads_are_served(client: TestClient) -> None:
    found = client.get("/")
    assert found.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="(static/[^"]+)"', found.text)
    assert len(loaded) > 3
    for path in loaded:
        assert client.get(f"/{path}").status_code == 200, path


def test_the_worker_of_all_tabs_is_served_and_runs_under_the_same_policy(client: TestClient) -> None:
    found = client.get("/static/stream_worker.js")
    assert found.headers["content-type"].startswith("text/javascript")
    assert policy(client, "/static/stream_worker.js")["connect-src"] == ["'self'"]


def test_every_module_that_a_module_imports_is_there() -> None:
    for module in page.STATIC.rglob("*.js"):
        for name in IMPORTS.findall(module.read_text()):
            assert (module.parent / name).is_file(), f"{module.name} imports {name}"


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/v1/jobs", "/nothing", VENDORED])
def test_a_browser_runs_and_asks_nothing_but_this_service(client: TestClient, path: str) -> None:
    found = policy(client, path)
    assert found["default-src"] == ["'none'"]
    assert found["script-src"] == found["style-src"] == found["connect-src"] == ["'self'"]
    assert found["worker-src"] == ["'self'"]
    assert found["frame-ancestors"] == found["base-uri"] == ["'none'"]


def test_the_page_has_no_script_and_no_style_of_its_own(client: TestClient) -> None:
    text = client.get("/").text
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_may_run_the_script_in_its_page_and_still_asks_no_other_host(
    client: TestClient, path: str
) -> None:
    found = policy(client, path)
    assert found["script-src"] == ["'self'", "'unsafe-inline'"]
    assert found["default-src"] == ["'none'"]
    assert found["connect-src"] == ["'self'"]


def test_redoc_names_no_logo_on_another_host(client: TestClient) -> None:
    script = client.get("/static-offline-docs/redoc.standalone.js")
    assert script.status_code == 200
    assert len(script.content) > 100_000
    assert page.REDOC_LOGO not in script.content


@pytest.mark.parametrize("path", ["/", "/v1/jobs", "/docs", "/nothing"])
def test_a_browser_neither_guesses_types_nor_tells_other_hosts_the_address(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/static/main.js"])
def test_the_page_is_asked_for_anew_and_sent_only_when_it_changed(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["ETag"]
    if path != "/":
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_plotly_comes_out_of_its_wheel_compressed_and_stays_with_the_browser(client: TestClient) -> None:
    original = page.find_plotly().read_bytes()
    with client.stream("GET", VENDORED, headers={"Accept-Encoding": "gzip"}) as response:
        sent = b"".join(response.iter_raw())
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["Vary"] == "Accept-Encoding"
    assert int(re.findall(r"max-age=(\d+)", response.headers["Cache-Control"])[0]) >= 7 * 24 * 3600
    assert gzip.decompress(sent) == original
    assert client.get(VENDORED, headers={"Accept-Encoding": "identity"}).content == original
    again = client.get(VENDORED, headers={"Accept-Encoding": "gzip", "If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_plotly_the_service_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = ModuleSpec("plotly", None, is_package=True)
    empty.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(page, "find_spec", lambda _: empty)
    with pytest.raises(page.PlotlyMissing, match="pip install plotly"):
        create_app(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("view", sorted(file.name for file in (page.STATIC / "views").iterdir()))
def test_what_a_view_loads_before_plotly_is_small(view: str) -> None:
    modules = closure([page.STATIC / "main.js", page.STATIC / "views" / view])
    beside = [file for file in page.STATIC.iterdir() if file.suffix in {".html", ".css", ".svg"}]
    assert sum(file.stat().st_size for file in [*modules, *beside]) < MOST_BYTES


def closure(modules: list[Path]) -> set[Path]:
    """These modules and all that they import as they are loaded, which the views themselves are not."""
    found: set[Path] = set()
    while modules:
        module = modules.pop().resolve()
        if module not in found:
            found.add(module)
            modules += [module.parent / name for name in re.findall(r'from ?"(\.[^"]+)"', module.read_text())]
    return found
