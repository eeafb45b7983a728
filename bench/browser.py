"""A chromium or Chrome of this machine, driven by Playwright: for the benches, the README's pictures and the tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
REBOUND = "rebound.example"
"""A name that points at this machine, as one of a hostile site may."""
OPTIONS = (  # beside Playwright's own, among them --no-sandbox, which root needs
    "--disable-domain-reliability",
    "--disable-quic",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this machine
)


def find_browser() -> str | None:
    """The path of an installed browser. Playwright's own would have to be downloaded."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launch_browser() -> Iterator[Browser]:
    """A headless browser until the block ends. Inside it this thread has an event loop, so that asyncio.run fails."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=OPTIONS)
        yield browser
        browser.close()
