"""Deep random networks against torch's, and what the article and its sources say of them."""

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch

from activations import catalog
from activations.catalog import Parameters
from activations.propagation import INITIALIZERS, Layer, gradient_norms, propagate
from worker.training import diagnostics
from worker.training.model import build_activation

SETTING: dict[str, Any] = {"depth": 20, "width": 100, "samples": 200, "initializer": "glorot_uniform", "seed": 0}


def network(name: str, given: Parameters | None = None, **changes: Any) -> list[Layer]:
    entry = catalog.find(name)
    return propagate(entry, entry.complete(given or {}), **(SETTING | changes))


def some_parameters(name: str, random: np.random.Generator) -> Parameters:
    return {
        known.name: str(random.choice(known.choices))
        if known.choices
        else float(known.minimum + random.random() ** 3 * (known.maximum - known.minimum))
        for known in catalog.find(name).parameters
    }


# --- against torch


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_every_figure_is_that_of_torch_and_the_workers_diagnostics(name: str, seed: int):
    parameters = catalog.find(name).complete(some_parameters(name, np.random.default_rng(seed)))
    shape = {"depth": 6, "width": 15, "samples": 8}
    found = network(name, parameters, **shape, initializer="he_normal", seed=seed)

    weights, samples, v = the_same_draw(**shape, initializer="he_normal", seed=seed)
    biases = [torch.zeros(15, dtype=torch.float64, requires_grad=True) for _ in weights]
    act, pre_activations, x = build_activation(name, parameters), [], samples
    for weight, bias in zip(weights, biases, strict=True):
        pre_activations.append(x @ weight + bias)
        x = act(pre_activations[-1])
    gradients = torch.autograd.grad((v * x).sum() / 8, [*weights, *biases])

    for layer, z, of_weight, of_bias in zip(found, pre_activations, gradients[:6], gradients[6:], strict=True):
        expected = diagnostics.measure_activity(act, z.detach())
        expected |= {"gradient_norm": diagnostics.norm([of_weight, of_bias])}
        for figure in ("activation_mean", "activation_variance", "gradient_norm", "saturated_fraction"):
            assert getattr(layer, figure) == pytest.approx(expected[figure], rel=1e-9, abs=1e-14), figure
        if name != "sigmoid":  # whose 1 - s torch rounds to 0
            assert layer.dead_fraction == pytest.approx(expected["dead_fraction"], abs=1e-12)
    assert [layer.layer for layer in found] == [1, 2, 3, 4, 5, 6]


def the_same_draw(*, depth: int, width: int, samples: int, initializer: str, seed: int) -> Any:
    of_weights, of_input, of_cost = np.random.default_rng(seed).spawn(3)
    weights = [torch.tensor(INITIALIZERS[initializer](of_weights, width), requires_grad=True) for _ in range(depth)]
    return weights, *(torch.tensor(source.standard_normal((samples, width))) for source in (of_input, of_cost))


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [("glorot_uniform", 1), ("lecun_normal", 1), ("he_normal", 2), ("torch_default", 1 / 3)],
)
def test_weights_have_the_variance_they_should(initializer: str, variance: float):
    weights = INITIALIZERS[initializer](np.random.default_rng(0), 500)
    assert weights.shape == (500, 500)
    assert weights.var() * 500 == pytest.approx(variance, rel=0.02)
    assert abs(weights.mean()) < 5 * math.sqrt(variance / 500) / 500


@pytest.mark.parametrize("initializer", ["lecun_normal", "he_normal"])
def test_a_normal_initializer_is_cut_at_two_standard_deviations_before_the_correction(initializer: str):
    weights = INITIALIZERS[initializer](np.random.default_rng(0), 500)
    cut = 2 * math.sqrt({"lecun_normal": 1, "he_normal": 2}[initializer] / 500) / 0.87962566103423978
    assert 0.999 * cut < np.abs(weights).max() <= cut


# --- what is to be seen


@pytest.mark.parametrize("seed", range(5))
def test_selu_keeps_mean_0_and_variance_1_with_lecun_normal_weights(seed: int):
    for layer in network("selu", depth=50, width=200, samples=150, initializer="lecun_normal", seed=seed):
        assert abs(layer.activation_mean) < 0.1  # Klambauer et al., theorem 1
        assert 0.8 < layer.activation_variance < 1.5


@pytest.mark.parametrize(("initializer", "leaves"), [("he_normal", "up"), ("torch_default", "down")])
def test_selu_leaves_its_fixed_point_with_the_wrong_weights(initializer: str, leaves: str):
    last = network("selu", depth=50, width=200, samples=150, initializer=initializer)[-1]
    assert last.activation_variance > 10 if leaves == "up" else last.activation_variance < 1e-6


def test_the_gradient_of_sigmoid_vanishes_with_depth():
    norms = {depth: network("sigmoid", depth=depth)[0].gradient_norm for depth in (1, 5, 10, 20)}
    for shallow, deep in ((1, 5), (5, 10), (10, 20)):
        assert norms[deep] < norms[shallow] * 4.0 ** (shallow - deep) * 3  # a slope of at most 1/4 a layer


def test_layers_learn_at_different_speeds():
    norms = [layer.gradient_norm for layer in network("sigmoid")]
    assert norms == sorted(norms)
    assert norms[-1] > 1e8 * norms[0]


def test_a_gradient_explodes_where_each_layer_doubles_the_variance():
    identity = network("leaky-relu", {"alpha": 1.0}, depth=40, initializer="he_normal")
    assert identity[-1].activation_variance == pytest.approx(2.0**40, rel=0.9)
    single = network("leaky-relu", {"alpha": 1.0}, depth=1, initializer="he_normal")
    assert identity[0].gradient_norm > 2.0**15 * single[0].gradient_norm


def test_he_normal_weights_are_made_for_relu():
    made, other = (network("relu", width=300, initializer=kind)[-1] for kind in ("he_normal", "lecun_normal"))
    assert 0.1 < made.activation_variance < 10
    assert other.activation_variance == pytest.approx(made.activation_variance * 2.0**-20, rel=0.05)


def test_some_units_of_relu_are_dead_and_none_of_leaky_relu():
    assert network("relu", samples=20)[-1].dead_fraction > 0.05
    assert network("leaky-relu", samples=20)[-1].dead_fraction == 0


def test_a_steep_elu_saturates_and_a_sigmoid_between_small_weights_does_not():
    assert all(layer.saturated_fraction == 0 for layer in network("sigmoid"))
    assert network("elu", {"alpha": 100.0}, initializer="he_normal")[-1].saturated_fraction > 0.1


# --- draws


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    assert network("gelu") == network("gelu")
    assert network("gelu") != network("gelu", seed=1)


def test_the_weights_are_the_same_whatever_the_activation_and_the_depth():
    relu, leaky = network("relu"), network("leaky-relu", {"alpha": 0.0})
    assert list(map(asdict, relu)) == list(map(asdict, leaky))
    for deep, shallow in zip(relu, network("relu", depth=5), strict=False):
        assert replace(deep, gradient_norm=shallow.gradient_norm) == shallow


@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
def test_one_unit_and_one_sample_are_enough(name: str):
    for layer in network(name, depth=200, width=1, samples=1):
        assert all(map(math.isfinite, asdict(layer).values()))


# --- what float64 cannot hold


def test_the_smallest_gradients_are_not_lost():
    norms = [layer.gradient_norm for layer in network("sigmoid", depth=200, width=60, initializer="torch_default")]
    assert 0 < norms[0] < 1e-160  # whose square float64 cannot hold
    logarithms = np.log10(norms)
    assert np.abs(np.diff(logarithms) - np.diff(logarithms).mean()).max() < 0.5


@pytest.mark.parametrize(("slope", "limit"), [(1e30, math.inf), (1e-30, 0.0)])
def test_a_norm_beyond_float64_is_infinite_or_zero_and_the_others_are_exact(slope: float, limit: float):
    depth, width = 20, 3
    step = np.eye(width), np.zeros((1, width)), np.full((1, width), slope)
    norms = gradient_norms([step] * depth, np.ones((1, 3)))
    expected = [slope ** (depth - layer) if (depth - layer) * 30 <= 300 else limit for layer in range(depth)]
    assert norms == pytest.approx([math.sqrt(3) * norm for norm in expected], rel=1e-12)


def test_a_gradient_that_leaves_float64_and_comes_back_is_exact():
    slopes = [np.full((1, 1), slope) for slope in (1e-200, 1e-200, 1e200, 1e200)]
    norms = gradient_norms([(np.eye(1), np.zeros((1, 1)), slope) for slope in reversed(slopes)], np.ones((1, 1)))
    assert norms == pytest.approx([1, 1e200, math.inf, 1e200], rel=1e-12)


def test_activations_that_overflow_are_told_as_such_and_warn_nobody():
    growing = replace(
        catalog.find("relu"), value=lambda x: x * 1e100, derivative=lambda x: np.full_like(x, 1e100), parameters=()
    )
    layers = propagate(growing, {}, **(SETTING | {"depth": 8, "width": 5, "samples": 3}))
    assert math.isfinite(layers[0].activation_mean)
    assert layers[1].activation_variance == math.inf
    assert not math.isfinite(layers[-1].activation_mean)
    assert not math.isfinite(layers[-1].gradient_norm)
