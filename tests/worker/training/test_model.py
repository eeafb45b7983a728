import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from activations.catalog import ACTIVATIONS
from jobs.spec import JobSpec
from worker.training.dropout import alpha_dropout, dropout
from worker.training.model import FUNCTIONS, IN_PLACE, Network, build_activation
from worker.training.randomness import make_generator

Tiny = Callable[..., JobSpec]
VARIANTS = [
    *((name, {}) for name in ACTIVATIONS),
    ("elu", {"alpha": 0.2}),
    ("leaky-relu", {"alpha": 0.0}),
    ("leaky-relu", {"alpha": 1.0}),
    ("gelu", {"approximate": "none"}),
    ("celu", {"alpha": 0.2}),
]


def network(spec: JobSpec) -> Network:
    return Network(spec, make_generator("weights", spec.seed))


def images(count: int = 8) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28, generator=make_generator("test", 0))


def test_the_parameters_are_the_articles(tiny: Tiny) -> None:
    counts = {
        name: sum(parameter.numel() for parameter in layer.parameters())
        for name, layer in network(tiny()).named_children()
    }

    assert counts == {"conv1": 320, "conv2": 18_496, "dense1": 1_179_776, "dense2": 1_290}
    assert sum(counts.values()) == 1_199_882


def test_every_activation_of_the_catalog_can_be_trained_and_no_other() -> None:
    assert set(FUNCTIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_torch_computes_what_the_catalog_says(name: str, parameters: dict[str, Any]) -> None:
    entry = ACTIVATIONS[name]
    parameters = entry.complete(parameters)
    x = torch.cat([torch.linspace(-30, 30, 6001, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    x.requires_grad_()

    value = build_activation(name, parameters)(x)
    (derivative,) = torch.autograd.grad(value.sum(), x)

    points = x.detach().numpy()
    np.testing.assert_allclose(value.detach().numpy(), entry.value(points, **parameters), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(derivative.numpy(), entry.derivative(points, **parameters), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_values_and_gradients_are_equal_to_the_bit(name: str, dtype: torch.dtype) -> None:
    x = torch.linspace(-9, 9, 1001, dtype=dtype).requires_grad_()
    results = []
    for function in (IN_PLACE[name], FUNCTIONS[name]):
        value = function(x * 1)
        results += [value.detach(), *torch.autograd.grad(value.sum(), x)]

    assert torch.equal(results[0], results[2])
    assert torch.equal(results[1], results[3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_from_zero_nothing_overflows_in_training_precision(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([-1e30, -200.0, 200.0, 1e30], dtype=dtype, requires_grad=True)
    if name == "gelu":  # torch's own overflows from 1e13 on
        x = (x.detach() / 1e20).requires_grad_()

    value = build_activation(name, ACTIVATIONS[name].complete({}))(x)
    (derivative,) = torch.autograd.grad(value.sum(), x)

    assert value.isfinite().all()
    assert derivative.isfinite().all()


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_the_network_is_the_articles_layers_in_the_articles_order(
    tiny: Tiny, name: str, parameters: dict[str, Any]
) -> None:
    net = network(tiny(activation=name, parameters=parameters)).double()
    act = build_activation(name, ACTIVATIONS[name].complete(parameters))

    x = act(F.conv2d(images().double(), net.conv1.weight, net.conv1.bias))
    x = F.max_pool2d(act(F.conv2d(x, net.conv2.weight, net.conv2.bias)), 2)
    x = act(F.linear(x.permute(0, 2, 3, 1).reshape(8, -1), net.dense1.weight, net.dense1.bias))
    expected = F.linear(x, net.dense2.weight, net.dense2.bias)
    logits = net(images().double())

    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-12)
    parameters = list(net.parameters())
    for ours, plain in zip(
        torch.autograd.grad(logits.square().sum(), parameters),
        torch.autograd.grad(expected.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("glorot_uniform", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("lecun_normal", lambda fan_in, _: 1 / fan_in),
        ("he_normal", lambda fan_in, _: 2 / fan_in),
        ("torch_default", lambda fan_in, _: 1 / (3 * fan_in)),
    ],
)
def test_initial_weights_have_the_variance_they_should(
    tiny: Tiny, initializer: str, variance: Callable[[int, int], float]
) -> None:
    net = network(tiny(initializer=initializer))
    fans = {"conv2": (9 * 32, 9 * 64), "dense1": (9216, 128)}  # Keras: receptive field x channels

    for name, (fan_in, fan_out) in fans.items():
        weight = getattr(net, name).weight.detach()
        tolerance = 5 * math.sqrt(2 / weight.numel())
        assert weight.var().item() == pytest.approx(variance(fan_in, fan_out), rel=tolerance)
        assert abs(weight.mean().item()) < 5 * math.sqrt(variance(fan_in, fan_out) / weight.numel())


def test_initial_biases_are_zero(tiny: Tiny) -> None:
    assert all(layer.bias.count_nonzero() == 0 for layer in network(tiny(initializer="torch_default")).children())


@pytest.mark.parametrize("initializer", ["lecun_normal", "he_normal"])
def test_normal_initializers_are_cut_at_two_standard_deviations_before_the_correction(
    tiny: Tiny, initializer: str
) -> None:
    weight = network(tiny(initializer=initializer)).dense1.weight.detach()
    cut = 2 * math.sqrt({"lecun_normal": 1, "he_normal": 2}[initializer] / 9216) / 0.87962566103423978

    assert 0.999 * cut < weight.abs().max() <= cut * 1.000001


def test_glorot_uniform_stays_within_its_bound(tiny: Tiny) -> None:
    weight = network(tiny(initializer="glorot_uniform")).dense1.weight.detach()

    assert 0.999 < weight.abs().max() / math.sqrt(6 / (9216 + 128)) <= 1


@pytest.mark.parametrize(("name", "meant"), [("selu", "lecun_normal"), ("relu", "glorot_uniform")])
def test_auto_initializes_as_the_activation_needs(tiny: Tiny, name: str, meant: str) -> None:
    auto, explicit = (network(tiny(activation=name, initializer=kind)) for kind in ("auto", meant))

    assert torch.equal(auto.dense1.weight, explicit.dense1.weight)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_only_selu_gets_alpha_dropout(tiny: Tiny, name: str) -> None:
    assert network(tiny(activation=name)).dropout is (alpha_dropout if name == "selu" else dropout)


def test_without_masks_there_is_no_dropout(tiny: Tiny) -> None:
    net = network(tiny(dropout={"convolution": 0.9, "dense": 0.9}))

    assert torch.equal(net(images()), net(images()))
    assert not torch.equal(net(images()), net(images(), make_generator("dropout", 0)))


@pytest.mark.parametrize(("place", "kept"), [("convolution", 9216), ("dense", 128)])
def test_each_rate_drops_in_its_own_place(tiny: Tiny, place: str, kept: int) -> None:
    rates = {"convolution": 0.0, "dense": 0.0} | {place: 0.5}
    net = network(tiny(dropout=rates))
    dropped = []
    net.dropout = lambda x, rate, _: dropped.append((x[0].numel(), rate)) or x

    net(images(), make_generator("dropout", 0))

    assert dict(dropped)[kept] == 0.5
    assert sorted(rate for _, rate in dropped) == [0.0, 0.5]


def test_the_layers_lie_in_channels_last_order(tiny: Tiny) -> None:
    net = network(tiny())
    seen = []
    net.conv2.register_forward_hook(lambda _, inputs, output: seen.extend((inputs[0], output)))

    net(images())

    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)


def test_making_a_network_leaves_the_global_generator_alone(tiny: Tiny) -> None:
    before = torch.get_rng_state()

    net = network(tiny())
    net(images(), make_generator("dropout", 0))

    assert torch.equal(torch.get_rng_state(), before)
