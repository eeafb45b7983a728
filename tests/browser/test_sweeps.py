"""The article's sweep, and runs beside each other."""

import re
from collections.abc import Mapping

from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab
from tests.support.service import Service

COMPARE = "compare with the article"
PUBLISHED = "relu, the article\N{RIGHT SINGLE QUOTATION MARK}s"


def test_a_sweep_of_the_form_trains_and_its_table_fills(tab: Tab, stack: Service) -> None:
    tab.open("#/train/sweep")
    expect(tab.button("Train the sweep")).to_be_enabled()
    tab.fill(**{"base.epochs": 1, "base.train_samples": 256, "base.validation.fraction": 0.001})
    tab.button("Train the sweep").click()
    tab.page.wait_for_url(re.compile(r"#/sweeps/[0-9a-f-]{36}"))
    sweep_id = tab.page.url.rpartition("/")[2]
    sweep = stack.http.get(f"/v1/sweeps/{sweep_id}").json()
    names = ["sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"]
    jobs = stack.http.get("/v1/jobs", params={"sweep_id": sweep_id}).json()["data"]
    assert sorted(job["spec"]["activation"] for job in jobs) == sorted(names), sweep
    for name in names:
        expect(row_of(tab, name)).to_be_visible()
    tab.until(lambda: len(set(drawn_names(tab))) >= 2, seconds=90)
    stack.http.post(f"/v1/sweeps/{sweep_id}/cancel").raise_for_status()
    tab.expect_live("ended")


SLOW_EPOCH = re.compile(r"[Ee]poch 1 of 2: [\d\u202f]+ of 20\u202f000 images, [\d\u202f]+ images/s$")


def test_a_slow_epoch_moves_in_the_views_of_its_sweep_and_of_its_job(tab: Tab, stack: Service) -> None:
    body = {"base": {"epochs": 2, "train_samples": 20_000}, "activations": ["elu"]}
    sweep = stack.http.post("/v1/sweeps", json=body).raise_for_status().json()
    job_id = sweep["configurations"][0]["job_ids"][0]
    tab.open(f"#/sweeps/{sweep['id']}")
    expect_movement(tab, "Epochs of all jobs")
    tab.open(f"#/jobs/{job_id}")
    expect_movement(tab, "Epochs")
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    stack.ended(job_id)
    expect(tab.page.get_by_text("Epoch 1 of 2")).to_have_count(0)


def expect_movement(tab: Tab, label: str) -> None:
    """Of the text and of the bar, and no screen reader is told of each step."""
    line, bar = tab.page.get_by_text(SLOW_EPOCH), tab.page.get_by_label(label, exact=True)
    expect(line).to_be_visible()
    text, value = line.inner_text(), bar.evaluate("bar => bar.value")
    tab.until(lambda: line.inner_text() != text and bar.evaluate("bar => bar.value") > value)
    assert line.evaluate("line => line.closest('[aria-live], [role=status], [role=alert]')") is None


def row_of(tab: Tab, name: str) -> Locator:
    """The configuration's in the table."""
    return tab.page.get_by_role("row").filter(has=tab.page.get_by_role("rowheader", name=name, exact=True))


def drawn_names(tab: Tab) -> list[str]:
    return [name.split()[0] for name in tab.lines("val_accuracy") if name]


def test_without_sigmoid_its_line_goes(tab: Tab, swept: str) -> None:
    tab.open(f"#/sweeps/{swept}")
    tab.until(lambda: set(drawn_names(tab)) == {"relu", "gelu", "sigmoid"})
    tab.button("without sigmoid").click()
    tab.until(lambda: set(drawn_names(tab)) == {"relu", "gelu"})
    expect(tab.page).to_have_url(re.compile("exclude=sigmoid"))
    tab.page.reload()
    tab.until(lambda: set(drawn_names(tab)) == {"relu", "gelu"})
    tab.button("without sigmoid").click()
    tab.until(lambda: "sigmoid" in drawn_names(tab))


def test_a_sweep_is_shown_beside_the_articles_run_with_a_verdict(tab: Tab, swept: str) -> None:
    tab.open(f"#/sweeps/{swept}")
    tab.until(lambda: set(drawn_names(tab)) == {"relu", "gelu", "sigmoid"})
    tab.button(COMPARE).click()
    tab.until(lambda: PUBLISHED in tab.lines("val_loss"))
    expect(tab.page.get_by_text(re.compile(r"^Of \d+ published figures: "))).to_be_visible()
    expect(tab.page.get_by_text(re.compile("^Differs from the published experiment in: .*validation"))).to_be_visible()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    tab.page.reload()
    tab.until(lambda: PUBLISHED in tab.lines("val_loss"))


def test_figures_of_the_article_that_cannot_be_had_are_told_and_asked_for_again(tab: Tab, swept: str) -> None:
    tab.expect_complaint("net::ERR_FAILED")
    stop = tab.answer("**/v1/sweeps/*/published", lambda route: route.abort())
    tab.open(f"#/sweeps/{swept}")
    tab.button(COMPARE).click()
    expect(tab.page.get_by_role("alert")).to_contain_text("does not answer")
    stop()
    tab.button("Try again").click()
    expect(tab.page.get_by_text(re.compile(r"^Of \d+ published figures: "))).to_be_visible()


def test_a_grid_makes_a_line_and_a_row_a_value(tab: Tab) -> None:
    tab.open("#/train/sweep")
    for name in ("sigmoid", "elu", "leaky-relu", "selu", "gelu"):
        tab.page.get_by_label(name, exact=True).uncheck()
    tab.fill(**{"base.epochs": 1, "base.train_samples": 128, "base.validation.fraction": 0.001})
    tab.button("Vary a setting").click()
    tab.page.get_by_label("Setting that varies").select_option("batch_size")
    tab.page.get_by_label("Its values").fill("32, 64")
    tab.button("Train the sweep").click()
    tab.page.wait_for_url(re.compile(r"#/sweeps/[0-9a-f-]{36}"))
    tab.expect_live("ended")
    tab.until(lambda: {*tab.lines("val_accuracy")} == {"relu, batch size 32", "relu, batch size 64"})
    expect(tab.page.get_by_role("columnheader", name="Batch size")).to_be_visible()
    expect(row_of(tab, "relu")).to_have_count(2)


def test_the_table_of_a_sweep_has_each_configurations_accuracy(tab: Tab, stack: Service, swept: str) -> None:
    configurations = stack.http.get(f"/v1/sweeps/{swept}").json()["configurations"]
    tab.open(f"#/sweeps/{swept}")
    for each in configurations:
        accuracy = each["final"]["val_accuracy"]["mean"]
        expect(row_of(tab, each["activation"])).to_contain_text(re.compile(rf"{100 * accuracy:.2f}\s%"))


def test_sweeps_are_listed_and_lead_to_theirs(tab: Tab, swept: str) -> None:
    tab.open("#/sweeps")
    tab.page.locator(f'main a[href="#/sweeps/{swept}"]').first.click()
    expect(tab.page).to_have_url(re.compile(swept))
    expect(tab.heading("Sweep")).to_be_visible()


def test_compare_draws_the_jobs_of_its_address_by_the_metric_and_axis_chosen(
    tab: Tab, links: Mapping[str, str]
) -> None:
    tab.open(links["compare"])
    tab.until(lambda: len([name for name in tab.lines("val_loss") if name]) == 3)
    tab.page.get_by_label("Metric").select_option("val_accuracy")
    tab.until(lambda: tab.points("val_accuracy") == 2)
    expect(tab.page).to_have_url(re.compile("metric=val_accuracy"))
    tab.page.get_by_label("By", exact=True).select_option("seconds")
    expect(tab.page).to_have_url(re.compile("x=seconds"))
    tab.page.reload()
    tab.until(lambda: tab.points("val_accuracy") == 2)
