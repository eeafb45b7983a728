import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from stack import report
from stack.report import Result

NAMES = ["sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"]


def result(number: int, name: str) -> Result:
    """Of three epochs, the second the best, and the first slow."""
    epochs = [
        {
            "epoch": epoch,
            "val_loss": val_loss / (number + 1),
            "val_accuracy": 0.9 + val_loss / 100,
            "val_binary_accuracy": 0.98 + val_loss / 100,
            "epoch_seconds": seconds * (number + 1),
        }
        for epoch, val_loss, seconds in [(1, 0.3, 9.0), (2, 0.1, 2.0), (3, 0.2, 2.0)]
    ]
    return Result(name, 0.95, epochs)


@pytest.fixture
def results() -> list[Result]:
    return [result(number, name) for number, name in enumerate(NAMES)]


def test_the_table_has_last_and_best_figures_and_the_time_in_relus(results: list[Result]):
    drawn = Console(width=80, file=io.StringIO())
    drawn.print(report.table(results))
    lines = drawn.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO above
    rows = [line.split() for line in lines[-len(NAMES) :]]
    assert [row[0] for row in rows] == NAMES
    assert rows[0] == ["sigmoid", "0.2000/0.1000", "90.20/90.30", "98.20/98.30", "95.00", "2.00", "0.50"]
    assert rows[1][-1] == "1.00"
    assert rows[2][-1] == "1.50"


def test_a_sweep_without_relu_has_no_ratio(results: list[Result]):
    assert report.row(results[0], None)[-1] == ""


def test_the_files_are_written_and_the_history_is_exact(results: list[Result], tmp_path: Path):
    written = report.write(results, tmp_path, subtitle="canned")
    assert [path.name for path in written] == ["accuracy.png", "loss.png", "history.csv"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written[:2])
    with written[2].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["activation"] for row in rows[::3]] == NAMES
    assert float(rows[3]["val_loss"]) == results[1].epochs[0]["val_loss"]


def test_every_activation_is_a_line_of_its_own_color_and_marker(results: list[Result]):
    for figure in (report.accuracy(results, ""), report.losses(results, "")):
        lines = figure.axes[0].get_lines()
        assert [line.get_label() for line in lines] == NAMES
        assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == len(NAMES)
        assert figure.axes[0].get_xlabel() == "epoch"
        assert figure.axes[0].get_ylabel()


def test_the_close_up_leaves_out_the_curve_that_starts_lowest():
    low, high = report.close_up_limits([[0.1, 0.9], [0.8, 0.95], [0.85, 0.97]])
    assert 0.7 < low < 0.8
    assert 0.97 < high < 1


def test_the_history_has_what_is_not_finite_and_no_formulas(tmp_path: Path):
    epoch = {"epoch": 1, "val_loss": None, "delta": -1.5, "recorded_at": "2026-11-23T09:30:00.000000Z"}
    odd = Result("=cmd", 0.1, [{**epoch, "non_finite": {"/val_loss": "inf"}}])
    report.write_history([odd], tmp_path / "history.csv")
    (row,) = csv.DictReader((tmp_path / "history.csv").read_text().splitlines())
    assert row == {
        "activation": "'=cmd", "epoch": "1", "val_loss": "inf", "delta": "-1.5",
        "recorded_at": "2026-11-23T09:30:00.000000Z",
    }  # fmt: skip
