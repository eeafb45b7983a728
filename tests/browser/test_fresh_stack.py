"""A stack of its own: nothing in it yet, and its API killed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import QUIET
from tests.browser.tab import Tab
from tests.support.service import Service, service_on


@pytest.fixture(scope="module")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:  # noqa: ARG001
    with service_on(tmp_path_factory.mktemp("fresh"), **QUIET) as running:
        yield running


@pytest.mark.parametrize("view", ["jobs", "sweeps", "compare", "draw"])
def test_a_view_with_nothing_in_it_says_so_and_leads_to_training(tab: Tab, view: str) -> None:
    tab.open(f"#/{view}")
    expect(tab.heading(view)).to_be_visible()
    main = tab.page.locator("main")
    expect(main.get_by_text(re.compile("^No ")).first).to_be_visible()
    expect(main.locator('a[href^="#/train"], button:has-text("Train")').first).to_be_visible()


def test_how_long_a_training_takes_is_unknown_where_none_was_measured(tab: Tab) -> None:
    tab.open("#/train")
    expect(tab.page.locator("form [role=status]")).to_contain_text(re.compile("^10 epochs: .*unknown yet"))


def test_a_curve_goes_on_growing_after_the_api_was_killed(tab: Tab, stack: Service) -> None:
    tab.expect_complaint("net::ERR_", certain=False)  # a shared worker's are not the tab's
    job_id = stack.submit(epochs=1000)
    tab.open(f"#/jobs/{job_id}")
    tab.until(lambda: tab.points("val_loss") >= 2)
    tab.expect_live("live")
    stack.part("stack api").kill()
    tab.expect_live("reconnecting")
    seen = tab.points("val_loss")
    tab.expect_live("live")
    tab.until(lambda: tab.points("val_loss") > seen)
    epochs = tab.chart("val_loss").evaluate("chart => chart.data.find(line => line.name).x")
    assert list(epochs) == list(range(1, len(epochs) + 1)), "no epoch is missing, and none comes twice"
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    tab.expect_live("ended")
