"""The four optimizers, and their state as flat named tensors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from jobs import spec

EPSILON = 1e-7
"""Keras's value, at torch's place: added to the root, after Adam's bias correction."""

Parameters = Iterable[nn.Parameter]
Groups = list[dict[str, Any]]  # Any: torch's own format of parameters with their settings


def build(
    settings: spec.Optimizer, parameters: Parameters, learnt: Parameters = (), *, learnt_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Build the optimizer of the weights, and of activations' parameters, whose weight decay is their own."""
    groups: Groups = [{"params": [*parameters]}]
    if learnt := [*learnt]:
        groups.append({"params": learnt, "weight_decay": learnt_decay})
    return BUILDERS[settings.name](settings, groups)


def adam(settings: spec.Optimizer, parameters: Groups) -> Adam:
    decay = settings.weight_decay or 0.0
    return Adam(parameters, settings.learning_rate, eps=EPSILON, weight_decay=decay, fused=True)


def adamw(settings: spec.Optimizer, parameters: Groups) -> AdamW:
    decay = spec.ADAMW_DECAY if settings.weight_decay is None else settings.weight_decay
    return AdamW(parameters, settings.learning_rate, eps=EPSILON, weight_decay=decay, fused=True)


def rmsprop(settings: spec.Optimizer, parameters: Groups) -> RMSprop:
    momentum, decay = settings.momentum or 0.0, settings.weight_decay or 0.0
    return RMSprop(parameters, settings.learning_rate, alpha=0.9, eps=EPSILON, momentum=momentum, weight_decay=decay)


def sgd(settings: spec.Optimizer, parameters: Groups) -> SGD:
    momentum, decay = settings.momentum or 0.0, settings.weight_decay or 0.0
    return SGD(parameters, settings.learning_rate, momentum=momentum, weight_decay=decay, fused=True)


BUILDERS: Mapping[str, Callable[[spec.Optimizer, Groups], torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sgd": sgd,
}


def clip(parameters: Parameters, settings: spec.Clip | None) -> None:
    """Clip the gradients in place, tensor by tensor as Keras's clipvalue and clipnorm do."""
    if settings is None:
        return
    for gradient in (parameter.grad for parameter in parameters if parameter.grad is not None):
        if settings.by == "value":
            gradient.clamp_(-settings.threshold, settings.threshold)
        else:
            norm = torch.linalg.vector_norm(gradient)
            gradient.mul_(settings.threshold / norm.clamp(min=settings.threshold))


def get_state(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """Return the optimizer's state of each parameter, as ``conv1.weight.exp_avg`` and so on."""
    return {
        f"{name}.{slot}": value
        for name, parameter in network.named_parameters()
        for slot, value in optimizer.state[parameter].items()
        if value is not None  # SGD without momentum
    }


def restore(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    slots: dict[int, dict[str, Any]] = {}  # Any: torch's own format of an optimizer's state
    numbered = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = {parameter: number for number, parameter in enumerate(numbered)}
    named = dict(network.named_parameters())
    for key, value in tensors.items():
        name, _, slot = key.rpartition(".")
        slots.setdefault(numbers[named[name]], {})[slot] = copy_in_layout(value)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def copy_in_layout(value: Tensor) -> Tensor:
    """Copy into the parameter's memory order: the fused kernels walk parameter and state side by side."""
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value.clone()
