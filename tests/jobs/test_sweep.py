from typing import Any

import pytest
from pydantic import ValidationError

from jobs.sweep import InvalidSweep, SweepSpec, expand


def sweep(**given: Any) -> SweepSpec:
    return SweepSpec.model_validate(given)


def test_the_default_is_the_articles_six_once_each():
    specs = expand(sweep())
    assert [spec.activation for spec in specs] == ["sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"]
    assert {spec.seed for spec in specs} == {0}


def test_seeds_turn_slowest_and_activations_fastest():
    asked = sweep(activations=["relu", "gelu"], seeds=[1, 2], grid={"epochs": [3, 4]})
    specs = expand(asked)
    jobs = [(spec.seed, spec.epochs, spec.activation) for spec in specs]
    assert jobs == [(seed, epochs, name) for seed in (1, 2) for epochs in (3, 4) for name in ("relu", "gelu")]
    assert jobs == [
        (spec.seed, place.values["epochs"], place.activation)
        for spec, place in zip(specs, asked.configurations, strict=True)
    ]


def test_the_grid_reaches_into_what_the_base_says():
    base = {"epochs": 2, "optimizer": {"name": "sgd"}, "clip": None}
    asked = sweep(activations=["relu"], base=base, grid={"optimizer.learning_rate": [0.1, 0.2], "clip.threshold": [2]})
    specs = expand(asked)
    assert [(spec.optimizer.name, spec.optimizer.learning_rate) for spec in specs] == [("sgd", 0.1), ("sgd", 0.2)]
    assert all(spec.clip is not None and spec.clip.threshold == 2 for spec in specs)
    assert base == {"epochs": 2, "optimizer": {"name": "sgd"}, "clip": None}


def test_enumerated_fields_parameters_and_whole_objects_can_be_searched():
    grid = {
        "loss": ["cross_entropy", "binary_crossentropy"],
        "parameters.alpha": [0.1, 0.2],
        "clip": [None, {"by": "norm"}],
    }
    specs = expand(sweep(activations=["elu"], grid=grid))
    assert len({spec.model_dump_json() for spec in specs}) == 8


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"grid": {"optimizer.learning_rate": [0.1, -1, 5000]}}, ["learning_rate/1", "learning_rate/2"]),
        ({"grid": {"optimizer.nothing": [1]}}, ["/grid/optimizer.nothing/0"]),
        ({"grid": {"epochs.more": [1]}, "base": {"epochs": 3}}, ["/grid/epochs.more/0"]),
        ({"grid": {"a/b": [1]}}, ["/grid/a~1b/0"]),
        ({"grid": {"optimizer.momentum": [0.9]}}, ["/grid/optimizer.momentum/0"]),
        ({"grid": {"parameters.alpha": [0.1]}, "activations": ["elu", "relu"]}, ["/grid/parameters.alpha/0"]),
        ({"grid": {"validation.fraction": [0.5]}, "base": {"train_samples": 50000}}, ["/base/train_samples"]),
        ({"activations": ["relu", "nothing"]}, ["/activations/1"]),
        ({"seeds": [0, -1]}, ["/seeds/1"]),
        ({"base": {"epochs": 0, "dropout": {"dense": 1}}}, ["/base/epochs", "/base/dropout/dense"]),
        ({"base": {"nothing": 1}}, ["/base/nothing"]),
    ],
)
def test_a_job_that_cannot_be_is_refused_where_the_request_asks_for_it(given: dict[str, Any], pointers: list[str]):
    with pytest.raises(InvalidSweep) as refused:
        expand(sweep(**given))
    found = list(refused.value.refusals)
    assert len(found) == len(pointers)
    assert all(pointer.endswith(expected) for pointer, expected in zip(found, pointers, strict=True)), found


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"base": {"activation": "relu"}}, "/base/activation"),
        ({"base": {"seed": 1}}, "/base/seed"),
        ({"grid": {"seed": [1]}}, "/grid/seed"),
        ({"grid": {"clip": [None], "clip.by": ["norm"]}}, "/grid/clip.by"),
        ({"grid": {"epochs": [1, 2, 1.0]}}, "/grid/epochs/2"),
        ({"activations": ["relu", "relu"]}, "/activations/1"),
        ({"seeds": [3, 3]}, "/seeds/1"),
        ({"seeds": list(range(86))}, ""),
    ],
)
def test_a_sweep_that_contradicts_itself_is_refused(given: dict[str, Any], pointer: str):
    with pytest.raises(ValidationError) as refused:
        sweep(**given)
    assert refused.value.errors()[0]["ctx"]["pointer"] == pointer


def test_512_jobs_are_allowed():
    assert len(expand(sweep(activations=["relu"], seeds=list(range(512))))) == 512
