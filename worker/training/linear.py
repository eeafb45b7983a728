"""A dense layer whose three products oneDNN computes on the CPU, in float32."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own


class Linear(nn.Linear):
    """nn.Linear, which on the CPU calls MKL in float32; for these shapes oneDNN takes 60 to 80 % of its time."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32 and x.is_cpu and HAS_ONEDNN:
            y: Tensor = OneDnnLinear.apply(x, self.weight, self.bias)
            return y
        return F.linear(x, self.weight, self.bias)


class OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401  # torch's own
        ctx.save_for_backward(x, weight)
        return multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401  # torch's own
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        return multiply(gradient, weight.t()), multiply(gradient.t(), x.t()), gradient.sum(0)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x weight^T + bias. The operator is what torch.compile calls; torch has no public name for it."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # noqa: SLF001
    return product
