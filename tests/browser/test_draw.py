"""A digit drawn by hand, and the answer of a trained model."""

import re

from playwright.sync_api import Page, expect

from browser.tab import Tab


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """With the pointer, through places that are parts of the canvas."""
    box = page.get_by_label("Digit", exact=True).bounding_box()
    assert box is not None
    (x, y), *rest = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in places]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


def test_a_trained_model_answers_for_a_digit_that_is_drawn(tab: Tab, trained: str) -> None:
    tab.open(f"#/draw?job={trained}")
    expect(tab.page.get_by_label("Digit", exact=True)).to_be_visible()
    stroke(tab.page, (0.5, 0.2), (0.5, 0.8))
    with tab.page.expect_response("**/predict") as response:
        tab.button("Ask the model").click()
    answer = response.value.json()
    image = response.value.request.post_data_json["image"]
    assert [len(image), *{len(row) for row in image}] == [28, 28]
    assert max(map(max, image)) > 200
    assert min(map(min, image)) == 0
    expect(tab.page.locator("output").first).to_contain_text(re.compile(rf"\b{answer['digit']}\b"))


def test_what_was_drawn_is_cleared(tab: Tab, trained: str) -> None:
    tab.open(f"#/draw?job={trained}")
    expect(tab.page.get_by_label("Digit", exact=True)).to_be_visible()
    blank = canvas(tab.page)
    stroke(tab.page, (0.3, 0.3), (0.7, 0.7))
    assert canvas(tab.page) != blank
    tab.button("Clear").click()
    assert canvas(tab.page) == blank


def canvas(page: Page) -> str:
    data: str = page.get_by_label("Digit", exact=True).evaluate("canvas => canvas.toDataURL()")
    return data
