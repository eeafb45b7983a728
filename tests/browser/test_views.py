"""Every view by its address, and the ways between them."""

import re
from collections.abc import Mapping

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.browser.views import HEADINGS
from tests.support.service import Service


@pytest.mark.parametrize("view", HEADINGS)
def test_a_deep_link_opens_its_view_by_heading_and_title(tab: Tab, links: Mapping[str, str], view: str) -> None:
    tab.open(links[view])
    expect(tab.heading(HEADINGS[view])).to_be_visible()
    expect(tab.page.locator("main h1")).to_have_count(1)
    expect(tab.page).to_have_title(re.compile(HEADINGS[view], re.IGNORECASE))


def test_an_address_without_a_view_opens_explore(tab: Tab) -> None:
    tab.open("")
    expect(tab.heading("Explore")).to_be_visible()
    expect(tab.link("Explore")).to_have_attribute("aria-current", "page")


def test_an_unknown_address_is_told_so_and_leads_on(tab: Tab) -> None:
    tab.open("#/nowhere/at/all")
    expect(tab.heading("No such view")).to_be_visible()
    tab.page.locator("main").get_by_role("link", name=re.compile("Explore")).click()
    expect(tab.heading("Explore")).to_be_visible()


def test_a_job_that_does_not_exist_is_told_so(tab: Tab) -> None:
    tab.expect_complaint("404")
    tab.open("#/jobs/01890000-0000-7000-8000-000000000000")
    expect(tab.page.locator("main")).to_contain_text(re.compile("no job|not found|does not exist", re.IGNORECASE))


@pytest.mark.parametrize("name", ["Explore", "Define", "Depth", "Train", "Jobs", "Sweeps", "Compare", "Draw"])
def test_the_navigation_leads_to_the_view_and_marks_it(tab: Tab, name: str) -> None:
    tab.open("#/depth" if name == "Explore" else "#/explore")
    tab.link(name).click()
    expect(tab.heading(name)).to_be_visible()
    expect(tab.link(name)).to_have_attribute("aria-current", "page")
    assert tab.page.url.rpartition("#/")[2].partition("?")[0] == name.lower()


def test_back_forward_and_reload_keep_the_view(tab: Tab, links: Mapping[str, str]) -> None:
    tab.open(links["jobs"])
    expect(tab.heading("Jobs")).to_be_visible()
    tab.link("Compare").click()
    expect(tab.heading("Compare")).to_be_visible()
    tab.page.go_back()
    expect(tab.heading("Jobs")).to_be_visible()
    tab.page.go_forward()
    expect(tab.heading("Compare")).to_be_visible()
    tab.page.reload()
    expect(tab.heading("Compare")).to_be_visible()


def test_the_first_stop_of_the_tab_key_skips_to_the_content(tab: Tab) -> None:
    tab.open("#/explore")
    expect(tab.heading("Explore")).to_be_visible()
    tab.page.keyboard.press("Tab")
    expect(tab.page.locator(":focus")).to_have_text(re.compile("Skip"))
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#main")).to_be_focused()
    expect(tab.heading("Explore")).to_be_visible()


def test_the_theme_button_goes_round_and_is_remembered(tab: Tab) -> None:
    tab.page.emulate_media(color_scheme="light")
    tab.open("#/explore")
    theme = tab.page.get_by_role("button", name=re.compile("^Theme"))
    backgrounds = []
    for chosen in ("auto", "light", "dark"):
        expect(theme).to_contain_text(chosen)
        backgrounds.append(background(tab))
        theme.click()
    expect(theme).to_contain_text("auto")
    assert backgrounds[0] == backgrounds[1] != backgrounds[2]
    theme.click()
    theme.click()
    tab.page.reload()
    expect(theme).to_contain_text("dark")
    assert background(tab) == backgrounds[2]


def background(tab: Tab) -> str:
    color: str = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return color


def test_plotly_is_loaded_by_views_with_charts_alone(tab: Tab) -> None:
    tab.open("#/jobs")
    expect(tab.heading("Jobs")).to_be_visible()
    tab.page.wait_for_load_state("networkidle")
    assert not [line for line in tab.log if "plotly.min.js" in line]
    tab.open("#/explore")
    tab.until(lambda: any("plotly.min.js" in line for line in tab.log))


def test_the_page_comes_with_a_policy_that_names_no_other_host(stack: Service) -> None:
    response = stack.http.get("/")
    directives = dict(part.strip().partition(" ")[::2] for part in policy(response).split(";") if part.strip())
    assert directives["default-src"] in {"'self'", "'none'"}
    assert "unsafe" not in directives.get("script-src", directives["default-src"])
    assert not re.search(r"https?:|\*", policy(response))


def policy(response: httpx.Response) -> str:
    return response.raise_for_status().headers["content-security-policy"]


@pytest.mark.parametrize(("path", "content"), [("docs", "/v1/jobs"), ("redoc", "Idempotency-Key")])
def test_the_documentation_is_drawn_without_another_host(tab: Tab, path: str, content: str) -> None:
    tab.open(path)
    expect(tab.page.get_by_text(content).first).to_be_visible()


def test_a_view_that_did_not_load_is_there_when_it_is_tried_again(tab: Tab) -> None:
    tab.expect_complaint("net::ERR_FAILED")
    stop = tab.answer("**/static/mnist_digit.js", lambda route: route.abort())  # which the view and a module of it need
    tab.open("#/explore")
    expect(tab.heading("Explore")).to_be_visible()
    tab.link("Draw").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("did not load")
    stop()
    tab.button("Try again").click()
    expect(tab.heading("Draw")).to_be_visible()


def test_views_are_there_when_the_network_is_not(tab: Tab) -> None:
    tab.expect_complaint("net::ERR_INTERNET_DISCONNECTED")
    tab.open("#/explore")
    tab.until(lambda: any("views/draw.js" in line for line in tab.log))
    tab.page.wait_for_load_state("networkidle")
    tab.page.context.set_offline(True)
    tab.link("Jobs").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("does not answer")
    tab.page.context.set_offline(False)
    tab.button("Try again").click()
    expect(tab.heading("Jobs")).to_be_visible()


def test_a_late_answer_to_an_earlier_choice_is_not_shown(tab: Tab, trained: str) -> None:
    held = tab.hold("**/v1/jobs?*state=cancelled*")
    tab.open("#/jobs?activation=relu")
    expect(tab.page.locator(f'main a[href="#/jobs/{trained}"]')).to_be_visible()
    tab.page.get_by_label("State").select_option("cancelled")
    tab.until(lambda: len(held) == 1)
    tab.page.get_by_label("State").select_option("succeeded")
    expect(tab.page.locator(f'main a[href="#/jobs/{trained}"]')).to_be_visible()
    held[0].fulfill(json={"data": [], "next_cursor": None})
    tab.page.wait_for_timeout(300)
    expect(tab.page.locator(f'main a[href="#/jobs/{trained}"]')).to_be_visible()


def test_a_page_without_a_worker_says_so_until_one_comes(tab: Tab) -> None:
    stop = tab.answer("**/v1/workers", lambda route: route.fulfill(json={"data": []}))
    notice = tab.page.get_by_text("No worker is connected.")
    for view in ("train", "jobs", "sweeps", "draw"):
        tab.open(f"#/{view}")
        expect(notice).to_be_visible()
    stop()
    expect(notice).to_have_count(0)
    tab.open("#/explore")
