"""Debian's chromium, or Chrome, driven by Playwright: for the bench, the pictures of the README and the tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (  # beside Playwright's own, among them --no-sandbox, which root needs
    "--disable-domain-reliability",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this machine
)


def found() -> str | None:
    """The path of a browser that this machine has. Playwright's own would have to be downloaded."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser, gone after the block. Inside it this thread has an event loop: asyncio.run is refused."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=OPTIONS)
        yield browser
        browser.close()
