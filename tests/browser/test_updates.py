"""A view is rendered again while a visitor uses it."""

import pytest
from playwright.sync_api import expect

from tests.browser.canned import Canned
from tests.browser.tab import OpenTab, Tab


@pytest.fixture
def tab(open_canned: OpenTab) -> Tab:
    return open_canned()


def test_a_row_keeps_its_focus_and_selection_when_another_job_is_listed_above_it(tab: Tab, lab: Canned) -> None:
    first = lab.job(activation="softsign")
    tab.open("#/jobs?activation=softsign")
    row = tab.page.locator(f'tr[data-job="{first}"]')
    row.get_by_role("checkbox").check()
    row.get_by_role("button").focus()
    second = lab.job(activation="softsign")
    expect(tab.page.locator("tr[data-job]").first).to_have_attribute("data-job", second)
    expect(row.get_by_role("button")).to_be_focused()
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(tab.page.locator(f'tr[data-job="{second}"]').get_by_role("checkbox")).not_to_be_checked()
    expect(tab.button("Compare 1")).to_be_enabled()
