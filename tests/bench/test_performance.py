import json

import pytest

from bench.figures import Figures
from bench.performance_page import PAGE, format_page, format_row, summarize
from bench.rows import SECTIONS, Ratio, Row

pytestmark = pytest.mark.quick


def test_the_page_is_made_of_the_measured_figures():
    assert PAGE.read_text() == format_page(json.loads(PAGE.with_suffix(".json").read_text()))


def test_a_row_has_medians_quartiles_and_the_ratio():
    row = Row("POST", "ours", "theirs", "faster", 10, 20)
    run = summarize(Figures({"ours": [0.001, 0.002, 0.003], "theirs": [0.030]}))
    told = "| POST | 2 ms (1.5 to 2.5) | 30 ms | 15 x faster | 10 x faster | 20 x faster | at least |"
    assert format_row(row, run) == told


def test_an_absent_peer_is_not_measured_and_says_why():
    run = summarize(Figures({"ours": [1.0]}, {"theirs": "not installed"}))
    told = format_row(Row("fit", "ours", "theirs", "rate", 1.4, unit="images/s"), run)
    assert told == "| fit | 1 images/s | not measured: not installed |  | 140% |  |  |"


@pytest.mark.parametrize(
    ("ratio", "ours", "theirs", "reached"),
    [
        ("times", 1.1, 1.0, "aim"),
        ("times", 1.4, 1.0, "at least"),
        ("times", 1.6, 1.0, "no"),
        ("faster", 1.0, 2.1, "aim"),
        ("faster", 1.0, 1.6, "at least"),
        ("faster", 1.0, 1.4, "no"),
        ("rate", 1.0, 1.4, "no"),
    ],
)
def test_a_row_tells_what_is_reached(ratio: Ratio, ours: float, theirs: float, reached: str):
    row = Row("POST", "ours", "theirs", ratio, 1.5, 1.2 if ratio == "times" else 2)
    assert format_row(row, summarize(Figures({"ours": [ours], "theirs": [theirs]}))).endswith(f"| {reached} |")


def test_a_higher_rate_is_better():
    row = Row("train", "ours", "theirs", "rate", 1.5, 2, "images/s")
    assert format_row(row, summarize(Figures({"ours": [1.6], "theirs": [1.0]}))).endswith(
        "| 160% | 150% | 200% | at least |"
    )


def test_every_section_names_its_rows_once():
    for section in SECTIONS.values():
        assert len({row.what for row in section.rows}) == len(section.rows)
