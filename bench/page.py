"""How soon the page is there, and what it weighs: cold loads of / on loopback, each with an empty cache."""

from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from typing import Any

from playwright.sync_api import Browser

from api.page import STATIC
from bench.browser import found, launched
from bench.startup import running_api

LOADS = 9
SETTLED_AFTER_MS = 1000
OBSERVE = """
globalThis.observed = {shift: 0, largest: 0, blocking: 0};
const watch = (type, note) =>
  new PerformanceObserver(list => list.getEntries().forEach(note)).observe({type, buffered: true});
watch('largest-contentful-paint', entry => observed.largest = entry.startTime);
watch('layout-shift', entry => observed.shift += entry.hadRecentInput ? 0 : entry.value);
watch('longtask', entry => observed.blocking += entry.duration - 50);
"""
READ = """() => {
  const paint = name => performance.getEntriesByName(name)[0].startTime;
  const sent = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const isFile = entry => entry.entryType === 'navigation' || new URL(entry.name).pathname.startsWith('/static/');
  const files = sent.filter(entry => isFile(entry) && !entry.name.includes('plotly'));
  return {
    first_paint_ms: paint('first-paint'),
    first_contentful_paint_ms: paint('first-contentful-paint'),
    largest_contentful_paint_ms: observed.largest,
    layout_shift: observed.shift,
    blocking_ms: observed.blocking,
    requests: sent.length,
    files: files.length,
    file_bytes: files.reduce((sum, entry) => sum + entry.transferSize, 0),
  };
}"""


@dataclass(frozen=True, slots=True)
class Load:
    first_paint_ms: float
    first_contentful_paint_ms: float
    largest_contentful_paint_ms: float
    layout_shift: float
    """Cumulative: how far what was seen already was moved, in parts of the window."""
    blocking_ms: float
    """By which tasks of the page's thread were longer than 50 ms, together."""
    requests: int
    files: int
    """Those of the requests that asked for a part of the page itself, plotly aside."""
    file_bytes: int
    """As sent, with their headers."""


def main(*, loads: int = LOADS) -> None:
    if found() is None:
        print("page                      not measured: no chromium")
        return
    with running_api() as api, launched() as browser:
        load(browser, api.url)  # reads the files from the disk
        loaded = [load(browser, api.url) for _ in range(loads)]
    report(loaded)


def load(browser: Browser, url: str) -> Load:
    """In a context of its own, which has nothing in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(OBSERVE)
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(SETTLED_AFTER_MS)
    figures: dict[str, Any] = page.evaluate(READ)
    context.close()
    return Load(**figures)


def report(loads: list[Load]) -> None:
    def middle(figure: str) -> float:
        return float(median(map(attrgetter(figure), loads)))

    requests, files = middle("requests"), middle("files")
    print(f"page, first paint         {middle('first_paint_ms'):7.0f} ms   (median of {len(loads)}, empty cache)")
    print(f"page, first content       {middle('first_contentful_paint_ms'):7.0f} ms")
    print(f"page, largest content     {middle('largest_contentful_paint_ms'):7.0f} ms")
    print(f"page, layout shift        {middle('layout_shift'):7.3f}")
    print(f"page, blocking time       {middle('blocking_ms'):7.0f} ms")
    print(f"page, files of a view     {middle('file_bytes') / 1000:7.1f} kB   ({files:.0f} of {requests:.0f} requests)")
    print(f"page, all its files       {static_bytes() / 1000:7.1f} kB   (without plotly)")


def static_bytes() -> int:
    """What is in the repository of it; plotly comes out of its wheel."""
    return sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
