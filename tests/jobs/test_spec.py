from typing import Any

import pytest
from pydantic import ValidationError

from activations import catalog
from jobs.spec import Holdout, JobSpec, Trainable


def test_the_stored_spec_reads_back_as_itself() -> None:
    for spec in (
        JobSpec(activation="gelu"),
        JobSpec.model_validate(
            {"activation": "elu", "parameters": {"alpha": 0.2}, "clip": None, "protocol": "article"}
        ),
    ):
        assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_every_activation_of_the_catalog_can_be_asked_for(name: str) -> None:
    assert JobSpec(activation=name).parameters == catalog.find(name).complete({})


def test_the_defaults_are_those_of_the_contract() -> None:
    spec = JobSpec(activation="relu").model_dump()
    assert spec == {
        "activation": "relu",
        "formula": None,
        "parameters": {},
        "trainable": None,
        "epochs": 10,
        "batch_size": 128,
        "optimizer": {"name": "adam", "learning_rate": 1e-3, "momentum": None, "weight_decay": None},
        "clip": {"by": "value", "threshold": 0.5},
        "loss": "binary_crossentropy",
        "dropout": {"convolution": 0.25, "dense": 0.5},
        "initializer": "auto",
        "validation": {"kind": "holdout", "fraction": 0.2},
        "protocol": None,
        "train_samples": None,
        "seed": 0,
        "precision": "float32",
        "device": "auto",
        "diagnostics": True,
        "checkpoint_every": 1,
        "metadata": {},
    }


@pytest.mark.parametrize(("fraction", "left"), [(0.2, 48_000), (0.1, 54_000), (0.3, 42_000), (0.001, 59_940)])
def test_the_holdout_is_split_as_keras_splits(fraction: float, left: int) -> None:
    assert JobSpec(activation="relu", validation=Holdout(fraction=fraction)).images_left_for_training == left


def test_training_on_more_images_than_the_split_leaves_is_refused() -> None:
    JobSpec(activation="relu", train_samples=48_000)
    with pytest.raises(ValidationError, match="leaves 48000 images"):
        JobSpec(activation="relu", train_samples=48_001)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        JobSpec(activation="relu").epochs = 3  # type: ignore[misc]


def test_a_validation_without_a_kind_is_a_holdout() -> None:
    spec = JobSpec.model_validate({"activation": "relu", "validation": {"fraction": 0.1}})
    assert spec.validation == Holdout(fraction=0.1)


def test_metadata_in_another_order_is_the_same_spec():
    one, other = ({"activation": "relu", "metadata": given} for given in ({"b": "1", "aa": "2"}, {"aa": "2", "b": "1"}))
    assert JobSpec.model_validate(one).model_dump_json() == JobSpec.model_validate(other).model_dump_json()


@pytest.mark.parametrize("name", ["leaky-relu", "elu", "celu"])
def test_a_numeric_parameter_can_be_learnt(name: str) -> None:
    spec = JobSpec.model_validate({"activation": name, "trainable": {"parameters": ["alpha"]}})
    assert spec.trainable == Trainable(parameters=["alpha"], per="layer", weight_decay=0)
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("activation", "trainable", "pointer", "message"),
    [
        ("relu", {"parameters": ["alpha"]}, "/trainable/parameters/0", "relu has no parameter 'alpha'; it has: none"),
        ("elu", {"parameters": ["alpha", "beta"]}, "/trainable/parameters/1", "elu has no parameter 'beta'"),
        ("gelu", {"parameters": ["approximate"]}, "/trainable/parameters/0", "approximate is a choice"),
        ("elu", {"parameters": ["alpha", "alpha"]}, "/parameters/1", "alpha is named twice"),
    ],
)
def test_only_numeric_parameters_can_be_learnt_and_each_once(
    activation: str, trainable: dict[str, Any], pointer: str, message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        JobSpec.model_validate({"activation": activation, "trainable": trainable})
    [error] = refused.value.errors()
    assert error["ctx"]["pointer"] == pointer
    assert message in error["msg"]


@pytest.mark.parametrize("trainable", [{}, {"parameters": []}, {"parameters": ["alpha"], "per": "unit"}])
def test_what_is_learnt_is_named(trainable: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate({"activation": "elu", "trainable": trainable})


def test_a_spec_stored_before_parameters_could_be_learnt_learns_none() -> None:
    stored = JobSpec(activation="elu").model_dump(mode="json", exclude={"trainable"})
    assert JobSpec.model_validate(stored).trainable is None


def test_the_order_in_which_learnt_parameters_are_named_makes_no_other_training():
    two = (Trainable(parameters=names) for names in (["b", "a"], ["a", "b"]))
    assert len({trainable.sort().model_dump_json() for trainable in two}) == 1
