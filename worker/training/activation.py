"""Activations made of formulas: the value forward, the formula's own derivative backward, and parameters that learn.

float32 inside: bfloat16 is widened.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from activations.formula.formula import Formula
from activations.formula.table import CONSTANTS
from activations.formula.tree import Node
from worker.training.kernel import BLOCK, Kernel, arrange, flatten
from worker.training.lowering import bind, lower


class FormulaActivation:
    """A formula as a function of tensors [n, channels, ...]; ``learnt`` are the parameters that it is called with."""

    def __init__(self, formula: Formula, parameters: Mapping[str, float | str], learnt: Collection[str] = ()) -> None:
        fixed = {name: float(parameters[name]) for name in formula.parameters if name not in learnt}

        def prepare(node: Node) -> Node:
            return lower(bind(node, {**CONSTANTS, **fixed}))

        self.learnt = tuple(learnt)
        value, *slopes = map(prepare, (formula.value, formula.derivative, *map(formula.slope, learnt)))
        self.value = Kernel(value)
        self.value_and_slopes = Kernel(value, *slopes)

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            result: Tensor = ValueWithSlopes.apply(x, self, *parameters)
            return result
        (value,) = self.value.compute(widen(x), self.name(parameters))
        return value.to(x.dtype)

    def name(self, parameters: Collection[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.learnt, parameters, strict=True))


class ValueWithSlopes(torch.autograd.Function):
    """Keeps the derivatives by x and by the parameters in place of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: FormulaActivation, *parameters: Tensor) -> Tensor:  # noqa: ANN401  # torch's own
        value, *slopes = function.value_and_slopes.compute(widen(x), function.name(parameters))
        ctx.parameters = parameters
        ctx.save_for_backward(*slopes)
        return value.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401  # torch's own
        (gradient,) = gradients
        of_x, *of_parameters = multiply(widen(gradient), ctx.saved_tensors, ctx.parameters)
        return of_x.to(gradient.dtype), None, *of_parameters


def multiply(gradient: Tensor, slopes: Sequence[Tensor], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Multiply by the slopes, in place, and sum up over the elements that share a number of a parameter."""
    of_x, *others = slopes
    if not others:
        return [of_x.mul_(gradient)]
    channels = max(parameter.numel() for parameter in parameters)
    rows = BLOCK[gradient.device.type] // channels
    flat = (torch.split(flatten(tensor).view(-1, channels), rows) for tensor in (gradient, *slopes))
    sums = [torch.zeros_like(parameter, dtype=torch.float64) for parameter in parameters]
    for given, by_x, *by_parameters in zip(*flat, strict=True):
        by_x.mul_(given)
        for total, slope in zip(sums, by_parameters, strict=True):
            slope.mul_(given)
            total.add_(slope.sum(0) if total.dim() else slope.sum())
    return [of_x, *(total.to(parameter.dtype) for total, parameter in zip(sums, parameters, strict=True))]


def widen(x: Tensor) -> Tensor:
    return arrange(x if x.dtype == torch.float64 else x.float())


class LearntActivation(nn.Module):
    """A formula with parameters of its own, which start at ``initial``: one number each, or one for each channel."""

    def __init__(
        self, function: FormulaActivation, initial: Mapping[str, float | str], shape: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.function = function
        for name in function.learnt:
            # register_parameter refuses the names of a module's own attributes, `half` and `type` among them.
            self._parameters[name] = nn.Parameter(torch.full(shape, float(initial[name])))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parameters())
