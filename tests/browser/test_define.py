"""An activation of one's own, from the first letter of its formula to its training."""

import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from activations.formula.table import NAMED
from tests.browser.canned import Canned
from tests.browser.tab import OpenTab, Tab
from tests.browser.test_looks import page_styles, server_styles
from tests.browser.test_training import QUICK, read_description, submitted
from tests.support.service import Service


@pytest.fixture
def canned_tab(open_canned: OpenTab) -> Tab:
    return open_canned()


def formula(tab: Tab) -> Locator:
    return tab.page.get_by_label("f(x) =")


def drawn_at_the_ends(tab: Tab, metric: str) -> tuple[float, float]:
    """The drawn curve at -5 and at 5, both infinite while there is none."""
    lines = tab.drawn(metric)
    return (lines[0][0], lines[0][-1]) if lines else (math.inf, math.inf)


def until_drawn(tab: Tab, low: float, high: float) -> None:
    tab.until(lambda: drawn_at_the_ends(tab, "value") == pytest.approx((low, high), rel=1e-9))


def formulas(tab: Tab) -> Locator:
    """Of a job: value and derivative."""
    return tab.page.locator("section", has=tab.page.get_by_role("heading", name="Formula", exact=True)).locator("math")


def save(tab: Tab, name: str) -> None:
    form = tab.page.get_by_role("region", name="Save")
    form.get_by_label("Name").fill(name)
    form.get_by_role("button", name="Save").click()


def test_a_formula_is_typed_corrected_saved_and_trained(tab: Tab, stack: Service) -> None:
    tab.expect_complaint("422")
    tab.open("#/define")
    formula(tab).fill("x*sigmod(b*x)")
    expect(formula(tab)).to_have_attribute("aria-invalid", "true")
    assert "Column 3" in read_description(tab, formula(tab))
    formula(tab).fill("x*sigmoid(2*x)")
    expect(formula(tab)).not_to_have_attribute("aria-invalid", "true")
    until_drawn(tab, -5 / (1 + math.exp(10)), 5 / (1 + math.exp(-10)))
    save(tab, "swishy")
    tab.page.get_by_role("link", name="Train it").click()
    expect(tab.field("activation")).to_have_value("swishy")
    tab.fill(**QUICK, epochs=2)
    tab.button("Train").click()
    job_id = submitted(tab)
    expect(tab.heading("swishy")).to_be_visible()
    expect(formulas(tab)).to_have_count(2)
    tab.until(lambda: tab.points("val_loss") == 2)
    assert stack.ended(job_id)["spec"]["formula"] == "x*sigmoid(2*x)"


def test_the_error_stands_under_its_column_and_the_last_drawing_stays(canned_tab: Tab) -> None:
    tab = canned_tab
    tab.expect_complaint("422")
    tab.open("#/define?formula=x^2")
    until_drawn(tab, 25, 25)
    formula(tab).fill("x^2 + foo(x)")
    expect(formula(tab)).to_have_attribute("aria-invalid", "true")
    assert tab.page.locator(".caret").text_content() == " " * 6 + "^"
    assert tab.page.evaluate(CARET_OFFSET, 6) == pytest.approx(0, abs=1)
    expect(tab.page.locator(".stale")).to_have_count(1)
    assert drawn_at_the_ends(tab, "value") == (25, 25)
    formula(tab).fill("x^2 + 1")
    until_drawn(tab, 26, 26)
    expect(tab.page.locator(".stale")).to_have_count(0)
    expect(tab.page.locator(".caret")).to_be_hidden()


CARET_OFFSET = """column => {
    const [input, caret] = ["#formula", ".caret"].map(selector => document.querySelector(selector));
    const range = document.createRange();
    range.setStart(caret.firstChild, column);
    range.setEnd(caret.firstChild, column + 1);
    const {fontSize, fontFamily, paddingLeft, borderLeftWidth} = getComputedStyle(input);
    const context = document.createElement("canvas").getContext("2d");
    context.font = `${fontSize} ${fontFamily}`;
    const before = input.getBoundingClientRect().left + parseFloat(paddingLeft) + parseFloat(borderLeftWidth);
    return range.getBoundingClientRect().left - before - context.measureText(input.value.slice(0, column)).width;
}"""
"""Measure the distance of the caret from the left edge of that character of the formula."""


def test_an_unknown_name_becomes_a_parameter_with_a_slider(canned_tab: Tab) -> None:
    tab = canned_tab
    tab.expect_complaint("422")
    tab.open("#/define?formula=x")
    until_drawn(tab, -5, 5)
    formula(tab).fill("slope*x")
    tab.button("Make slope a parameter").click()
    until_drawn(tab, -5, 5)
    slope = tab.page.get_by_role("group", name="Parameter slope")
    slope.get_by_label("Default", exact=True).fill("3")
    until_drawn(tab, -15, 15)
    slope.get_by_label("Default, slider").press("ArrowRight")
    tab.until(lambda: 15 < drawn_at_the_ends(tab, "value")[1] < 16)
    slope.get_by_label("Default", exact=True).fill("2")
    until_drawn(tab, -10, 10)
    slope.get_by_label("Maximum").fill("1")
    expect(slope).to_contain_text("The default is not from minimum to maximum")
    slope.get_by_label("Maximum").fill("")
    expect(tab.page.locator(".stale")).to_have_count(0)
    tab.page.reload()
    until_drawn(tab, -10, 10)


def test_the_latest_formula_is_drawn_whatever_is_answered_later(canned_tab: Tab) -> None:
    tab = canned_tab
    tab.open("#/define?formula=x")
    until_drawn(tab, -5, 5)
    held = tab.hold("**/preview")
    formula(tab).fill("2*x")
    tab.until(lambda: len(held) == 1)
    formula(tab).fill("3*x")
    tab.until(lambda: len(held) == 2)
    held[1].continue_()
    until_drawn(tab, -15, 15)
    held[0].abort()
    tab.page.wait_for_timeout(300)
    assert drawn_at_the_ends(tab, "value") == (-15, 15)


@pytest.fixture
def cubic(lab: Canned) -> Iterator[str]:
    lab.http.post("/v1/activations", json={"name": "cubic", "formula": "x^3"}).raise_for_status()
    yield "cubic"
    lab.http.delete("/v1/activations/cubic")


def test_a_name_is_taken_once(canned_tab: Tab, cubic: str) -> None:
    tab = canned_tab
    tab.expect_complaint("409")
    tab.open("#/define?formula=x")
    name = tab.page.get_by_role("region", name="Save").get_by_label("Name")
    save(tab, "Cubic Root")
    assert "Begin with a small letter" in read_description(tab, name)
    save(tab, cubic)
    tab.until(lambda: "cubic is another activation" in read_description(tab, name))
    expect(name).to_have_attribute("aria-invalid", "true")


def test_ones_own_are_deleted_unless_a_job_uses_them(canned_tab: Tab, lab: Canned, cubic: str) -> None:
    tab = canned_tab
    tab.expect_complaint("409")
    job_id = lab.job(activation=cubic)
    tab.open("#/define")
    own = tab.page.get_by_role("region", name="Your activations")
    own.get_by_role("button", name=f"Delete {cubic}").click()
    sure = tab.page.get_by_role("dialog", name=f"Delete {cubic}?").get_by_role("button", name="Delete")
    sure.click()
    expect(own.get_by_role("alert")).to_contain_text("a queued or running job has the activation cubic")
    lab.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    own.get_by_role("button", name=f"Delete {cubic}").click()
    sure.click()
    expect(own).to_have_count(0)
    tab.open(f"#/jobs/{job_id}")
    expect(formulas(tab)).to_have_count(2)


def test_ones_own_are_offered_wherever_an_activation_is_chosen(canned_tab: Tab, cubic: str) -> None:
    tab = canned_tab
    for view in ("explore?names=cubic", "depth?activation=cubic"):
        tab.open(f"#/{view}")
        expect(tab.button(cubic)).to_have_attribute("aria-pressed", "true")
    until_names = {"explore?names=cubic": "value", "depth?activation=cubic": "gradient_norm"}
    for view, metric in until_names.items():
        tab.open(f"#/{view}")
        tab.until(lambda metric=metric: cubic in tab.lines(metric))  # type: ignore[misc]
    tab.open("#/train")
    expect(tab.field("activation").get_by_role("option", name=cubic)).to_have_count(1)
    tab.open("#/train/sweep")
    expect(tab.page.get_by_role("checkbox", name=cubic, exact=True)).not_to_be_checked()
    tab.open("#/jobs")
    expect(tab.page.get_by_label("Activation").get_by_role("option", name=cubic)).to_have_count(1)


def test_ones_own_look_on_the_page_as_in_a_drawing(canned_tab: Tab, lab: Canned, cubic: str) -> None:
    ids = [lab.job(activation=name, epochs=2) for name in ("relu", cubic, cubic)]
    for job_id in ids:
        lab.play(job_id, epochs=2, state="succeeded")
    canned_tab.open(f"#/compare?jobs={','.join(ids)}")
    canned_tab.until(lambda: len(page_styles(canned_tab, "val_loss")) == len(ids))
    page = [(color, dash != "solid") for color, dash, _ in page_styles(canned_tab, "val_loss").values()]
    assert page == server_styles(lab.http.get("/v1/compare", params={"jobs": ",".join(ids), "format": "svg"}).content)


def test_the_page_names_every_function_of_the_language(canned_tab: Tab) -> None:
    tab = canned_tab
    tab.open("#/define")
    tab.page.get_by_text("What a formula may use").click()
    text = tab.page.get_by_role("region", name="Formula").inner_text()
    assert {*NAMED} <= {*re.findall(r"\w+", text)}


def test_a_learned_parameter_moves_the_function_with_the_epochs(tab: Tab, stack: Service) -> None:
    tab.open("#/train?activation=elu")
    tab.page.get_by_label("alpha learns").check()
    tab.choose("trainable.per", "channel")
    tab.fill(**QUICK, epochs=3, **{"optimizer.learning_rate": 0.01})
    tab.button("Train").click()
    job_id = submitted(tab)
    assert stack.job(job_id)["spec"]["trainable"]["per"] == "channel"
    moves = tab.page.get_by_role("region", name="The function that learns")
    expect(moves.get_by_label("After epoch 3 of 3")).to_be_visible()
    alpha = {row["layer"]: row["mean"] for row in learned(stack, job_id) if row["epoch"] == 3}
    low = [mean * math.expm1(-5) for mean in alpha.values()]
    tab.until(lambda: [line[0] for line in tab.drawn("function")[1:]] == pytest.approx(low, rel=1e-6))
    assert len(low) == len({*low}) == 3
    moves.get_by_label("After epoch 3 of 3").press("Home")
    tab.until(lambda: [line[0] for line in tab.drawn("function")] == pytest.approx([math.expm1(-5)] * 4))
    tab.chart("parameter-alpha").focus()
    tab.page.keyboard.press("End")
    tab.until(lambda: [line[0] for line in tab.drawn("function")[1:]] == pytest.approx(low, rel=1e-6))


def learned(stack: Service, job_id: str) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = stack.http.get(f"/v1/jobs/{job_id}/parameters").json()["parameters"]
    return rows
