"""Activation functions and depth, looked at."""

import math
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab


def test_explore_draws_value_and_derivative_of_the_chosen_activations(tab: Tab) -> None:
    tab.open("#/explore?names=relu")
    tab.until(lambda: curves(tab, "value") == ["relu"])
    assert ends(tab, "value", "relu") == (0, 5)
    assert ends(tab, "derivative", "relu") == (0, 1)
    chip(tab, "tanh").click()
    tab.until(lambda: set(curves(tab, "value")) == {"relu", "tanh"} == set(curves(tab, "derivative")))
    assert ends(tab, "value", "tanh") == pytest.approx((math.tanh(-5), math.tanh(5)))
    chip(tab, "relu").click()
    tab.until(lambda: curves(tab, "value") == ["tanh"])
    tab.page.reload()
    tab.until(lambda: curves(tab, "value") == ["tanh"])


def curves(tab: Tab, metric: str) -> list[str]:
    """The names of the drawn activations: a chart has lines without a name too, such as a tangent."""
    return [name for name in tab.lines(metric) if name]


def ends(tab: Tab, metric: str, name: str) -> tuple[float, float]:
    """The curve at -5 and at 5."""
    ordinates = tab.drawn(metric)[tab.lines(metric).index(name)]
    return ordinates[0], ordinates[-1]


def chip(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("group", name="Activations").get_by_role("button", name=name, exact=True)


def test_moving_alpha_redraws_the_curve_and_stays_in_the_address(tab: Tab) -> None:
    tab.open("#/explore?names=elu")
    tab.until(lambda: curves(tab, "value") == ["elu"])
    assert ends(tab, "value", "elu")[0] == pytest.approx(math.expm1(-5))
    alpha = tab.page.get_by_label("elu alpha", exact=True)
    tab.page.get_by_label("elu alpha, slider").press("ArrowRight")
    moved = float(alpha.input_value())
    assert moved > 1
    tab.until(lambda: ends(tab, "value", "elu")[0] == pytest.approx(moved * math.expm1(-5)))
    tab.page.reload()
    expect(alpha).to_have_value(str(moved))


def test_hovering_a_curve_tells_x_value_and_slope(tab: Tab) -> None:
    tab.open("#/explore?names=sigmoid")
    tab.until(lambda: curves(tab, "value") == ["sigmoid"])
    before = readout(tab)
    area = tab.chart("value").locator(".nsewdrag").first
    size = area.bounding_box()
    assert size is not None
    area.hover(position={"x": size["width"] * 0.3, "y": size["height"] * 0.5})
    tab.until(lambda: readout(tab) != before)
    x, value, slope = readout(tab)
    assert -3 < x < -1
    assert value == pytest.approx(1 / (1 + math.exp(-x)), abs=1e-3)
    assert slope == pytest.approx(value * (1 - value), abs=1e-3)


def test_the_reading_stands_beside_the_cursor_and_its_x_is_in_the_address(tab: Tab) -> None:
    tab.open("#/explore?names=sigmoid&x=2")
    tab.until(lambda: curves(tab, "derivative") == ["sigmoid"])
    assert readout(tab)[0] == 2
    tip = tab.page.locator("figure", has=tab.chart("derivative")).locator(".tip")
    expect(tip).to_be_hidden()
    area = tab.chart("derivative").locator(".nsewdrag").first
    size = area.bounding_box()
    assert size is not None
    area.hover(position={"x": size["width"] * 0.25, "y": size["height"] * 0.5})
    expect(tip).to_contain_text("x = \N{MINUS SIGN}2.5")
    expect(tip).to_contain_text(re.compile(r"sigmoid\s*0\.070"))
    told = tip.bounding_box()
    assert told is not None
    assert 0 <= told["x"] - (size["x"] + size["width"] * 0.25) < 40
    tab.chart("derivative").focus()
    tab.page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("x = \N{MINUS SIGN}2.475")
    tab.until(lambda: "x=-2.475" in tab.page.url)
    tab.page.reload()
    tab.until(lambda: curves(tab, "value") == ["sigmoid"])
    assert readout(tab)[0] == -2.475


def test_a_derivative_breaks_off_at_its_jumps_with_dots_where_it_is_and_is_not(tab: Tab) -> None:
    tab.open("#/explore?names=hardswish&x=3")
    tab.until(lambda: curves(tab, "derivative") == ["hardswish"])
    traces = tab.chart("derivative").evaluate("chart => chart.data.map(({ x, y }) => [Array.from(x), Array.from(y)])")
    x, y = traces[0]
    gaps = [index for index, value in enumerate(y) if value is None]
    assert [(x[gap], round(y[gap - 1], 9), round(y[gap + 1], 9)) for gap in gaps] == [(-3, 0, -0.5), (3, 1.5, 1)]
    dots = [sorted((at, round(value, 9)) for at, value in zip(*trace, strict=True)) for trace in traces[1:3]]
    assert dots == [[(-3, -0.5), (3, 1.5)], [(-3, 0), (3, 1)]], "open, filled"
    expect(tab.page.get_by_role("table")).to_contain_text("jumps from 1.5 to 1")


def test_a_late_answer_of_an_earlier_range_is_not_drawn(tab: Tab) -> None:
    tab.open("#/explore?names=tanh")
    tab.until(lambda: curves(tab, "value") == ["tanh"])
    held = tab.hold("**/curve?start=-20*")
    tab.page.get_by_label("x from and to").select_option("20")
    tab.until(lambda: len(held) == 1)
    tab.page.get_by_label("x from and to").select_option("3")
    tab.until(lambda: tab.chart("value").evaluate("chart => chart.data[0].x[0]") == -3)
    held[0].continue_()
    tab.page.wait_for_timeout(300)
    assert tab.chart("value").evaluate("chart => chart.data[0].x[0]") == -3


def readout(tab: Tab) -> tuple[float, float, float]:
    """x, the value there and the slope there, of the only activation."""
    table = tab.page.get_by_role("table", name="Value and slope at the chosen x")
    expect(table.get_by_role("cell")).to_have_count(2)
    x = table.get_by_text("x =").inner_text().removeprefix("x =")
    value, slope = table.get_by_role("cell").all_inner_texts()
    return number(x), number(value), number(slope)


def number(text: str) -> float:
    return float(text.strip().replace("−", "-"))  # noqa: RUF001  # a minus sign as the page sets it


def test_an_activation_is_described_with_formula_and_reference(tab: Tab) -> None:
    tab.open("#/explore?names=gelu")
    about = tab.page.get_by_role("article")
    expect(about).to_have_count(1)
    expect(about.locator("math")).to_have_count(2)
    expect(about.get_by_role("link", name=re.compile("Gaussian Error Linear Units", re.IGNORECASE))).to_be_visible()
    with tab.page.expect_download() as download:
        about.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().startswith("x,value,derivative")


def test_the_presets_of_depth_show_vanishing_and_exploding_gradients(tab: Tab) -> None:
    tab.open("#/depth")
    tab.button("Vanishing").click()
    tab.until(lambda: first_in_last(tab) < 1e-6)
    expect(tab.page.locator("main")).to_contain_text("smaller than")
    tab.button("Exploding").click()
    tab.until(lambda: first_in_last(tab) > 1e3)
    expect(tab.page.locator("main")).to_contain_text("larger than")


def first_in_last(tab: Tab) -> float:
    """The first layer's gradient norm in the last one's, of the only network; 1 while there are more."""
    drawn = tab.drawn("gradient_norm")
    return drawn[0][0] / drawn[0][-1] if len(drawn) == 1 else 1.0


def test_depth_follows_its_sliders_and_its_address(tab: Tab) -> None:
    tab.open("#/depth?activation=tanh&depth=7")
    tab.until(lambda: tab.points("gradient_norm") == 7)
    tab.page.get_by_label("Depth, in layers, slider").press("ArrowRight")
    tab.until(lambda: tab.points("gradient_norm") == 8)
    tab.page.reload()
    tab.until(lambda: tab.points("gradient_norm") == 8)
