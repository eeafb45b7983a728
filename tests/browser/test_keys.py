"""A service that answers only with an API key."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import QUIET
from tests.browser.tab import Tab
from tests.support.service import Service, service_on


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def stack(browser: Browser, folder: Path) -> Iterator[Service]:  # noqa: ARG001
    with service_on(folder, auth="keys", **QUIET) as running:
        yield running


@pytest.fixture(scope="module")
def key(stack: Service, folder: Path) -> str:
    command = [sys.executable, "-m", "stack", "keys", "create", "visitor"]
    environment = stack.part("stack api").environ() | {"ACTIVATION_LAB_DATA_DIR": str(folder)}
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()[-1]
    stack.http.headers["Authorization"] = f"Bearer {made}"
    return made


def test_the_page_asks_for_the_key_and_then_works_streams_included(tab: Tab, stack: Service, key: str) -> None:
    tab.expect_complaint("401")
    job_id = stack.submit(epochs=1000)
    tab.open(f"#/jobs/{job_id}")
    field = tab.page.get_by_label("API key")
    field.fill("al_wrong")
    field.press("Enter")
    expect(tab.page.get_by_role("alert").filter(has_text="does not know")).to_be_visible()
    field.fill(key)
    field.press("Enter")
    tab.expect_live("live")
    tab.until(lambda: tab.points("val_loss") >= 2)
    tab.page.reload()
    tab.until(lambda: tab.points("val_loss") >= 2)
    expect(field).to_have_count(0)
    tab.button("Cancel").click()
    tab.expect_live("ended")
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="CSV").first.click()
    assert download.value.path().read_text().startswith("epoch,")
    assert tab.page.evaluate("localStorage.length + document.cookie.length") == 0, "the key is the tab's alone"
