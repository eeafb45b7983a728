import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from jobs.metrics import LayerMetrics
from jobs.spec import Clip
from worker.training.diagnostics import SATURATED, mark_clipped
from worker.training.train import Training

Start = Callable[..., Training]
LAYERS = ["conv1", "conv2", "dense1", "dense2"]


def after_one_epoch(training: Training) -> dict[str, LayerMetrics]:
    next(training.epochs())
    return {layer.layer: layer for layer in training.layers}


def diagnose(training: Training) -> dict[str, LayerMetrics]:
    """Measure the network as it is now."""
    training.before_last_update = training.copy_parameters()
    return {layer.layer: layer for layer in training.diagnose(1)}


def test_each_layer_is_measured_every_epoch(start: Start) -> None:
    training = start()

    for metrics in training.epochs():
        assert [(layer.epoch, layer.layer) for layer in training.layers] == [(metrics.epoch, name) for name in LAYERS]
    assert all(layer.gradient_norm > 0 and layer.update_ratio > 0 for layer in training.layers)


def test_without_diagnostics_nothing_is_measured(start: Start) -> None:
    training = start(epochs=1, diagnostics=False)

    list(training.epochs())

    assert training.layers == []


@pytest.mark.parametrize("activation", ["relu", "selu", "gelu"])
def test_looking_does_not_change_the_training(start: Start, activation: str) -> None:
    on, off = (start(activation=activation, diagnostics=diagnostics) for diagnostics in (True, False))

    list(on.epochs())
    list(off.epochs())

    assert all(torch.equal(a, b) for a, b in zip(on.state_dict().values(), off.state_dict().values(), strict=True))


def test_looking_leaves_gradients_and_hooks_as_they_were(start: Start) -> None:
    training = start(epochs=1, diagnostics=False)
    list(training.epochs())
    before = [parameter.grad.clone() for parameter in training.network.parameters()]

    diagnose(training)

    assert all(torch.equal(p.grad, g) for p, g in zip(training.network.parameters(), before, strict=True))
    assert not training.network.conv1._forward_hooks


def test_the_gradient_norm_is_that_of_the_probe_batch(start: Start) -> None:
    training = start()
    layers = diagnose(training)

    images, labels = training.training.images[:256], training.training.labels[:256]
    logits = training.network(images.unsqueeze(1) / 255)
    p, truth = logits.softmax(1), torch.nn.functional.one_hot(labels, 10)
    (-(truth * p.log() + (1 - truth) * (1 - p).log())).mean().backward()

    for name, layer in training.network.named_children():
        expected = math.hypot(layer.weight.grad.norm().item(), layer.bias.grad.norm().item())
        assert layers[name].gradient_norm == pytest.approx(expected, rel=1e-4)


def test_the_update_ratio_is_that_of_the_last_update(start: Start) -> None:
    training = start(epochs=2, batch_size=128)  # one update an epoch
    epochs = training.epochs()
    next(epochs)
    before = training.state_dict()
    next(epochs)
    after = training.state_dict()

    for layer in training.layers:
        names = [f"network.{layer.layer}.{kind}" for kind in ("weight", "bias")]
        step = math.hypot(*((after[name] - before[name]).norm().item() for name in names))
        size = math.hypot(*(after[name].norm().item() for name in names))
        assert layer.update_ratio == pytest.approx(step / size, rel=1e-4)


def test_a_dead_layer_is_seen_as_dead(start: Start) -> None:
    training = start()
    with torch.no_grad():
        training.network.conv2.bias.fill_(-100)

    layers = diagnose(training)

    assert (layers["conv2"].dead_fraction, layers["conv2"].zero_fraction) == (1, 1)
    assert (layers["conv2"].activation_mean, layers["conv2"].activation_variance) == (0, 0)
    assert layers["conv1"].dead_fraction < 1
    assert layers["conv1"].gradient_norm == layers["conv2"].gradient_norm == 0  # the article's dead ReLU


def test_a_filter_is_dead_only_if_it_is_so_everywhere(start: Start) -> None:
    training = start()
    with torch.no_grad():
        training.network.conv1.bias[:8] = -100

    conv1 = diagnose(training)["conv1"]

    assert conv1.dead_fraction == 8 / 32
    assert 8 / 32 < conv1.zero_fraction < 1  # the black border is zero for living filters too


def test_a_saturated_layer_is_seen_as_saturated_but_not_as_dead(start: Start) -> None:
    training = start(activation="sigmoid")
    with torch.no_grad():
        training.network.dense1.bias.fill_(-12)

    dense1 = diagnose(training)["dense1"]

    assert 1 / (1 + math.exp(12)) < SATURATED
    assert (dense1.saturated_fraction, dense1.dead_fraction, dense1.zero_fraction) == (1, 0, 0)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_moments_are_those_of_the_activation_before_pooling(start: Start, activation: str) -> None:
    training = start(activation=activation)
    layers = diagnose(training)

    net = training.network
    with torch.no_grad():
        x = training.training.images[:256].unsqueeze(1) / 255
        activate = net.find_activation("conv2")
        value = activate(net.conv2(activate(net.conv1(x))))

    assert layers["conv2"].activation_mean == pytest.approx(value.mean().item(), rel=1e-4)
    assert layers["conv2"].activation_variance == pytest.approx(value.var(correction=0).item(), rel=1e-4)


def test_the_output_layer_has_no_activation(start: Start) -> None:
    dense2 = diagnose(start())["dense2"]

    assert dataclasses.astuple(dense2)[4:9] == (None,) * 5


@pytest.mark.parametrize(
    ("clip", "low", "high"),
    [
        (None, 0, 0),
        ({"by": "value", "threshold": 0.5}, 0, 0),
        ({"by": "value", "threshold": 1e-5}, 0.01, 0.99),
        ({"by": "norm", "threshold": 1e-5}, 0.5, 1),
        ({"by": "norm", "threshold": 1e3}, 0, 0),
    ],
)
def test_the_clipped_fraction_follows_the_clipping(
    start: Start, clip: dict[str, Any] | None, low: float, high: float
) -> None:
    fraction = diagnose(start(clip=clip))["dense1"].clipped_fraction

    assert low <= fraction <= high


def test_clipping_by_value_counts_elements_beyond_the_threshold() -> None:
    gradient = torch.tensor([0.6, -0.7, 0.5, 0.0])

    assert mark_clipped(gradient, Clip(by="value", threshold=0.5)).tolist() == [True, True, False, False]


def test_clipping_by_norm_counts_all_that_is_scaled() -> None:
    gradient = torch.tensor([3.0, 4.0, 0.0])

    assert mark_clipped(gradient, Clip(by="norm", threshold=4.9)).tolist() == [True, True, False]
    assert not mark_clipped(gradient, Clip(by="norm", threshold=5.1)).any()
