"""Paint times and size of the page: cold loads of / on loopback, each with an empty cache."""

from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from typing import Any

from playwright.sync_api import Browser

from api.page import STATIC
from bench.browser import find_browser, launch_browser
from bench.startup import run_api

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
    """Cumulative layout shift: how far visible content moved, in parts of the window."""
    blocking_ms: float
    """Total blocking time: the sum over long tasks of their time beyond 50 ms."""
    requests: int
    files: int
    """The requests for files of the page itself, without plotly."""
    file_bytes: int
    """Bytes as sent, with headers."""


def main(*, loads: int = LOADS) -> None:
    if find_browser() is None:
        print("page                      not measured: no chromium")
        return
    with run_api() as api, launch_browser() as browser:
        load(browser, api.url)  # reads the files from the disk
        loaded = [load(browser, api.url) for _ in range(loads)]
    report(loaded)


def load(browser: Browser, url: str) -> Load:
    """Load the page in a new context, whose cache is empty."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(OBSERVE)
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(SETTLED_AFTER_MS)
    figures: dict[str, Any] = page.evaluate(READ)
    context.close()
    return Load(**figures)


def report(loads: list[Load]) -> None:
    def take_median(figure: str) -> float:
        return float(median(map(attrgetter(figure), loads)))

    requests, files, kilobytes = take_median("requests"), take_median("files"), take_median("file_bytes") / 1000
    print(f"page, first paint         {take_median('first_paint_ms'):7.0f} ms   (median of {len(loads)}, empty cache)")
    print(f"page, first content       {take_median('first_contentful_paint_ms'):7.0f} ms")
    print(f"page, largest content     {take_median('largest_contentful_paint_ms'):7.0f} ms")
    print(f"page, layout shift        {take_median('layout_shift'):7.3f}")
    print(f"page, blocking time       {take_median('blocking_ms'):7.0f} ms")
    print(f"page, files of a view     {kilobytes:7.1f} kB   ({files:.0f} of {requests:.0f} requests)")
    print(f"page, all its files       {count_static_bytes() / 1000:7.1f} kB   (without plotly)")


def count_static_bytes() -> int:
    """The bytes of its files in the repository; plotly comes from its wheel."""
    return sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
