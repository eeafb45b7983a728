"""Many tabs of one browser, each on a training that runs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.tab import SECONDS, OpenTab, Tab
from tests.support.service import Service
from tests.support.waiting import wait_for

TABS = 8  # a browser opens six connections to a host
GONE_SECONDS = 150  # a tab that is gone without a word is given up after 90


@pytest.fixture
def jobs(stack: Service) -> Iterator[list[str]]:
    """The first trains, the others wait behind it."""
    ids = [stack.submit(epochs=1000, seed=seed) for seed in range(TABS)]
    yield ids
    for job_id in ids:
        stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    for job_id in ids:
        stack.ended(job_id)


def streams_open(stack: Service) -> int:
    lines = stack.http.get("/metrics").text.splitlines()
    return int(float(next(line for line in lines if line.startswith("activation_lab_streams_open ")).split()[1]))


def open_job(context: BrowserContext, tab: Tab, job_id: str) -> Page:
    page = context.new_page()
    page.goto(f"{tab.url}/#/jobs/{job_id}")
    expect(page.locator('[data-live="live"]')).to_be_visible()
    return page


def show(page: Page, *, hidden: bool) -> None:
    """Hide the tab as a browser does; without a screen all tabs are visible."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def epochs(page: Page) -> list[int]:
    found: list[int] = page.evaluate("Array.from(document.querySelector('[data-chart=val_loss]').data?.[0].x ?? [])")
    return found


def test_eight_tabs_are_live_over_one_connection_which_is_closed_while_nobody_looks(
    open_tab: OpenTab, stack: Service, jobs: list[str]
) -> None:
    tab = open_tab()
    pages = [open_job(tab.page.context, tab, job_id) for job_id in jobs]
    tab.until(lambda: streams_open(stack) == 1)
    assert pages[-1].evaluate("fetch('healthz').then(answer => answer.status)") == 200
    tab.until(lambda: len(epochs(pages[0])) >= 2)
    for page in pages:
        show(page, hidden=True)
    wait_for(lambda: streams_open(stack) == 0, seconds=SECONDS)
    seen = epochs(pages[0])
    stack.until(jobs[0], lambda job: job["progress"]["epoch"] > len(seen))
    show(pages[0], hidden=False)
    tab.until(lambda: len(epochs(pages[0])) > len(seen) + 1)
    assert epochs(pages[0]) == [*range(1, len(epochs(pages[0])) + 1)], "no epoch is missing, and none comes twice"
    pages[0].close()
    wait_for(lambda: streams_open(stack) == 0, seconds=GONE_SECONDS)


def test_a_browser_without_shared_workers_is_live_too(open_tab: OpenTab, stack: Service, jobs: list[str]) -> None:
    tab = open_tab()
    tab.page.add_init_script("delete globalThis.SharedWorker")
    tab.open(f"#/jobs/{jobs[0]}")
    tab.expect_live("live")
    tab.until(lambda: tab.points("val_loss") >= 2)
    show(tab.page, hidden=True)
    wait_for(lambda: streams_open(stack) == 0, seconds=SECONDS)


def test_what_a_visitor_has_opened_selected_and_focused_survives_events(tab: Tab, stack: Service) -> None:
    wild = {"name": "sgd", "learning_rate": 1000.0}
    job_id = stack.submit(epochs=1000, optimizer=wild, clip=None, loss="cross_entropy", diagnostics=False)
    tab.open(f"#/jobs/{job_id}")
    diagnosis = tab.page.locator("details.diagnosis").first
    diagnosis.locator("summary").click()
    tab.button("Cancel").focus()
    tab.page.evaluate("getSelection().selectAllChildren(document.querySelector('details.diagnosis p'))")
    message = tab.page.evaluate("getSelection().toString()")
    assert message
    seen = tab.points("val_loss")
    tab.until(lambda: tab.points("val_loss") > seen + 3)
    expect(diagnosis).to_have_attribute("open", "")
    assert tab.page.evaluate("getSelection().toString()") == message
    expect(tab.button("Cancel")).to_be_focused()
    tab.button("Cancel").click()
    tab.expect_live("ended")
