"""A browser's tab on the page of one stack, and what a test asks of it."""

import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, Route, ViewportSize, expect

SECONDS = 40
"""How long anything on the page may take: the machine may be busy training."""
ARTEFACTS = Path(__file__).parent / "artefacts"
WIDE: ViewportSize = {"width": 1280, "height": 800}
NO_REQUEST = ("data:", "blob:", "about:")


class Tab:
    """Notes every request to another host, and every complaint of the browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.log: list[str] = []
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self._expected: list[str] = []
        self._certain: list[str] = []
        page.context.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", self._broke)

    def _asked(self, request: Request) -> None:
        self.log.append(f"{request.method} {request.url}")
        if not request.url.startswith(NO_REQUEST) and urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.foreign.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        self.log.append(f"{message.type}: {message.text}")
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _broke(self, error: Error) -> None:
        self.log.append(f"uncaught: {error}")
        self.complaints.append(str(error))

    def expect_complaint(self, pattern: str, *, certain: bool = True) -> None:
        """Chromium logs every answer of 4xx and every broken connection as an error; the test provokes this one."""
        self._expected.append(pattern)
        if certain:
            self._certain.append(pattern)

    def unexpected(self) -> list[str]:
        known = [text for text in self.complaints if any(re.search(pattern, text) for pattern in self._expected)]
        return [text for text in self.complaints if text not in known]

    def missed(self) -> list[str]:
        """The complaints that were expected and did not come."""
        return [pattern for pattern in self._certain if not any(re.search(pattern, text) for text in self.complaints)]

    def hold(self, pattern: str) -> list[Route]:
        """Requests that match from now on, as they come: they wait until the test answers them."""
        held: list[Route] = []
        self.page.route(pattern, lambda route: held.append(route))  # noqa: PLW0108  # Playwright marks what it is given
        return held

    def answer(self, pattern: str, handler: Callable[[Route], None]) -> Callable[[], None]:
        """Answer requests that match with the handler, until the returned function is called.

        Interception stays on afterwards: Chromium never answers a request that is in flight when `unroute` ends it.
        """
        active = True

        def handle(route: Route) -> None:
            handler(route) if active else route.continue_()

        def stop() -> None:
            nonlocal active
            active = False

        self.page.route(pattern, handle)
        return stop

    def open(self, route: str) -> None:
        self.page.goto(f"{self.url}/{route}")

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=re.compile(name, re.IGNORECASE)).first

    def link(self, name: str) -> Locator:
        """Of the views."""
        return self.page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        return self.page.locator(f'form [name="{name}"]')

    def choose(self, name: str, value: str) -> None:
        self.field(name).select_option(value)

    def fill(self, **values: object) -> None:
        """Fields of the form by their names; those that are folded away are unfolded."""
        for name, value in values.items():
            if not self.field(name).is_visible():
                self.page.get_by_text("All settings").click()
            self.field(name).fill(str(value))

    def chart(self, metric: str) -> Locator:
        return self.page.locator(f'[data-chart="{metric}"]').first

    def lines(self, metric: str) -> list[str]:
        """The names of the chart's lines."""
        names: list[str] = self.chart(metric).evaluate("chart => (chart.data ?? []).map(line => line.name ?? '')")
        return names

    def points(self, metric: str) -> int:
        """Of the chart's longest line; none while there is no chart."""
        count: int = self.page.evaluate(
            "metric => Math.max(0, ...[...document.querySelectorAll(`[data-chart='${metric}']`)]"
            ".flatMap(chart => chart.data ?? []).map(line => line.x.length))",
            metric,
        )
        return count

    def drawn(self, metric: str) -> list[list[float]]:
        """The ordinates of each line that the chart shows."""
        ordinates: list[list[float]] = self.chart(metric).evaluate(
            "chart => (chart.data ?? []).map(line => Array.from(line.y))"
        )
        return ordinates

    def until(self, condition: Callable[[], bool], *, seconds: float = SECONDS) -> None:
        deadline = monotonic() + seconds
        while not condition():
            assert monotonic() < deadline, f"not within {seconds} s"
            self.page.wait_for_timeout(50)

    def until_quiet(self) -> None:
        """Half a second without a request. Playwright's networkidle never sees a shared worker's end."""
        seen = -1
        while seen != (seen := len(self.log)):
            self.page.wait_for_timeout(500)

    def expect_state(self, state: str) -> None:
        expect(self.page.locator(f'[data-state="{state}"]').first).to_be_visible()

    def expect_live(self, connection: str) -> None:
        expect(self.page.locator(f'[data-live="{connection}"]').first).to_be_visible()

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)


OpenTab = Callable[..., Tab]
"""Takes the options of Playwright's new_context."""
