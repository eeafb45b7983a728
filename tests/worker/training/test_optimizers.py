import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jobs.spec import Clip, Optimizer
from worker.training import optimizers

Array = np.ndarray
Memory = dict[str, Any]
Rule = Callable[[Array, Array, Memory, int], Array]

START = np.array([0.5, -2.0, 1e-3])
GRADIENTS = [np.array([0.1, -0.2, 3e-4]), np.array([-0.4, 0.1, 1e-4]), np.array([0.2, 0.2, -2e-4])]
RATE = 0.01


def adam(w: Array, g: Array, s: Memory, t: int):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    return w - RATE * (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)


def adam_l2(w: Array, g: Array, s: Memory, t: int):
    return adam(w, g + 0.1 * w, s, t)


def adamw(w: Array, g: Array, s: Memory, t: int):
    return adam(w * (1 - RATE * 0.004), g, s, t)


def adamw_strong(w: Array, g: Array, s: Memory, t: int):
    return adam(w * (1 - RATE * 0.1), g, s, t)


def rmsprop(w: Array, g: Array, s: Memory, _: object):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    s["b"] = s.get("momentum", 0) * s.get("b", 0) + g / (np.sqrt(s["v"]) + 1e-7)
    return w - RATE * s["b"]


def rmsprop_momentum(w: Array, g: Array, s: Memory, t: int):
    s["momentum"] = 0.8
    return rmsprop(w, g, s, t)


def sgd(w: Array, g: Array, _: object, __: object):
    return w - RATE * g


def sgd_momentum_l2(w: Array, g: Array, s: Memory, _: object):
    s["b"] = 0.9 * s.get("b", 0) + g + 0.1 * w
    return w - RATE * s["b"]


@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({"name": "adam"}, adam),
        ({"name": "adam", "weight_decay": 0.1}, adam_l2),
        ({"name": "adamw"}, adamw),
        ({"name": "adamw", "weight_decay": 0.0}, adam),
        ({"name": "adamw", "weight_decay": 0.1}, adamw_strong),
        ({"name": "rmsprop"}, rmsprop),
        ({"name": "rmsprop", "momentum": 0.8}, rmsprop_momentum),
        ({"name": "sgd"}, sgd),
        ({"name": "sgd", "momentum": 0.9, "weight_decay": 0.1}, sgd_momentum_l2),
    ],
)
def test_three_steps_are_what_the_formula_says(settings: dict[str, Any], formula: Rule) -> None:
    parameter = nn.Parameter(torch.tensor(START, dtype=torch.float32))
    optimizer = optimizers.build(Optimizer(learning_rate=RATE, **settings), [parameter])
    expected, memory = START, {}

    for step, gradient in enumerate(GRADIENTS, start=1):
        parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
        expected = formula(expected, gradient, memory, step)

    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=2e-5)


def with_gradient(values: list[float]) -> nn.Parameter:
    parameter = nn.Parameter(torch.zeros(len(values)))
    parameter.grad = torch.tensor(values)
    return parameter


def test_clipping_by_value_is_element_by_element() -> None:
    parameter = with_gradient([0.7, -3.0, 0.2, -0.5])

    optimizers.clip([parameter], Clip(by="value", threshold=0.5))

    assert parameter.grad.tolist() == pytest.approx([0.5, -0.5, 0.2, -0.5])


def test_clipping_by_norm_scales_each_tensor_of_its_own() -> None:
    long, short = with_gradient([3.0, 4.0]), with_gradient([0.3, 0.4])

    optimizers.clip([long, short], Clip(by="norm", threshold=1.0))

    assert long.grad.tolist() == pytest.approx([0.6, 0.8])
    assert short.grad.tolist() == pytest.approx([0.3, 0.4])


def test_a_zero_gradient_survives_clipping_by_norm() -> None:
    parameter = with_gradient([0.0, 0.0])

    optimizers.clip([parameter], Clip(by="norm", threshold=0.1))

    assert parameter.grad.tolist() == [0.0, 0.0]


def test_null_clips_nothing() -> None:
    parameter = with_gradient([1e9, -math.inf])

    optimizers.clip([parameter], None)

    assert parameter.grad.tolist() == [1e9, -math.inf]
