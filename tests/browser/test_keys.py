"""A service that answers only with an API key."""

import subprocess
import sys
from collections.abc import Callable, Iterator
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


Keys = Callable[..., str]


@pytest.fixture(scope="module")
def manage_keys(stack: Service, folder: Path) -> Keys:
    """Run `keys` with these words: the key, where it prints one."""

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "stack", "keys", *words]
        environment = stack.part("stack api").environ() | {"ACTIVATION_LAB_DATA_DIR": str(folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.rpartition(" ")[2].strip()

    return run


@pytest.fixture(scope="module")
def key(stack: Service, manage_keys: Keys) -> str:
    made = manage_keys("create", "visitor")
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


def test_a_page_whose_key_is_revoked_says_so_and_goes_on_with_another(
    tab: Tab, stack: Service, key: str, manage_keys: Keys
) -> None:
    tab.expect_complaint("401")
    job_id = stack.submit(epochs=1000)
    first = manage_keys("create", "guest", "--owner", "visitor", "--scope", "read")
    tab.open(f"#/jobs/{job_id}")
    field = tab.page.get_by_label("API key")
    field.fill(first)
    field.press("Enter")
    tab.expect_live("live")
    tab.until(lambda: tab.points("val_loss") >= 1)
    manage_keys("revoke", "guest")
    expect(tab.page.get_by_role("alert").filter(has_text="it was revoked or has expired")).to_be_visible()
    expect(field).to_be_focused()
    expect(tab.heading("relu")).to_be_visible()
    seen = tab.points("val_loss")
    field.fill(key)
    field.press("Enter")
    tab.until(lambda: tab.points("val_loss") > seen)
    expect(field).to_have_count(0)
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
