import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.activations.models import ActivationIn
from bench import paired_tables
from bench.results import ACTIVATIONS, PAGE, RESULTS, SWEEPS, download_all
from bench.results_page import fill_page
from jobs.sweep import SweepSpec, expand

SMALL = {"epochs": 1, "train_samples": 128, "validation": {"kind": "holdout", "fraction": 0.001}}
FEW: Mapping[str, Any] = {
    "learned": {"activations": ["leaky-relu"], "grid": {"trainable": SWEEPS["learned"]["grid"]["trainable"][:2]}},
    "own": {"activations": ["relu", "gelu", "swish"]},
    "own-learned": {"activations": ["swish"]},
}
"""A few of each run's configurations."""
ALPHA = {"parameters": ["alpha"], "per": "layer"}


@pytest.mark.quick
def test_the_tables_of_the_page_are_those_of_the_downloaded_results():
    text = PAGE.read_text()
    assert fill_page(text, RESULTS) == text


@pytest.mark.quick
def test_every_sweep_of_the_results_can_be_run():
    bodies = [ActivationIn(name=name, **body) for name, body in ACTIVATIONS.items()]
    definitions = {body.name: body.make_definition(body.name) for body in bodies}
    for name, sweep in SWEEPS.items():
        assert expand(SweepSpec.model_validate(sweep), definitions), name


def make_job(activation: str, seed: int, val_loss: float, trainable: object = None, **parameters: float) -> Any:
    return {
        "id": f"{activation}-{trainable}-{seed}",
        "state": "succeeded",
        "spec": {
            "activation": activation,
            "formula": None,
            "parameters": parameters,
            "trainable": trainable,
            "seed": seed,
        },
        "latest": {"val_loss": val_loss, "val_accuracy": 0.9 - val_loss, "epoch_seconds": 10 * val_loss},
        "test": {"loss": 0.1, "accuracy": 0.9},
    }


def store_jobs(folder: Path, name: str, jobs: Sequence[Mapping[str, Any]]) -> None:
    (folder / f"{name}-jobs.json").write_text(json.dumps({"data": jobs}))


@pytest.mark.quick
def test_what_is_learned_is_compared_seed_by_seed(tmp_path: Path):
    fixed = [make_job("elu", seed, loss, alpha=1.0) for seed, loss in enumerate((0.1, 0.2, 0.3))]
    learned = [make_job("elu", seed, loss, ALPHA, alpha=1.0) for seed, loss in enumerate((0.09, 0.1901, 0.2899))]
    store_jobs(tmp_path, "learned", [*fixed, *learned[::-1]])
    headers, (plain, row) = paired_tables.tabulate_learned(paired_tables.read_jobs(tmp_path, "learned"))
    assert [*headers[:4]] == ["activation", "alpha", "validation loss", "minus fixed"]
    assert [*plain[:4]] == ["elu", "fixed", "0.2000", ""]
    assert [*row[:4]] == ["elu", "learned per layer", "0.1900", "**-0.0100 [-0.0102, -0.0098]**"]
    assert row[7] == "+0.00 [+0.00, +0.00]"


@pytest.mark.quick
def test_a_formula_stands_beside_relu_and_gelu(tmp_path: Path):
    jobs = [make_job(name, seed, loss + seed / 10) for name, loss in (("relu", 0.1), ("gelu", 0.2)) for seed in (0, 1)]
    store_jobs(tmp_path, "own", jobs)
    _, (relu, gelu) = paired_tables.tabulate_formulas(paired_tables.read_jobs(tmp_path, "own"))
    assert [*relu[2:5]] == ["0.1500", "", "**-0.1000 [-0.1000, -0.1000]**"]
    assert (gelu[4], gelu[-1]) == ("", "1.67")


@pytest.mark.quick
def test_the_learned_values_are_those_of_every_seed_and_channel(tmp_path: Path):
    jobs = [make_job("elu", seed, 0.1, ALPHA, alpha=1.0) for seed in (0, 1)]
    store_jobs(tmp_path, "learned", jobs)
    answers = [
        {
            "job_id": job["id"],
            "parameters": [
                {"layer": layer, "parameter": "alpha", "mean": mean, "minimum": mean - 0.1, "maximum": mean + 0.2}
                for layer in paired_tables.LAYERS
            ],
        }
        for job, mean in zip(jobs, (0.5, 0.7), strict=True)
    ]
    (tmp_path / "learned-parameters.json").write_text(json.dumps(answers))
    found = paired_tables.read_jobs(tmp_path, "learned"), paired_tables.read_learned(tmp_path, "learned")
    _, (row,) = paired_tables.tabulate_values(*found)
    assert row == ["elu", "alpha, learned per layer", "1", *["0.600 (0.400 to 0.900)"] * 3]


@pytest.mark.quick
def test_no_table_is_made_of_a_job_that_did_not_succeed(tmp_path: Path):
    store_jobs(tmp_path, "own", [{**make_job("relu", 0, 0.1), "state": "failed", "error": None}])
    with pytest.raises(SystemExit, match="is failed"):
        paired_tables.read_jobs(tmp_path, "own")


@pytest.mark.timeout(900)
def test_the_smallest_runs_of_own_formulas_and_learned_parameters_fill_their_tables(tmp_path: Path):
    small = {
        name: {**SWEEPS[name], **few, "base": {**SWEEPS[name]["base"], **SMALL}, "seeds": [0, 1]}
        for name, few in FEW.items()
    }
    download_all(tmp_path / "service", small, tmp_path / "results")
    learned = paired_tables.read_jobs(tmp_path / "results", "learned")
    own = paired_tables.read_jobs(tmp_path / "results", "own", "own-learned")
    values = paired_tables.read_learned(tmp_path / "results", "learned", "own-learned")
    assert len(paired_tables.tabulate_learned(learned)[1]) == 2
    assert [row[1] for row in paired_tables.tabulate_formulas(own)[1]] == ["", "", *["`x*sigmoid(b*x)`"] * 2]
    assert [len(paired_tables.tabulate_values(jobs, values)[1]) for jobs in (learned, own)] == [1, 1]
