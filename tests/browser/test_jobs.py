"""The list of jobs, their names, and what the form for the next one remembers."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import Tab
from tests.support.service import Service

PHONES = (360, 414)


def cancelled(stack: Service, **spec: Any) -> str:
    """The id of a job that costs nothing."""
    job_id = stack.submit(epochs=1000, **spec)
    stack.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    return job_id


def listed(tab: Tab) -> list[str]:
    """The ids of the jobs on this page of the list."""
    ids: list[str] = tab.page.evaluate("[...document.querySelectorAll('tr[data-job]')].map(row => row.dataset.job)")
    return ids


def row(tab: Tab, job_id: str) -> Locator:
    return tab.page.locator(f'tr[data-job="{job_id}"]')


def test_pages_of_the_list_are_steps_of_the_visitors_way(tab: Tab, stack: Service) -> None:
    ids = [cancelled(stack, activation="softsign", seed=seed) for seed in range(45)][::-1]
    first, second, third = ids[:20], ids[20:40], ids[40:]
    tab.open("#/jobs?activation=softsign")
    tab.until(lambda: listed(tab) == first)
    pages = tab.page.locator(".pages")
    expect(pages).to_contain_text("45 in total")
    tab.button("Next").click()
    tab.until(lambda: listed(tab) == second)
    expect(pages).to_contain_text("Page 2 of 3")
    tab.button("Next").click()
    tab.until(lambda: listed(tab) == third)
    tab.page.reload()
    tab.until(lambda: listed(tab) == third)
    expect(pages).to_contain_text("Page 3 of 3")
    tab.button("Previous").click()
    tab.until(lambda: listed(tab) == second)
    row(tab, second[3]).get_by_role("link").click()
    tab.page.wait_for_url(re.compile(second[3]))
    tab.page.go_back()
    tab.until(lambda: listed(tab) == second)
    for expected in (third, second, first):
        tab.page.go_back()
        tab.until(lambda expected=expected: listed(tab) == expected)  # type: ignore[misc]  # mypy infers no default
    assert tab.page.url.endswith("#/jobs?activation=softsign")


def test_a_cursor_that_is_none_shows_the_first_page(tab: Tab, trained: str) -> None:
    tab.expect_complaint("400")
    tab.open("#/jobs?cursor=nonsense&page=7&activation=relu")
    tab.until(lambda: trained in listed(tab))
    expect(tab.page).to_have_url(re.compile(r"#/jobs\?activation=relu$"))


def test_the_list_tells_jobs_of_one_activation_apart(tab: Tab, stack: Service) -> None:
    common = {"activation": "celu", "seed": 1}
    usual = [cancelled(stack, **common) for _ in range(3)]
    named = cancelled(stack, **common, metadata={"name": "<b>mine</b>", "note": "with & without"})
    other = cancelled(
        stack, activation="celu", seed=77, batch_size=64, train_samples=1234, optimizer={"learning_rate": 0.02}
    )
    tab.open("#/jobs?activation=celu")
    tab.until(lambda: len(listed(tab)) == 5)
    for text in ("77", "0.02", "1\u202f234", "batch size 64"):
        expect(row(tab, other)).to_contain_text(text)
    expect(row(tab, usual[0]).locator(".apart")).to_have_text("")
    for text in ("<b>mine</b>", "celu", "with & without"):
        expect(row(tab, named)).to_contain_text(text)
    for width in PHONES:
        tab.page.set_viewport_size({"width": width, "height": 740})
        for cell in row(tab, other).locator("td, th").all():
            box = cell.bounding_box()
            assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width), cell.inner_text()


def test_a_job_is_named_in_its_view_and_so_wherever_it_is_shown(tab: Tab, stack: Service) -> None:
    job_id = cancelled(stack, activation="silu", metadata={"who": "me"})
    tab.open(f"#/jobs/{job_id}")
    tab.button("Add a name").click()
    tab.page.get_by_label("Name", exact=True).fill("<i>slow</i>")
    tab.page.get_by_label("Note", exact=True).fill("too slow to wait for")
    tab.button("Save").click()
    expect(tab.page.locator("h1")).to_have_text("<i>slow</i> silu")
    expect(tab.page.get_by_text("too slow to wait for")).to_be_visible()
    expect(tab.page).to_have_title(re.compile("^<i>slow</i> "))
    assert stack.job(job_id)["spec"]["metadata"] == {"who": "me", "name": "<i>slow</i>", "note": "too slow to wait for"}
    tab.open("#/jobs?activation=silu")
    expect(row(tab, job_id).get_by_role("link")).to_contain_text("<i>slow</i>")


def test_a_legend_calls_a_job_by_its_name(tab: Tab, stack: Service, trained: str) -> None:
    stack.http.patch(f"/v1/jobs/{trained}", json={"metadata": {"name": "mine & yours"}}).raise_for_status()
    tab.open(f"#/compare?jobs={trained}")
    named = "relu \N{LEFT DOUBLE QUOTATION MARK}mine & yours\N{RIGHT DOUBLE QUOTATION MARK}"
    tab.until(lambda: any(mine.startswith("relu ") and "mine" in mine for mine in tab.lines("val_loss")))
    expect(tab.page.get_by_role("list").filter(has_text=named)).to_be_visible()
    stack.http.patch(f"/v1/jobs/{trained}", json={"metadata": {"name": None}}).raise_for_status()


def test_compared_jobs_are_labelled_by_what_tells_them_apart(tab: Tab) -> None:
    def job(number: int, activation: str, name: str | None = None, **differences: Any) -> dict[str, Any]:
        paths = {path.replace("__", "."): value for path, value in differences.items()}
        return {"job_id": f"id-00000{number}", "activation": activation, "name": name, "differences": paths}

    jobs = [
        job(1, "relu", batch_size=64, clip=None),
        job(2, "relu", optimizer__name="sgd"),
        job(3, "relu", "mine", unknown_thing=3),
        job(4, "gelu", "the only one", seed=1),
        job(5, "elu", seed=1),
        job(6, "elu", seed=1),
    ]
    assert call(tab, "labels.js", "labelJobs", jobs) == [
        "relu, batch size 64, clip the gradients no",
        "relu, optimizer SGD",
        "relu \N{LEFT DOUBLE QUOTATION MARK}mine\N{RIGHT DOUBLE QUOTATION MARK}, unknown thing 3",
        "gelu \N{LEFT DOUBLE QUOTATION MARK}the only one\N{RIGHT DOUBLE QUOTATION MARK}",
        "elu, seed 1 (\N{HORIZONTAL ELLIPSIS}000005)",
        "elu, seed 1 (\N{HORIZONTAL ELLIPSIS}000006)",
    ]


@pytest.mark.parametrize("form", ["#/train", "#/train/sweep"])
def test_a_form_keeps_what_was_filled_in_until_it_is_reset(tab: Tab, form: str) -> None:
    prefix = "base." if form.endswith("sweep") else ""
    values = {f"{prefix}epochs": "7", f"{prefix}metadata.name": "mine", f"{prefix}clip.threshold": "0.25"}
    tab.open(form)
    tab.fill(**values)
    if prefix:
        tab.page.get_by_label("mish", exact=True).check()
        tab.fill(seeds="1-3")
        tab.button("Vary a setting").click()
        tab.page.get_by_label("Its values").fill("0.1, 0.2")
    else:
        tab.choose("activation", "elu")
        tab.fill(**{"elu.alpha": "0.5"})
    tab.link("Jobs").click()
    expect(tab.heading("Jobs")).to_be_visible()
    tab.open(form)
    tab.page.reload()
    for name, value in values.items():
        expect(tab.field(name)).to_have_value(value)
    if prefix:
        expect(tab.page.get_by_label("mish", exact=True)).to_be_checked()
        expect(tab.page.get_by_label("Its values")).to_have_value("0.1, 0.2")
        expect(tab.page.locator("form [role=status]")).to_contain_text("42 jobs, 294 epochs")
    else:
        expect(tab.field("elu.alpha")).to_have_value("0.5")
    tab.button("Reset the form").click()
    expect(tab.field(f"{prefix}epochs")).to_have_value("10")
    tab.page.reload()
    expect(tab.field(f"{prefix}metadata.name")).to_have_value("")


@pytest.mark.parametrize("form", ["#/train", "#/train/sweep"])
def test_a_form_speaks_to_people(tab: Tab, form: str) -> None:
    tab.open(form)
    tab.page.get_by_text("All settings").click()
    if form.endswith("sweep"):
        for name in ("sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"):
            tab.page.get_by_label(name, exact=True).uncheck()
        tab.button("Vary a setting").click()
        tab.fill(seeds="5-1")
        tab.button("Train the sweep").click()
        for says in ("Choose at least one.", "5-1 is in descending order: enter 1-5.", "Enter at least one value"):
            expect(tab.page.get_by_text(says)).to_be_visible()
    text = tab.page.locator("main").inner_text()
    assert re.findall(r"\bnull\b|Input should|\w_\w|after validation|`|\b/\w+", text) == []


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", [0]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1,3,7-9", [1, 3, 7, 8, 9]),
        (" 1 , 3; 7 \N{EN DASH} 9 ", [1, 3, 7, 8, 9]),
        ("5-1", "descending order"),
        ("1.5", "no seed"),
        ("-3", "no seed"),
        ("x", "no seed"),
        ("", "at least one"),
        ("1-3, 2", "2 is repeated"),
        ("4294967295", [4294967295]),
        ("4294967296", "at most 4,294,967,295"),
        ("0-4294967295", "At most 512"),
    ],
)
def test_seeds_are_read_as_people_write_them(tab: Tab, text: str, seeds: list[int] | str) -> None:
    found = call(tab, "seeds.js", "parseSeeds", text)
    if isinstance(seeds, str):
        assert seeds in found["wrong"]
    else:
        assert found == {"seeds": seeds, "wrong": None}


def call(tab: Tab, module: str, function: str, *arguments: Any) -> Any:
    """A function of the page's own modules."""
    if not tab.page.url.startswith(tab.url):
        tab.open("#/nowhere")
    script = "([module, name, given]) => import(`./static/${module}`).then((found) => found[name](...given))"
    return tab.page.evaluate(script, [module, function, arguments])


def measured(number: int, *, images_per_second: float, epoch_seconds: float, **spec: Any) -> Mapping[str, Any]:
    common = {"activation": "relu", "batch_size": 128, "precision": "float32", "device": "auto", "train_samples": None}
    latest = {"images_per_second": images_per_second, "epoch_seconds": epoch_seconds}
    return {"id": str(number), "spec": {**common, "validation": {"kind": "holdout", "fraction": 0.2}, **spec}} | {
        "latest": latest
    }


def test_an_estimate_lies_between_what_the_quickest_and_the_slowest_job_took(tab: Tab) -> None:
    # 48,000 images at 1,600 and 2,400 images a second, and 12,000 validated in 2 s.
    jobs = [
        measured(n, images_per_second=rate, epoch_seconds=48_000 / rate + 2)
        for n, rate in enumerate([1600, 2000, 2400])
    ]
    found = call(tab, "estimate.js", "estimate", [{"activation": "relu"}], jobs, 1)
    test = 10_000 * 2 / 12_000
    assert (found["jobs"], found["epochs"], found["measured"]) == (1, 10, 3)
    assert (found["low"], found["high"]) == (pytest.approx(10 * 22 + test), pytest.approx(10 * 32 + test))
    half = call(tab, "estimate.js", "estimate", [{"activation": "relu", "train_samples": 24_000}], jobs, 1)
    assert (half["low"], half["high"]) == (pytest.approx(10 * 12 + test), pytest.approx(10 * 17 + test))
    article = call(tab, "estimate.js", "estimate", [{"activation": "relu", "protocol": "article"}], jobs, 1)
    assert article["epochs"] == 100
    assert article["low"] == pytest.approx(100 * (25 + test) + test)


def test_an_estimate_is_wider_where_little_is_known_and_none_where_nothing_is(tab: Tab) -> None:
    asked = [{"activation": "gelu"}] * 4
    nothing = call(
        tab,
        "estimate.js",
        "estimate",
        asked,
        [{**measured(1, images_per_second=1, epoch_seconds=1), "latest": None}],
        1,
    )
    assert nothing == {"jobs": 4, "epochs": 40, "low": None}
    one = call(tab, "estimate.js", "estimate", asked, [measured(1, images_per_second=2000, epoch_seconds=26)], 2)
    assert one["low"] < 2 * 260 < one["high"]
    assert one["high"] / one["low"] == pytest.approx(1.4 * 1.4)


@pytest.mark.parametrize(
    ("pointer", "error", "says"),
    [
        ("/epochs", {"rule": "less_than_equal", "limit": 1000}, "Epochs: At most 1,000."),
        ("/base/clip/by", {"rule": "literal_error"}, "Clip by: This value is not allowed."),
        ("/activations", {"rule": "too_short", "limit": 1}, "Activations: Choose at least 1."),
        ("/grid/optimizer.learning_rate/1", {"rule": "greater_than", "limit": 0}, "Learning rate: More than 0."),
        ("/parameters/alpha", {"rule": "float_type"}, "Alpha: Enter a number."),
        ("", {"rule": "refused"}, "This makes 600 jobs, and a sweep has at most 512"),
    ],
)
def test_an_error_of_the_service_is_explained_by_its_rule(
    tab: Tab, pointer: str, error: dict[str, Any], says: str
) -> None:
    message = "this makes 600 jobs, and a sweep has at most 512"
    given = {"pointer": pointer, "message": message, **error}
    assert call(tab, "error_messages.js", "explainWithField", given) == says
