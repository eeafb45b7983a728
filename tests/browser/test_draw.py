"""A digit drawn by hand, and the answer of a trained model."""

import re

from playwright.sync_api import Page, expect

from tests.browser.tab import Tab
from tests.support.service import Service


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """Draw with the pointer through places given as fractions of the canvas."""
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


def test_no_answer_is_shown_but_that_of_the_chosen_model(tab: Tab, stack: Service, trained: str, swept: str) -> None:
    other = stack.http.get("/v1/jobs", params={"sweep_id": swept}).json()["data"][0]["id"]
    held = tab.hold("**/predict")
    tab.open(f"#/draw?job={trained}")
    answer = tab.page.locator("output").first
    expect(answer).to_have_text("Nothing drawn yet.")
    tab.button("Sample 1").click()
    expect(answer).to_have_text(re.compile(f"^Asking relu .*{trained[-4:]}"))
    tab.page.get_by_label("Model", exact=True).select_option(other)
    tab.until(lambda: len(held) == 2)
    held[0].fulfill(json={"digit": 3, "probabilities": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0], "epoch": 3})
    tab.page.wait_for_timeout(300)
    expect(answer).to_have_text(re.compile(f"^Asking .*{other[-4:]}"))
    held[1].fulfill(json={"digit": 1, "probabilities": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "epoch": 2})
    expect(answer).to_have_text(re.compile(rf"^1 .*{other[-4:]}, after epoch 2"))
    stroke(tab.page, (0.2, 0.2), (0.8, 0.2))
    expect(answer).to_have_text("No answer yet.")


def test_a_model_that_is_still_in_training_answers(tab: Tab, stack: Service) -> None:
    job_id = stack.submit(epochs=1000, activation="tanh")
    stack.until(job_id, lambda job: job["progress"]["epoch"] >= 1)
    tab.open("#/draw")
    tab.page.get_by_label("Model", exact=True).select_option(job_id)
    tab.button("Sample 7").click()
    expect(tab.page.locator("output").first).to_contain_text(re.compile("tanh .*, after epoch [0-9]+"))
    assert stack.job(job_id)["state"] == "running"
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    stack.ended(job_id)


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
