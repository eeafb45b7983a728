"""Activations made of formulas: the value forward, the formula's own derivative backward, and parameters that learn.

float32 inside: bfloat16 is widened.
"""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from activations.formula.formula import Formula
from activations.formula.table import CONSTANTS
from activations.formula.tree import Node
from worker.training.kernel import Kernel, arrange, flatten
from worker.training.lowering import bind, lower


class FormulaActivation:
    """A formula as a function of tensors [n, channels, ...]; ``learnt`` are the parameters that it is called with."""

    def __init__(self, formula: Formula, parameters: Mapping[str, float | str], learnt: Collection[str] = ()) -> None:
        fixed = {name: float(parameters[name]) for name in formula.parameters if name not in learnt}

        def prepare(node: Node) -> Node:
            return lower(bind(node, {**CONSTANTS, **fixed}))

        self.learnt = tuple(learnt)
        value, derivative = prepare(formula.value), prepare(formula.derivative)
        self.value = Kernel(value)
        self.both = Kernel(value, derivative)
        self.slopes = Kernel(derivative, *(prepare(formula.slope(name)) for name in learnt))

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return self.evaluate(x, parameters)
        result: Tensor = (Learnt.apply if parameters else Fixed.apply)(x, self, *parameters)
        return result

    def evaluate(self, x: Tensor, parameters: Collection[Tensor]) -> Tensor:
        (value,) = self.value.compute(widen(x), self.name(parameters))
        return value.to(x.dtype)

    def name(self, parameters: Collection[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.learnt, parameters, strict=True))


class Fixed(torch.autograd.Function):
    """Keeps the derivative in place of the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: FormulaActivation) -> Tensor:  # noqa: ANN401  # torch's own
        value, derivative = function.both.compute(widen(x), {})
        ctx.save_for_backward(derivative)
        return value.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  # torch's own
        (gradient,), (derivative,) = gradients, ctx.saved_tensors
        return derivative.mul_(gradient).to(gradient.dtype), None  # in place: nothing else needs it


class Learnt(torch.autograd.Function):
    """Keeps the input, from which derivative and slopes by the parameters are computed together."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: FormulaActivation, *parameters: Tensor) -> Tensor:  # noqa: ANN401  # torch's own
        ctx.function = function
        ctx.save_for_backward(x, *parameters)
        return function.evaluate(x, parameters)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401  # torch's own
        (gradient,), (x, *parameters) = gradients, ctx.saved_tensors
        of_x, *of_parameters = differentiate(ctx.function, widen(x), widen(gradient), parameters)
        return of_x.to(x.dtype), None, *of_parameters


def differentiate(function: FormulaActivation, x: Tensor, gradient: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """Compute the gradients of x and of each parameter, which is summed over the elements that share a number of it."""
    sums = [torch.zeros_like(parameter, dtype=torch.float64) for parameter in parameters]
    of_x = torch.empty_like(x)
    flat, outer, inner = flatten(x), flatten(gradient), flatten(of_x)
    running = function.slopes.start(flat, function.name(parameters))
    slopes = [flat.new_empty(running.block) for _ in parameters]
    for rows in running.split(flat.numel()):
        block, given = inner[rows], outer[rows]
        slopes = [slope[: len(block)] for slope in slopes]
        running.compute(flat[rows], [block, *slopes])
        block.mul_(given)
        for total, slope in zip(sums, slopes, strict=True):
            total.add_(slope.mul_(given).view(-1, total.numel()).sum(0).view_as(total))
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
