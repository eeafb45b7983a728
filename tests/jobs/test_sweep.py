from typing import Any

import pytest
from pydantic import ValidationError

from jobs.sweep import InvalidSweep, SweepSpec, expand

LEARNT = {"parameters": ["alpha"]}


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


@pytest.mark.parametrize("seed", [-1, 2**32, True, "1"])
def test_seeds_are_those_of_a_job(seed: Any):
    with pytest.raises(ValidationError, match=r"seeds\.1\n"):
        sweep(seeds=[0, seed])


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"grid": {"optimizer.learning_rate": [0.1, -1, 5000]}}, ["learning_rate/1"]),
        ({"grid": {"optimizer.nothing": [1]}}, ["/grid/optimizer.nothing/0"]),
        ({"grid": {"epochs.more": [1]}, "base": {"epochs": 3}}, ["/grid/epochs.more/0"]),
        ({"grid": {"a/b": [1]}}, ["/grid/a~1b/0"]),
        ({"grid": {"optimizer.momentum": [0.9]}}, ["/grid/optimizer.momentum/0"]),
        ({"grid": {"parameters.alpha": [0.1]}, "activations": ["elu", "relu"]}, ["/grid/parameters.alpha/0"]),
        ({"grid": {"validation.fraction": [0.5]}, "base": {"train_samples": 50000}}, ["/base/train_samples"]),
        ({"activations": ["relu", "nothing"]}, ["/activations/1"]),
        ({"base": {"epochs": 0, "dropout": {"dense": 1}}}, ["/base/epochs", "/base/dropout/dense"]),
        ({"base": {"nothing": 1}}, ["/base/nothing"]),
        ({"grid": {"trainable": [None, LEARNT]}, "activations": ["elu", "relu"]}, ["/grid/trainable/1"]),
        ({"base": {"trainable": LEARNT}, "activations": ["relu"]}, ["/base/trainable/parameters/0"]),
        ({"grid": {"trainable.per": ["layer"]}, "activations": ["elu"]}, ["/base/trainable/parameters"]),
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


def test_only_the_first_bad_job_is_reported():
    """512 of them took minutes."""
    base = {"dropout": {"dense": 1}, **dict.fromkeys("abc", 1)}
    with pytest.raises(InvalidSweep) as refused:
        expand(sweep(base=base, grid={"epochs": [1, 0], "batch_size": [0, -1]}))
    assert [*refused.value.refusals] == ["/grid/batch_size/0", "/base/dropout/dense", "/base/a", "/base/b", "/base/c"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"base": {"metadata": {f"{number}": "x" * 500 for number in range(32)}}}, "/base/metadata"),
        ({"grid": {"metadata": [{}, {f"{number}": "x" * 500 for number in range(32)}]}}, "/grid/metadata/1"),
        ({"base": {"metadata": {"a": "x" * 500, "b": "x" * 499}}, "seeds": list(range(512))}, "/base/metadata"),
    ],
)
def test_a_sweep_with_too_much_metadata_is_refused_where_it_is(given: dict[str, Any], pointer: str):
    with pytest.raises(InvalidSweep) as refused:
        expand(sweep(**{"activations": ["relu"], **given}))
    assert [*refused.value.refusals] == [pointer]


def test_512_jobs_are_allowed():
    assert len(expand(sweep(activations=["relu"], seeds=list(range(512))))) == 512


@pytest.mark.parametrize(
    ("grid", "base", "twins"),
    [
        ({"clip": [{"threshold": 0.5}, {"by": "value", "threshold": 0.5}, {}]}, {}, ["clip/1", "clip/2"]),
        ({"clip": [{}, None, {"threshold": 0.5}]}, {}, ["clip/2"]),
        ({"optimizer": [{}, {"name": "adam"}]}, {}, ["optimizer/1"]),
        ({"optimizer": [{"learning_rate": 1}, {"learning_rate": 1.0, "name": "adam"}]}, {}, ["optimizer/1"]),
        ({"validation": [{"fraction": 0.2}, {"kind": "holdout"}]}, {}, ["validation/1"]),
        ({"protocol": [None, "article"]}, {"validation": {"kind": "test"}, "epochs": 5}, ["protocol/1"]),
        ({"optimizer.momentum": [None, 0]}, {"optimizer": {"name": "sgd"}}, ["optimizer.momentum/1"]),
        ({"optimizer.weight_decay": [0.004, None]}, {"optimizer": {"name": "adamw"}}, ["optimizer.weight_decay/1"]),
        ({"train_samples": [None, 48000]}, {}, ["train_samples/1"]),
        ({"initializer": ["glorot_uniform", "auto"]}, {}, ["initializer/1"]),
        ({"parameters": [{}, {"alpha": 1}]}, {}, ["parameters/1"]),
        ({"trainable": [LEARNT, {**LEARNT, "per": "layer"}, None]}, {}, ["trainable/1"]),
        ({"dropout": [{}, {"dense": 0.5}], "epochs": [1, 2]}, {}, ["dropout/1"]),
    ],
)
def test_the_same_job_in_other_words_is_refused_at_the_later_of_them(
    grid: dict[str, Any], base: dict[str, Any], twins: list[str]
):
    with pytest.raises(InvalidSweep) as refused:
        expand(sweep(activations=["elu"], seeds=[0, 1], grid=grid, base=base))
    assert sorted(refused.value.refusals) == [f"/grid/{twin}" for twin in twins]
    assert all("is equivalent to /grid/" in message for message in refused.value.refusals.values())


def test_one_job_that_comes_twice_is_enough():
    """Elu's alpha is 1, leaky-relu's is not."""
    with pytest.raises(InvalidSweep) as refused:
        expand(sweep(activations=["leaky-relu", "elu"], grid={"parameters": [{}, {"alpha": 1}]}))
    assert list(refused.value.refusals) == ["/grid/parameters/1"]


@pytest.mark.parametrize(
    "given",
    [
        {"grid": {"epochs": [10]}},
        {"grid": {"epochs": [10, 11]}, "base": {"epochs": 10}},
        {"grid": {"clip": [None, {}]}},
        {"grid": {"clip": [{"threshold": 1}, {"threshold": 1, "by": "norm"}]}},
        {"grid": {"initializer": ["auto", "glorot_uniform"]}, "activations": ["relu", "selu"]},
        {"grid": {"optimizer.weight_decay": [None, 0.004], "optimizer.name": ["sgd", "adamw"]}},
        {"grid": {"metadata.note": ["first", "second"]}},
        {"grid": {"trainable": [None, LEARNT, {**LEARNT, "per": "channel"}]}, "activations": ["elu", "celu"]},
        {"grid": {"trainable.per": ["network", "layer"]}, "base": {"trainable": LEARNT}, "activations": ["elu"]},
        {"grid": {"train_samples": [None, 48000], "validation.fraction": [0.2, 0.1]}},
    ],
)
def test_jobs_that_differ_are_accepted(given: dict[str, Any]):
    asked = sweep(**{"activations": ["relu"], **given})
    assert len(expand(asked)) == asked.jobs


def test_a_label_has_the_words_of_json():
    grid = {"clip": [{"threshold": 1}, None], "diagnostics": [True], "loss": ["cross_entropy"], "batch_size": [64]}
    assert [found.label for found in sweep(activations=["relu"], grid=grid).configurations] == [
        'relu, clip {"threshold": 1}, diagnostics true, loss cross_entropy, batch_size 64',
        "relu, clip null, diagnostics true, loss cross_entropy, batch_size 64",
    ]


def test_a_sweep_of_fixed_and_learnt_parameters_says_which_is_which():
    asked = sweep(activations=["elu"], grid={"trainable": [None, LEARNT], "parameters.alpha": [0.1]})
    assert [found.label for found in asked.configurations] == [
        "elu, trainable null, parameters.alpha 0.1",
        'elu, trainable {"parameters": ["alpha"]}, parameters.alpha 0.1',
    ]
    assert [spec.trainable and spec.trainable.parameters for spec in expand(asked)] == [None, ["alpha"]]
