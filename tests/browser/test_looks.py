"""Charts and the texts beside them, on made-up histories."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from playwright.sync_api import expect

from activations import catalog
from api.plots import styles
from tests.browser.canned import Canned
from tests.browser.tab import OpenTab, Tab

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tab(open_canned: OpenTab) -> Tab:
    return open_canned()


def recorded_sweep(
    lab: Canned, states: tuple[str, ...] = ("succeeded",), *, epochs: int = 3, **body: Any
) -> dict[str, Any]:
    sweep = lab.sweep(**{"base": {"epochs": epochs}, **body})
    ids = [job_id for row in sweep["configurations"] for job_id in row["job_ids"]]
    for number, job_id in enumerate(ids):
        state = states[number % len(states)]
        if state != "queued":
            lab.play(job_id, epochs=epochs, state=state, rate=0.5 + (number * 7 % 10) / 10)
    return sweep


def page_styles(tab: Tab, metric: str) -> dict[str, tuple[str, str, str]]:
    """By name, a line's colour, dash and marker."""
    traces = tab.chart(metric).evaluate(
        "chart => (chart.data ?? []).filter(line => line.mode === 'lines+markers')"
        ".map(line => [line.name, line.line.color, line.line.dash, line.marker.symbol])"
    )
    return {name: (color.lower(), dash, symbol) for name, color, dash, symbol in traces}


def server_styles(svg: bytes) -> list[tuple[str, bool]]:
    """Of each line in its order, its colour and whether it is dashed."""
    groups = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("id", "").startswith("line-1-")]
    styles = [next(group.iter(f"{SVG}path")).get("style", "") for group in groups]
    return [(re.findall(r"stroke: (#[0-9a-f]{6})", style)[0], "stroke-dasharray" in style) for style in styles]


@pytest.mark.parametrize("activations", [["relu", "gelu"], ["gelu", "relu"], [*catalog.ACTIVATIONS]], ids=len)
def test_a_sweep_looks_on_the_page_as_in_its_drawing(tab: Tab, lab: Canned, activations: list[str]) -> None:
    sweep = recorded_sweep(lab, activations=activations, grid={"batch_size": [32, 64]} if len(activations) == 2 else {})
    tab.open(f"#/sweeps/{sweep['id']}")
    lines = len(sweep["configurations"])
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == lines)
    page = [(color, dash != "solid") for color, dash, _ in page_styles(tab, "val_accuracy").values()]
    svg = lab.http.get(f"{sweep['links']['self']}/plot.svg?metric=val_accuracy").content
    assert page == server_styles(svg)
    assert {color for color, _ in page} == {styles.style_activation(name).color for name in activations}


def test_compared_jobs_look_on_the_page_as_in_their_drawing(tab: Tab, lab: Canned) -> None:
    ids = [lab.job(activation=name, epochs=2, seed=seed) for name in ("softplus", "relu") for seed in range(6)]
    for job_id in ids:
        lab.play(job_id, epochs=2, state="succeeded")
    tab.open(f"#/compare?jobs={','.join(ids)}")
    tab.until(lambda: len(page_styles(tab, "val_loss")) == len(ids))
    page = page_styles(tab, "val_loss").values()
    assert len(set(page)) == len(ids)
    svg = lab.http.get("/v1/compare", params={"jobs": ",".join(ids), "format": "svg"}).content
    assert [(color, dash != "solid") for color, dash, _ in page] == server_styles(svg)


def test_a_job_has_the_color_of_its_activation_on_the_page_and_in_its_drawing(tab: Tab, lab: Canned) -> None:
    job_id = lab.job(activation="mish", epochs=2)
    lab.play(job_id, epochs=2, state="succeeded")
    tab.open(f"#/jobs/{job_id}")
    tab.until(lambda: len(page_styles(tab, "val_loss")) == 2)
    own = styles.style_activation("mish").color
    page = [(color, dash != "solid") for color, dash, _ in page_styles(tab, "val_loss").values()]
    assert page == server_styles(lab.http.get(f"/v1/jobs/{job_id}/plot.svg").content) == [(own, True), (own, False)]


def test_a_dark_page_has_the_dark_colors(open_canned: OpenTab, lab: Canned) -> None:
    sweep = recorded_sweep(lab, activations=["relu", "gelu"])
    tab = open_canned(color_scheme="dark")
    tab.open(f"#/sweeps/{sweep['id']}")
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 2)
    colors = [color for color, *_ in page_styles(tab, "val_accuracy").values()]
    assert colors == [styles.COLORS[name][1] for name in ("relu", "gelu")]


ODD = "<b>5$</b> or <a href='x'>6$</a> %{x} &lt; \u202eabc\x1b"


def test_words_of_a_user_are_drawn_as_they_are(tab: Tab, lab: Canned) -> None:
    sweep = recorded_sweep(lab, activations=["relu"], grid={"metadata.note": [ODD, "plain"]})
    tab.open(f"#/sweeps/{sweep['id']}")
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 2)
    shown = ODD.replace("\u202e", r"\u202e").replace("\x1b", r"\x1b")
    expect(tab.page.locator("figure .legend")).to_contain_text(f"note {shown}")
    expect(tab.page.get_by_role("region", name="Table of configurations")).to_contain_text(shown)
    tab.chart("val_accuracy").evaluate("chart => Plotly.Fx.hover(chart, [{curveNumber: 0, pointNumber: 1}])")
    label = tab.chart("val_accuracy").locator(".hoverlayer")
    expect(label).to_contain_text(re.compile("<b>5\\$</b> or"))
    expect(label.locator("a")).to_have_count(0)


def test_words_of_a_job_are_shown_as_they_are(tab: Tab, lab: Canned) -> None:
    job_id = lab.job(metadata={"note": ODD})
    tab.open(f"#/jobs/{job_id}")
    shown = ODD.replace("\u202e", r"\u202e").replace("\x1b", r"\x1b")
    expect(tab.page.get_by_text(shown)).to_be_visible()


def test_a_partly_cancelled_sweep_says_what_became_of_its_jobs(tab: Tab, lab: Canned) -> None:
    activations = ["sigmoid", "relu", "elu", "selu", "gelu", "tanh"]
    sweep = recorded_sweep(
        lab, ("succeeded", "failed", "cancelled", "cancelled", "succeeded", "cancelled"), activations=activations
    )
    tab.open(f"#/sweeps/{sweep['id']}")
    progress = tab.page.get_by_role("region", name="Progress")
    expect(progress).to_contain_text("6 of 6")
    expect(progress).to_contain_text("2 succeeded, 1 failed, 3 cancelled")
    expect(tab.page.locator("main")).not_to_contain_text("complete")
    deleted = sweep["configurations"][0]["job_ids"][0]
    lab.http.delete(f"/v1/jobs/{deleted}").raise_for_status()
    tab.page.reload()
    expect(progress).to_contain_text("1 succeeded, 1 failed, 3 cancelled; 1 deleted")


@pytest.mark.parametrize("state", ["running", "cancelled", "failed"])
def test_the_best_figures_are_of_what_is_drawn(tab: Tab, lab: Canned, state: str) -> None:
    sweep = recorded_sweep(lab, ("succeeded", state), activations=["sigmoid", "relu"])
    tab.open(f"#/sweeps/{sweep['id']}")
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 2)
    highest = max(y for line in tab.drawn("val_accuracy") for y in line)
    best = tab.page.locator(".tiles div").filter(has_text="Best validation accuracy")
    expect(best).to_contain_text(f"{100 * highest:.2f} %")
    expect(best).to_contain_text("relu")


def test_how_long_an_epoch_took_does_not_contradict_its_images_a_second(tab: Tab, lab: Canned) -> None:
    job_id = lab.job(epochs=5)
    lab.play(job_id, epochs=2, state="cancelled")
    tab.open(f"#/jobs/{job_id}")
    progress = tab.page.get_by_role("region", name="Progress")
    expect(progress).to_contain_text("1 min 18 s")
    expect(progress).to_contain_text("72 images/s in training, without validation")
    expect(progress).to_contain_text("ended early")


def test_a_job_that_ended_without_an_epoch_waits_for_none(tab: Tab, lab: Canned) -> None:
    job_id = lab.job(epochs=5)
    lab.play(job_id, epochs=0, state="cancelled")
    tab.open(f"#/jobs/{job_id}")
    expect(tab.chart("val_loss")).to_contain_text("No epoch was recorded.")


def test_of_many_configurations_some_are_drawn_and_listed_until_all_are_asked_for(tab: Tab, lab: Canned) -> None:
    grid = {"optimizer.learning_rate": [number / 1000 for number in range(1, 11)]}
    sweep = recorded_sweep(lab, activations=[*catalog.ACTIVATIONS][:6], grid=grid)
    tab.open(f"#/sweeps/{sweep['id']}")
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 24)
    rows = tab.page.get_by_role("region", name="Table of configurations").locator("tbody tr")
    expect(rows).to_have_count(24)
    assert tab.page.locator("figure .legend li").count() <= 6 + 13
    svg = lab.http.get(f"{sweep['links']['self']}/plot.svg?metric=val_accuracy").content
    assert [color for color, *_ in page_styles(tab, "val_accuracy").values()] == [
        color for color, _ in server_styles(svg)
    ]
    tab.button("Draw all 60").click()
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 60)
    tab.button("Show all 60").click()
    expect(rows).to_have_count(60)
    tab.page.get_by_label("Sorted by").select_option(label="Final validation accuracy")
    found = [float(text) for text in re.findall(r"\n\t?([\d.]+) %", "\n".join(rows.all_inner_texts()))][::2]
    assert found == sorted(found, reverse=True)


def test_a_sweep_of_122_000_epochs_is_drawn(tab: Tab, lab: Canned) -> None:
    grid = {"optimizer.learning_rate": [number / 1000 for number in range(1, 62)]}
    sweep = recorded_sweep(lab, activations=["relu", "gelu"], grid=grid, epochs=1000)
    tab.open(f"#/sweeps/{sweep['id']}")
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 24, seconds=120)
    assert tab.points("val_accuracy") == 200
    tab.button("Draw all 122").click()
    tab.until(lambda: len(page_styles(tab, "val_accuracy")) == 122, seconds=120)
    assert tab.points("val_accuracy") == 60
    assert not [line for line in tab.log if line.endswith("/history")]


@pytest.mark.parametrize("epochs", [1, 60, 100, 300, 1000])
def test_a_layer_map_has_a_color_for_every_epoch_and_a_scale(tab: Tab, lab: Canned, epochs: int) -> None:
    job_id = lab.job(epochs=epochs)
    lab.play(job_id, epochs=epochs, state="succeeded", layers=True)
    tab.open(f"#/jobs/{job_id}")
    chart = tab.chart("gradient_norm")
    tab.until(lambda: bool(chart.evaluate("chart => chart.data?.length ?? 0")))
    [drawn] = chart.evaluate("chart => chart.data.map(({x, z, xgap}) => [x.length, z.flat().length, xgap])")
    width = chart.evaluate("chart => chart._fullLayout.xaxis._length")
    assert drawn[:2] == [epochs, 5 * epochs]
    assert drawn[2] < width / epochs / 2, "gaps leave less than half of a cell"
    expect(tab.page.locator("figure").filter(has=chart).locator(".heat-scale")).to_be_visible()


def test_a_deleted_job_is_said_and_the_others_are_compared(tab: Tab, lab: Canned) -> None:
    ids = [lab.job(activation=name, epochs=2) for name in ("relu", "gelu")]
    for job_id in ids:
        lab.play(job_id, epochs=2, state="succeeded")
    lab.http.delete(f"/v1/jobs/{ids[0]}").raise_for_status()
    tab.expect_complaint("404")
    tab.open(f"#/compare?jobs={','.join(ids)}")
    tab.until(lambda: [*page_styles(tab, "val_loss")] == ["gelu"])
    expect(tab.page.get_by_text("1 of the requested jobs has been deleted.")).to_be_visible()
