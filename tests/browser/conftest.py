"""A browser and a stack for all tests of the page, a tab with an empty cache for each."""

import os
import re
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from bench.browser import find_browser, launch_browser
from tests.browser.canned import Canned, canned
from tests.browser.tab import ARTEFACTS, SECONDS, WIDE, OpenTab, Tab
from tests.browser.views import routes
from tests.support.service import Service, service_on

QUIET = {"worker_threads": "1"}  # the browser has the other core
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if find_browser() is None:
        missing = "no chromium on the PATH: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    shutil.rmtree(ARTEFACTS, ignore_errors=True)
    expect.set_options(timeout=SECONDS * 1000)
    with launch_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:  # noqa: ARG001
    """One for the tests that leave it as they found it; not started in vain where there is no browser."""
    with service_on(tmp_path_factory.mktemp("stack"), **QUIET) as running:
        yield running


@pytest.fixture(scope="package")
def trained(stack: Service) -> str:
    """The id of a job that has succeeded."""
    job_id = stack.submit(activation="relu", epochs=3, train_samples=2000)
    assert stack.ended(job_id)["state"] == "succeeded"
    return job_id


@pytest.fixture(scope="package")
def swept(stack: Service) -> str:
    """The id of a sweep whose jobs have succeeded."""
    base = {"epochs": 2, "train_samples": 256, "validation": {"kind": "holdout", "fraction": 0.001}}
    body = {"base": base, "activations": ["relu", "gelu", "sigmoid"]}
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()
    for job in stack.http.get("/v1/jobs", params={"sweep_id": sweep["id"]}).json()["data"]:
        assert stack.ended(job["id"])["state"] == "succeeded"
    return str(sweep["id"])


@pytest.fixture(scope="package")
def links(stack: Service, trained: str, swept: str) -> Mapping[str, str]:
    """The deep link of each view, with something to see behind it."""
    jobs = stack.http.get("/v1/jobs", params={"sweep_id": swept}).json()["data"]
    return routes(job_id=trained, sweep_id=swept, job_ids=[job["id"] for job in jobs])


@pytest.fixture(scope="package")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canned]:  # noqa: ARG001  # as above
    """A service with histories that nobody trained."""
    with canned(tmp_path_factory.mktemp("canned")) as running:
        yield running


@pytest.fixture
def open_tab(browser: Browser, stack: Service, request: pytest.FixtureRequest) -> Iterator[OpenTab]:
    """Opens tabs on the module's stack. None may ask another host, or complain of what the test does not expect."""
    with opening(browser, stack.http, request) as open_tab:
        yield open_tab


@pytest.fixture
def open_canned(browser: Browser, lab: Canned, request: pytest.FixtureRequest) -> Iterator[OpenTab]:
    """The same, on histories that nobody trained."""
    with opening(browser, lab.http, request) as open_tab:
        yield open_tab


@contextmanager
def opening(browser: Browser, http: httpx.Client, request: pytest.FixtureRequest) -> Iterator[OpenTab]:
    tabs: list[Tab] = []

    def open_tab(**options: Any) -> Tab:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        context.set_default_timeout(SECONDS * 1000)
        tabs.append(Tab(context.new_page(), str(http.base_url).rstrip("/")))
        return tabs[-1]

    yield open_tab
    for number, tab in enumerate(tabs):
        if request.node.stash.get(FAILED, False) or tab.foreign or tab.unexpected():
            keep(tab, f"failed/{request.node.name}-{number}")
        tab.page.context.close()
    assert not [url for tab in tabs for url in tab.foreign], "the page asked another host"
    assert not [text for tab in tabs for text in tab.unexpected()], "the browser complained"
    if not request.node.stash.get(FAILED, False):
        assert not [pattern for tab in tabs for pattern in tab.missed()], "the browser was expected to complain"


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    return open_tab()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


def keep(tab: Tab, name: str) -> None:
    """Keep a screenshot and the tab's log of a failed test."""
    path = ARTEFACTS / re.sub(r"[^\w/.-]+", "-", name)
    tab.screenshot(path.with_suffix(".png"))
    path.with_suffix(".log").write_text("\n".join([tab.page.url, *tab.log]))
