from bench.results import PAGE, RESULTS, SWEEPS, page
from jobs.sweep import SweepSpec, expand


def test_the_page_of_results_says_what_the_runs_said():
    text = PAGE.read_text()
    assert page(text, RESULTS) == text


def test_every_sweep_of_the_results_can_be_run():
    for name, sweep in SWEEPS.items():
        assert expand(SweepSpec.model_validate(sweep)), name
