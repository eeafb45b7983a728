"""Training with formulas in place of the catalog's activations."""

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
import torch

from activations.formula.catalog import CATALOG_FORMULAS
from jobs.errors import Diverged
from tests.worker.training.histories import Start, compute_history, resume_after_an_epoch
from worker.training.classifier import build_classifier
from worker.training.randomness import make_generator

OWN = {"activation": "own", "formula": "a*x*sigmoid(b*x)", "parameters": {"a": 1.0, "b": 1.5}}
LEARNT = {**OWN, "trainable": {"parameters": ["b"], "per": "channel"}}


def write_as_formula(key: str) -> dict[str, Any]:  # of a spec
    return {"activation": "own", "formula": CATALOG_FORMULAS[key], "parameters": {"alpha": 1.0} if key == "elu" else {}}


@pytest.mark.parametrize("key", ["relu", "elu", "gelu-tanh", "mish"])
def test_three_epochs_of_a_formula_are_those_of_the_catalogs_activation(start: Start, key: str) -> None:
    changes = {"epochs": 3, "diagnostics": False}
    ours, plain = (
        [astuple(metrics) for metrics in compute_history(start(**changes, **activation))]
        for activation in (write_as_formula(key), {"activation": key.removesuffix("-tanh")})
    )

    for own, of_catalog in zip(ours, plain, strict=True):
        assert own == pytest.approx(of_catalog, rel=1e-5)


@pytest.mark.parametrize(("spec", "precision"), [(OWN, "float32"), (LEARNT, "float32"), (LEARNT, "bfloat16")], ids=str)
def test_a_resumed_job_is_equal_to_the_bit(start: Start, tmp_path: Path, spec: dict[str, Any], precision: str) -> None:
    changes = {**spec, "precision": precision, "train_samples": 128, "batch_size": 64}
    uninterrupted = start(**changes)
    expected = compute_history(uninterrupted)

    resumed = resume_after_an_epoch(start, tmp_path, **changes)

    assert compute_history(resumed) == expected[1:]
    assert (resumed.layers, resumed.parameters) == (uninterrupted.layers, uninterrupted.parameters)
    states = resumed.state_dict(), uninterrupted.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0].keys() | states[1].keys())


def test_a_prediction_uses_the_formula(start: Start) -> None:
    training = start(epochs=1, **LEARNT)
    list(training.epochs())
    images = training.test.images[:2]
    with torch.no_grad():
        expected = training.compute_logits(images).softmax(1)

    classify = build_classifier(training.spec, training.state_dict())

    assert torch.tensor([classify(image.tolist()) for image in images]).allclose(expected, atol=1e-6)


def test_a_formula_that_is_undefined_where_the_network_meets_it_ends_the_job(start: Start) -> None:
    training = start(activation="own", formula="log(x)")

    with pytest.raises(Diverged, match="training loss became NaN or infinite in epoch 1, batch 1"):
        list(training.epochs())


def test_a_learnt_parameter_that_leaves_the_formulas_domain_ends_the_job(start: Start) -> None:
    training = start(
        activation="own",
        formula="x*sqrt(a)",
        parameters={"a": 1e-6},
        trainable={"parameters": ["a"]},
        optimizer={"name": "sgd", "learning_rate": 100.0},
        clip=None,
    )

    with pytest.raises(Diverged, match="loss"):
        list(training.epochs())


@pytest.mark.parametrize("text", ["-relu(x)", "where(x > 1, 1, x^3)", "-x", "2"])
def test_activation_and_pooling_keep_their_order(start: Start, text: str) -> None:
    network = start(activation="own", formula=text).network
    x = torch.randn(2, 64, 24, 24, generator=make_generator("test", 0))

    assert torch.equal(network.pool(x), torch.nn.functional.max_pool2d(network.find_activation("conv2")(x), 2))


def test_diagnostics_use_the_formulas_own_derivative(start: Start) -> None:
    layers = []
    for activation in ({"activation": "relu"}, {"activation": "own", "formula": "where(x > 0, x, 0)"}):
        training = start(**activation)
        training.before_last_update = training.copy_parameters()
        layers.append(training.diagnose(1))

    for plain, own in zip(*(measured[:3] for measured in layers), strict=True):
        assert own.layer == plain.layer
        assert astuple(own)[2:] == pytest.approx(astuple(plain)[2:], rel=1e-5)
    assert 0 < layers[1][0].zero_fraction < 1
