"""The page and the documentation where a proxy shows them below a path of its host."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.tab import SECONDS, WIDE, Tab
from tests.browser.views import HEADINGS
from tests.support.proxy import proxy
from tests.support.service import QUICK, Service


@pytest.fixture
def tab(browser: Browser, stack: Service) -> Iterator[Tab]:
    """On /lab of the proxy, which strips that; it may ask for nothing outside."""
    inner = str(stack.http.base_url).rstrip("/")
    with proxy(lambda: inner, "/lab", strips=True, tells=True) as url:
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        tab = Tab(context.new_page(), url)
        yield tab
        context.close()
    assert not tab.foreign
    assert not tab.unexpected()
    assert [path for path in paths(tab) if not f"{path}/".startswith("/lab/")] == []


def paths(tab: Tab) -> list[str]:
    """Of all that it asked for."""
    found = [line.partition(" ")[2] for line in tab.log if re.match(r"(GET|POST|DELETE|PATCH) http", line)]
    return [urlsplit(url).path for url in found]


def test_every_view_opens_there(tab: Tab, links: Mapping[str, str]) -> None:
    for view, heading in HEADINGS.items():
        tab.open(links[view])
        expect(tab.heading(heading)).to_be_visible()
    assert len(paths(tab)) > 30


def test_it_opens_without_the_slash_at_the_end(tab: Tab) -> None:
    tab.page.goto(tab.url)
    expect(tab.heading("Explore")).to_be_visible()
    tab.link("Jobs").click()
    expect(tab.heading("Jobs")).to_be_visible()


def test_a_job_is_submitted_and_followed_to_its_end(tab: Tab, stack: Service) -> None:
    tab.open("#/train")
    expect(tab.button("Train")).to_be_enabled()
    tab.fill(epochs=2, train_samples=QUICK["train_samples"], **{"validation.fraction": 0.001})
    tab.button("Train").click()
    tab.page.wait_for_url(re.compile(r"/lab/#/jobs/[0-9a-f-]{36}"))
    job_id = tab.page.url.rpartition("/")[2]
    tab.expect_state("succeeded")
    tab.expect_live("ended")  # by a worker, whose requests no tab notes; outside of /lab the proxy has nothing
    assert stack.job(job_id)["state"] == "succeeded"
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="CSV", exact=True).first.click()
    assert urlsplit(download.value.url).path.startswith(f"/lab/v1/jobs/{job_id}/")


def test_the_documentation_tries_requests_there(tab: Tab) -> None:
    tab.page.goto(f"{tab.url}/docs")
    operation = tab.page.locator(".opblock", has_text="/v1/gradients/examples").first
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    assert "/lab/v1/gradients/examples" in paths(tab)
