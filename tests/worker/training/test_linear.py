import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.worker.training.histories import Start
from worker.training.linear import Linear, OneDnnLinear
from worker.training.randomness import make_generator


def random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=make_generator("test", 0))


@pytest.mark.parametrize("images", [1, 3, 128])
def test_values_and_gradients_are_those_of_a_linear_layer(images: int):
    layer = Linear(9216, 128)
    x = random(images, 9216).requires_grad_()
    inputs = (x, layer.weight, layer.bias)

    ours = torch.autograd.grad(layer(x).square().sum(), inputs)
    expected = torch.autograd.grad(F.linear(*(tensor.double() for tensor in inputs)).square().sum(), inputs)

    for gradient, exact in zip(ours, expected, strict=True):
        torch.testing.assert_close(gradient, exact, rtol=1e-4, atol=1e-4 * exact.abs().max().item())


def test_training_in_float32_on_a_cpu_uses_it(start: Start, monkeypatch: pytest.MonkeyPatch):
    rows = []
    apply = OneDnnLinear.apply
    monkeypatch.setattr(OneDnnLinear, "apply", lambda x, *rest: rows.append(len(x)) or apply(x, *rest))

    next(start(epochs=1).epochs())

    assert rows[:4] == [32] * 4


def test_other_precisions_are_computed_by_torch(start: Start):
    layer = Linear(16, 4)

    assert layer.double()(random(2, 16).double()).dtype == torch.float64
    next(start(epochs=1, precision="bfloat16").epochs())
