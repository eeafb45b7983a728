"""Every view in both themes: what axe-core finds, whether it fits a phone, and a screenshot of each."""

from collections.abc import Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ViewportSize, expect

from tests.browser.tab import ARTEFACTS, WIDE, OpenTab, Tab
from tests.browser.views import HEADINGS

PHONE: ViewportSize = {"width": 360, "height": 740}
SEVERE = ("serious", "critical")


@pytest.mark.parametrize("view", HEADINGS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_view_can_be_used_by_everybody(open_tab: OpenTab, links: Mapping[str, str], theme: str, view: str) -> None:
    tab = open_tab(color_scheme=theme)
    tab.open(links[view])
    expect(tab.heading(HEADINGS[view])).to_be_visible()
    tab.until_quiet()
    for name, size in {"phone": PHONE, "wide": WIDE}.items():
        tab.page.set_viewport_size(size)
        tab.until(lambda: overhang(tab) <= 0)
        tab.screenshot(ARTEFACTS / f"{view}-{theme}-{name}.png")
        assert findings(tab) == [], name


def overhang(tab: Tab) -> int:
    """By how many pixels the page is wider than the window, for which it would scroll sideways."""
    pixels: int = tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return pixels


def findings(tab: Tab) -> list[str]:
    """Each severe one with the elements it is about."""
    violations = Axe().run(tab.page).response["violations"]
    severe = [violation for violation in violations if violation["impact"] in SEVERE]
    return [f"{found['id']}: {[node['target'] for node in found['nodes']]}" for found in severe]
