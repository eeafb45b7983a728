import pytest

from bench.results import PAGE, RESULTS, SWEEPS
from bench.results_page import fill_page
from jobs.sweep import SweepSpec, expand

pytestmark = pytest.mark.quick


def test_the_tables_of_the_page_are_those_of_the_downloaded_results():
    text = PAGE.read_text()
    assert fill_page(text, RESULTS) == text


def test_every_sweep_of_the_results_can_be_run():
    for name, sweep in SWEEPS.items():
        assert expand(SweepSpec.model_validate(sweep)), name
