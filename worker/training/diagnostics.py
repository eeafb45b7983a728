"""Diagnostics of the network, layer by layer, on a fixed probe batch. They change nothing."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict

import torch
from torch import Tensor, nn

from activations.propagation import SATURATED
from jobs.metrics import LayerMetrics
from jobs.spec import Clip
from worker.training.model import LAYERS, Function, Network

PROBE_IMAGES = 256

NamedTensors = Mapping[str, Tensor]


def measure(
    network: Network, probe_loss: Callable[[], Tensor], *, epoch: int, before: NamedTensors, clip: Clip | None
) -> list[LayerMetrics]:
    """Return one entry a layer, in order; its parameters are its weights and biases together.

    Args:
        network: as it is after the epoch.
        probe_loss: runs the probe batch through the network, without dropout, and returns the mean loss.
        epoch: 1-based.
        before: the parameters before the epoch's last update.
        clip: what the training clips by; gradient norms are those before clipping.
    """
    after = dict(network.named_parameters())
    with record_pre_activations(network) as recorded:
        gradients = dict(zip(after, torch.autograd.grad(probe_loss(), list(after.values())), strict=True))
    steps = {name: after[name] - before[name] for name in after}
    return [
        LayerMetrics(
            epoch=epoch,
            layer=layer,
            gradient_norm=norm(select_layer(layer, gradients)),
            update_ratio=norm(select_layer(layer, steps))
            / max(norm(select_layer(layer, after)), torch.finfo(torch.float32).tiny),
            clipped_fraction=clipped_fraction(select_layer(layer, gradients), clip),
            **measure_activity(network.find_activation(layer), recorded[layer]) if layer in recorded else NO_ACTIVITY,
        )
        for layer in LAYERS
    ]


@contextlib.contextmanager
def record_pre_activations(network: Network) -> Iterator[dict[str, Tensor]]:
    """Record the output of each activated layer, before activation and pooling, while the network runs."""
    recorded: dict[str, Tensor] = {}

    def record(name: str, _layer: nn.Module, _inputs: object, output: Tensor) -> None:
        recorded[name] = output.detach().to(torch.float32, copy=True)  # the network may activate it in place

    layers = {"conv1": network.conv1, "conv2": network.conv2, "dense1": network.dense1}
    with contextlib.ExitStack() as stack:
        for name, layer in layers.items():
            stack.enter_context(layer.register_forward_hook(functools.partial(record, name)))
        yield recorded


def select_layer(layer: str, tensors: NamedTensors) -> list[Tensor]:
    return [tensors[f"{layer}.{name}"].detach() for name in ("weight", "bias")]


def norm(tensors: list[Tensor]) -> float:
    return float(torch.linalg.vector_norm(torch.cat([tensor.flatten() for tensor in tensors])))


def clipped_fraction(gradients: list[Tensor], clip: Clip | None) -> float:
    """Return the fraction of the elements that the training's clipping would change."""
    if clip is None:
        return 0.0
    changed = sum(int(mark_clipped(gradient, clip).sum()) for gradient in gradients)
    return changed / sum(gradient.numel() for gradient in gradients)


def mark_clipped(gradient: Tensor, clip: Clip) -> Tensor:
    if clip.by == "value":
        return gradient.abs() > clip.threshold
    return (gradient != 0) & bool(torch.linalg.vector_norm(gradient) > clip.threshold)


class Activity(TypedDict):
    activation_mean: float | None
    activation_variance: float | None
    zero_fraction: float | None
    dead_fraction: float | None
    saturated_fraction: float | None


NO_ACTIVITY = Activity(
    activation_mean=None, activation_variance=None, zero_fraction=None, dead_fraction=None, saturated_fraction=None
)
"""The output layer has no activation."""


def measure_activity(function: Function, z: Tensor) -> Activity:
    """Measure an activation's values and derivatives on its input [n, units, ...].

    Zero is the fraction of values that are exactly 0, saturated that of |derivative| < SATURATED. Dead is a fraction
    of units: a neuron, or the whole filter of a convolution, whose derivative is exactly 0 in float32 at every place
    of every image, so that its weights get no gradient at all.
    """
    value, slope = differentiate(function, z)
    variance, mean = torch.var_mean(value, correction=0)
    return Activity(
        activation_mean=float(mean),
        activation_variance=float(variance),
        zero_fraction=fraction(value == 0),
        dead_fraction=fraction((slope == 0).transpose(0, 1).flatten(1).all(1)),
        saturated_fraction=fraction(slope.abs() < SATURATED),
    )


def differentiate(function: Function, z: Tensor) -> tuple[Tensor, Tensor]:
    value = function(z.requires_grad_())
    (slope,) = torch.autograd.grad(value, z, torch.ones_like(value))
    return value.detach(), slope


def fraction(true: Tensor) -> float:
    return int(true.sum()) / true.numel()
