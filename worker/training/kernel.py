"""Programs of formulas over the elements of tensors, in blocks that stay in a CPU's cache."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from activations.formula.program import Program
from activations.formula.table import FUNCTIONS
from activations.formula.tree import Node
from worker.training.lowering import KEEP

BLOCK = {"cpu": 2**19, "cuda": 2**22}
"""Elements at a time: 2 MB for each value of the program on a CPU. In smaller blocks, threads wait for each other more
often, and on busy cores for long; on a GPU it only bounds the memory."""

Operation = Callable[..., Tensor]
Values = list[Any]  # tensors by the program's numbers, None until computed


def keep(condition: Tensor, value: Tensor, *, out: Tensor) -> Tensor:
    """Compute ``value`` where the condition is 1, else 0: relu's backward pass, which is a blend without branches."""
    kept: Tensor = torch.ops.aten.threshold_backward.grad_input(value, condition, 0.0, grad_input=out)
    return kept


def find_operation(function: str) -> Operation:
    """Find a function of lowered trees; it takes tensors, and ``out``, which may be one of them."""
    operation: Operation = keep if function == KEEP else attrgetter(FUNCTIONS[function].torch)(torch)
    return operation


class Kernel:
    """Computes some lowered trees of x and parameters, their common subexpressions once."""

    def __init__(self, *nodes: Node) -> None:
        self.program = program = Program.compile(*nodes)
        self.inputs = {place for place, name in program.names if name == "x"}
        varying = {*self.inputs}
        for step in program.steps:
            if not varying.isdisjoint(step.arguments):
                varying.add(step.target)
        self.shared_steps = [step for step in program.steps if step.target not in varying]
        self.temporary = varying - self.inputs - {*program.results}
        self.steps = [
            (find_operation(step.function), step.arguments, [*self.temporary & {*step.last}], step.target)
            for step in program.steps
            if step.target in varying
        ]
        self.numbers: dict[tuple[torch.device, torch.dtype], Mapping[int, Tensor]] = {}

    def start(self, x: Tensor, parameters: Mapping[str, Tensor]) -> "Pass":
        """Start a pass over all elements of ``x``, which is flat.

        A parameter is one number, or has one for each channel; the channels of ``x`` are side by side.
        """
        channels = max((parameter.numel() for parameter in parameters.values()), default=1)
        block = min(BLOCK[x.device.type], x.numel()) // channels * channels
        values: Values = [None] * self.program.size
        for place, number in self.find_numbers(x).items():
            values[place] = number
        for place, name in self.program.names:
            if name in parameters:
                parameter = parameters[name].to(x.dtype)
                values[place] = parameter.repeat(block // channels) if parameter.dim() else parameter
        for step in self.shared_steps:
            arguments = [values[argument] for argument in step.arguments]
            values[step.target] = find_operation(step.function)(*arguments, out=x.new_empty(0))
        return Pass(self, values, block)

    def find_numbers(self, x: Tensor) -> Mapping[int, Tensor]:
        """Find the program's numbers as tensors; to copy them to a GPU takes a synchronization."""
        key = x.device, x.dtype
        if key not in self.numbers:
            self.numbers[key] = {place: x.new_tensor(value) for place, value in self.program.numbers}
        return self.numbers[key]

    def compute(self, x: Tensor, parameters: Mapping[str, Tensor]) -> list[Tensor]:
        """Compute the results, each in shape and memory order of ``x``."""
        results = [torch.empty_like(x) for _ in self.program.results]
        flat, *into = (flatten(tensor) for tensor in (x, *results))
        running = self.start(flat, parameters)
        for rows in running.split(flat.numel()):
            running.compute(flat[rows], [result[rows] for result in into])
        return results


class Pass:
    """One pass of a kernel over a tensor, block by block; its temporary values use the same memory again."""

    def __init__(self, kernel: Kernel, shared: Values, block: int) -> None:
        self.kernel = kernel
        self.shared = shared
        self.block = block
        self.free: list[Tensor] = []

    def split(self, elements: int) -> list[slice]:
        return [slice(start, start + self.block) for start in range(0, elements, self.block)] if elements else []

    def compute(self, x: Tensor, into: Sequence[Tensor]) -> None:
        """Compute the results of one block into flat tensors; only the last block may be smaller."""
        if len(x) < self.block:
            self.shrink(len(x))
        values = [*self.shared]
        for place in self.kernel.inputs:
            values[place] = x
        targets = dict(zip(self.kernel.program.results, into, strict=True))
        for operation, arguments, last, target in self.kernel.steps:
            operands = [values[argument] for argument in arguments]
            self.free += [values[place] for place in last]
            out = targets[target] if target in targets else self.take(x)
            values[target] = operation(*operands, out=out)
        for place, result in zip(self.kernel.program.results, into, strict=True):
            if values[place] is not result:
                result.copy_(values[place])

    def take(self, x: Tensor) -> Tensor:
        return self.free.pop() if self.free else torch.empty_like(x)

    def shrink(self, elements: int) -> None:
        self.block = elements
        self.shared = [value[:elements] if value is not None and value.dim() else value for value in self.shared]
        self.free = [buffer[:elements] for buffer in self.free]


def flatten(x: Tensor) -> Tensor:
    """View the elements in their memory order: images are channels_last."""
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).view(-1)


def arrange(x: Tensor) -> Tensor:
    """Arrange the elements in the memory order that ``flatten`` needs; copies nothing that has it."""
    order = torch.channels_last if x.dim() == 4 else torch.contiguous_format
    return x.contiguous(memory_format=order)
