"""Jobs from the form to the end of their curves."""

import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.canned import Canned
from tests.browser.tab import OpenTab, Tab
from tests.support.service import Service

QUICK = {"train_samples": 256, "validation.fraction": 0.001}
LONG = {**QUICK, "epochs": 1000}


def submit(tab: Tab, **values: object) -> str:
    """Fill in the form, press the button, and be at the job: its id."""
    tab.open("#/train")
    expect(tab.button("Train")).to_be_enabled()
    tab.fill(**{**QUICK, **values})
    tab.button("Train").click()
    return submitted(tab)


def submitted(tab: Tab) -> str:
    tab.page.wait_for_url(re.compile(r"#/jobs/[0-9a-f-]{36}"))
    return tab.page.url.rpartition("/")[2]


def test_a_job_of_the_form_trains_and_its_curve_grows_while_it_runs(tab: Tab, stack: Service) -> None:
    job_id = submit(tab, epochs=1000, seed=5)
    tab.expect_state("running")
    tab.expect_live("live")
    tab.until(lambda: tab.points("val_loss") >= 2)
    seen = tab.points("val_loss")
    tab.until(lambda: tab.points("val_loss") > seen)
    job = stack.job(job_id)
    assert (job["state"], job["spec"]["seed"]) == ("running", 5)
    tab.button("Cancel").click()
    tab.expect_state("cancelled")
    tab.expect_live("ended")
    tab.until(lambda: tab.points("val_loss") == stack.job(job_id)["progress"]["epoch"])


def test_a_job_that_has_ended_is_retried(tab: Tab, stack: Service) -> None:
    ended = stack.submit(epochs=1, seed=9)
    stack.ended(ended)
    tab.open(f"#/jobs/{ended}")
    tab.expect_state("succeeded")
    tab.button("Retry").click()
    tab.until(lambda: ended not in tab.page.url)
    again = submitted(tab)
    assert (stack.job(again)["retry_of"], stack.job(again)["spec"]["seed"]) == (ended, 9)
    tab.expect_state("succeeded")
    tab.expect_live("ended")


def test_a_job_is_deleted_only_when_the_visitor_is_sure(tab: Tab, stack: Service) -> None:
    job_id = stack.submit(epochs=1, seed=10)
    stack.ended(job_id)
    tab.open(f"#/jobs/{job_id}")
    tab.button("Delete").click()
    dialog = tab.page.get_by_role("dialog", name="Delete this job?")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert stack.job(job_id)["state"] == "succeeded"
    tab.button("Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(tab.heading("Jobs")).to_be_visible()
    assert stack.http.get(f"/v1/jobs/{job_id}").status_code == 404


def test_nothing_of_a_job_is_loaded_while_it_is_deleted(tab: Tab, stack: Service) -> None:
    job_id = stack.submit(epochs=1, seed=11)
    stack.ended(job_id)

    def answer_late(route: Route) -> None:
        if route.request.method != "DELETE":
            return route.fallback()
        response = route.fetch()
        time.sleep(2.5)  # the layers are loaded again after 2 s
        return route.fulfill(response=response)

    tab.page.route(f"**/v1/jobs/{job_id}", answer_late)
    tab.open(f"#/jobs/{job_id}")
    tab.button("Delete").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.heading("Jobs")).to_be_visible()


def test_a_job_in_the_list_is_cancelled_and_found_by_its_state(tab: Tab, stack: Service) -> None:
    job_id = stack.submit(epochs=1000, activation="mish")
    tab.open("#/jobs?activation=mish")
    row = tab.page.get_by_role("row").filter(has_text="mish")
    expect(row.locator('[data-state="running"]')).to_be_visible()
    row.get_by_role("button", name=re.compile("^Cancel")).click()
    stack.ended(job_id)
    expect(row.locator('[data-state="cancelled"]')).to_be_visible()
    expect(row.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()
    tab.open("#/jobs?activation=mish&state=running")
    expect(tab.page.locator("main [data-state]")).to_have_count(0)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("epochs", 0, "At least 1."), ("epochs", 5000, "At most 1,000."), ("optimizer.learning_rate", -1, "More than 0.")],
)
def test_a_value_out_of_bounds_is_told_beside_its_field_before_it_is_sent(
    tab: Tab, field: str, value: float, says: str
) -> None:
    tab.open("#/train")
    tab.fill(**{field: value})
    tab.button("Train").click()
    expect(tab.field(field)).to_have_attribute("aria-invalid", "true")
    assert says in read_description(tab, tab.field(field))
    expect(tab.field(field)).to_be_focused()
    assert not [line for line in tab.log if line.startswith("POST")]


def test_the_servers_refusal_stands_beside_its_field(tab: Tab) -> None:
    tab.expect_complaint("422")
    tab.open("#/train")
    tab.fill(train_samples=60_000)
    tab.button("Train").click()
    expect(tab.field("train_samples")).to_have_attribute("aria-invalid", "true")
    assert "The validation split leaves 48000 images for training" in read_description(tab, tab.field("train_samples"))
    assert tab.page.url.endswith("#/train")


def read_description(tab: Tab, field: Locator) -> str:
    """Read the description that a screen reader adds to the field."""
    ids = (field.get_attribute("aria-describedby") or "").split()
    return " ".join(tab.page.locator(f'[id="{each}"]').inner_text() for each in ids)


def test_a_corrected_field_is_no_longer_refused(tab: Tab, stack: Service) -> None:
    tab.open("#/train")
    tab.fill(**{**LONG, "epochs": 0})
    tab.button("Train").click()
    expect(tab.field("epochs")).to_have_attribute("aria-invalid", "true")
    tab.fill(epochs=1)
    tab.button("Train").click()
    stack.http.post(f"/v1/jobs/{submitted(tab)}/cancel").raise_for_status()


def test_a_parameter_learns_where_its_box_is_checked(open_canned: OpenTab, lab: Canned) -> None:
    tab = open_canned()
    tab.open("#/train?activation=elu")
    learns = tab.page.get_by_role("group", name="Parameters that learn")
    expect(learns.get_by_label("A value of its own for")).to_be_hidden()
    learns.get_by_label("alpha learns").check()
    tab.choose("trainable.per", "channel")
    tab.page.reload()
    expect(tab.field("trainable.per")).to_have_value("channel")
    tab.button("Train").click()
    spec = lab.http.get(f"/v1/jobs/{submitted(tab)}").json()["spec"]
    assert spec["trainable"] == {"parameters": ["alpha"], "per": "channel", "weight_decay": 0.0}
    tab.open("#/train?activation=relu")
    expect(learns).to_be_hidden()


def test_in_a_sweep_a_parameter_learns_that_all_of_its_activations_have(open_canned: OpenTab, lab: Canned) -> None:
    tab = open_canned()
    tab.open("#/train/sweep")
    for name in ("sigmoid", "relu", "selu", "gelu"):
        expect(tab.page.get_by_label("alpha learns")).to_have_count(0)
        tab.page.get_by_role("checkbox", name=name, exact=True).uncheck()
    tab.page.get_by_label("alpha learns").check()
    tab.button("Train the sweep").click()
    tab.page.wait_for_url(re.compile(r"#/sweeps/[0-9a-f-]{36}"))
    base = lab.http.get(f"/v1/sweeps/{tab.page.url.rpartition('/')[2]}").json()["spec"]["base"]
    assert base["trainable"] == {"parameters": ["alpha"]}


@pytest.mark.parametrize("form", ["#/train", "#/train/sweep"])
def test_a_preset_fills_in_how_much_is_trained(tab: Tab, form: str) -> None:
    prefix = "base." if form.endswith("sweep") else ""
    tab.open(form)
    tab.page.get_by_role("button", name=re.compile("^Quick look")).click()
    expect(tab.field(f"{prefix}epochs")).to_have_value("3")
    expect(tab.field(f"{prefix}train_samples")).to_have_value("6000")
    tab.page.get_by_role("button", name=re.compile("^As published")).click()
    expect(tab.field(f"{prefix}epochs")).to_have_value("100")
    expect(tab.field(f"{prefix}train_samples")).to_have_value("")
    expect(tab.field(f"{prefix}protocol")).to_have_value("article")
    tab.page.get_by_role("button", name=re.compile("^Everything 10")).click()
    expect(tab.field(f"{prefix}epochs")).to_have_value("10")
    expect(tab.field(f"{prefix}protocol")).to_have_value("")


def test_a_job_is_submitted_with_the_keyboard_alone(tab: Tab, stack: Service) -> None:
    tab.open("#/train")
    expect(tab.heading("Train")).to_be_visible()
    press_tab_until_in(tab, "epochs")
    tab.page.keyboard.press("ControlOrMeta+a")
    tab.page.keyboard.type("2")
    tab.page.keyboard.press("Enter")
    job_id = submitted(tab)
    assert stack.job(job_id)["spec"]["epochs"] == 2
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()


def press_tab_until_in(tab: Tab, name: str) -> None:
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.name") == name:
            return
    pytest.fail(f"the Tab key does not reach {name}")


def test_a_job_tells_its_layers_and_offers_its_files(tab: Tab, trained: str) -> None:
    tab.open(f"#/jobs/{trained}")
    tab.until(lambda: tab.points("val_accuracy") == 3)
    expect(tab.chart("gradient_norm")).to_be_visible()
    for name in ("CSV", "Parquet", "PNG"):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("link", name=name).first.click()
        assert download.value.path().stat().st_size > 100, name


def test_diagnoses_are_badges(tab: Tab, stack: Service) -> None:
    wild = {"name": "sgd", "learning_rate": 1000.0}
    job_id = stack.submit(epochs=2, optimizer=wild, clip=None, loss="cross_entropy")
    diagnoses = [diagnosis["code"] for diagnosis in stack.ended(job_id)["diagnoses"]]
    assert diagnoses
    tab.open(f"#/jobs/{job_id}")
    for code in diagnoses:
        expect(tab.page.locator(f'[data-diagnosis="{code}"]').first).to_be_visible()


def test_a_curve_starts_over_where_the_service_has_less_than_the_page(tab: Tab, stack: Service, trained: str) -> None:
    [epoch, *_] = stack.http.get(f"/v1/jobs/{trained}/history").json()["epochs"]
    send_events_once(tab, [{**epoch, "epoch": number} for number in range(1, 10)], event_id="99")
    tab.open(f"#/jobs/{trained}")
    tab.expect_live("ended")
    tab.until(lambda: tab.points("val_loss") == 3)


def test_a_sweeps_curves_start_over_where_the_service_has_less_than_the_page(
    tab: Tab, stack: Service, swept: str
) -> None:
    [job, *_] = stack.http.get(f"/v1/sweeps/{swept}/history").json()["jobs"]
    place = {"job_id": job["job_id"], "activation": job["activation"]}
    send_events_once(tab, [{**job["epochs"][0], **place, "epoch": number} for number in range(1, 10)], event_id="99x3")
    tab.open(f"#/sweeps/{swept}")
    tab.expect_live("ended")
    tab.until(lambda: tab.points("val_accuracy") == 2)


def send_events_once(tab: Tab, epochs: list[dict[str, Any]], *, event_id: str) -> None:
    """The page's first stream tells of these, and is cut; the next one is the service's own."""
    body = "".join(f"event: epoch\ndata: {json.dumps(epoch)}\nid: {event_id}\n\n" for epoch in epochs)

    def send(route: Route) -> None:
        stop()
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    stop = tab.answer("**/stream", send)
