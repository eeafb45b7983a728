import logging
from pathlib import Path

import pytest

from jobs.spec import JobSpec
from worker import prepare

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("precision", "has_bfloat16", "warnings"),
    [
        ("bfloat16", False, 1),
        ("bfloat16", True, 0),
        ("float32", False, 0),
    ],
)
def test_bfloat16_on_a_processor_without_it_is_warned_of(
    *,
    precision: str,
    has_bfloat16: bool,
    warnings: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(prepare, "has_bfloat16", lambda: has_bfloat16)
    spec = JobSpec.model_validate({"activation": "relu", "precision": precision, "device": "cpu"})

    with caplog.at_level(logging.WARNING):
        prepare.prepare(DATA, spec, lambda: None)

    assert len(caplog.records) == warnings


def test_whether_the_processor_has_bfloat16_is_known() -> None:
    assert prepare.has_bfloat16() in {True, False}
