import math

import pytest
import torch

from worker.training.dropout import SELU_FLOOR, Dropout, alpha_dropout, draw_mask, dropout
from worker.training.randomness import make_generator

COUNT = 1_000_000
RATES = [0.25, 0.5, 0.75, 1 / 256, 0.1, 0.2, 1 / 3, 0.999]


def sigmas(rate: float) -> float:
    return 5 * math.sqrt(rate * (1 - rate) / COUNT)


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_is_met(rate: float) -> None:
    keep = draw_mask(torch.ones(COUNT), rate, make_generator("dropout", 0))

    assert set(keep.unique().tolist()) == {0.0, 1.0}
    assert 1 - keep.mean().item() == pytest.approx(rate, abs=sigmas(rate))


@pytest.mark.parametrize("rate", [0.25, 0.3])
def test_every_byte_of_a_draw_is_as_random_as_the_others(rate: float) -> None:
    lanes = draw_mask(torch.ones(COUNT), rate, make_generator("dropout", 0)).view(-1, 8).mean(0)

    assert all(abs(1 - lane - rate) < sigmas(rate) * math.sqrt(8) for lane in lanes.tolist())


def test_neighbours_are_dropped_independently() -> None:
    keep = draw_mask(torch.ones(COUNT), 0.5, make_generator("dropout", 0)) - 0.5

    for distance in (1, 2, 7, 8, 64):
        assert abs((keep[:-distance] * keep[distance:]).mean().item()) < 5 * 0.25 / math.sqrt(COUNT)


@pytest.mark.parametrize("rate", RATES[:-1])
def test_dropout_keeps_the_expectation(rate: float) -> None:
    y = dropout(torch.ones(COUNT), rate, make_generator("dropout", 0))

    assert y.mean().item() == pytest.approx(1, abs=sigmas(rate) / (1 - rate))
    torch.testing.assert_close(y.max(), torch.tensor(1 / (1 - rate)))


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5])
def test_alpha_dropout_keeps_mean_zero_and_variance_one(rate: float) -> None:
    x = torch.randn(COUNT, generator=make_generator("test", 0))

    y = alpha_dropout(x, rate, make_generator("dropout", 0))

    assert y.mean().item() == pytest.approx(0, abs=0.01)
    assert y.var().item() == pytest.approx(1, abs=0.01)


def test_alpha_dropout_switches_units_to_the_floor_of_selu() -> None:
    x = torch.zeros(COUNT)
    rate = 0.25
    scale = ((1 - rate) * (1 + rate * SELU_FLOOR**2)) ** -0.5
    off, on = scale * (SELU_FLOOR - rate * SELU_FLOOR), -scale * rate * SELU_FLOOR

    values = alpha_dropout(x, rate, make_generator("dropout", 0)).unique()

    torch.testing.assert_close(values, torch.tensor([off, on]))
    assert torch.nn.functional.selu(torch.tensor(-1e6)).item() == pytest.approx(SELU_FLOOR)


@pytest.mark.parametrize("function", [dropout, alpha_dropout])
def test_the_generator_alone_decides(function: Dropout) -> None:
    x = torch.randn(4, 3, 5, 7, generator=make_generator("test", 0))

    first, again, other = (function(x, 0.3, make_generator("dropout", 0, epoch)) for epoch in (1, 1, 2))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("function", [dropout, alpha_dropout])
def test_a_rate_of_zero_changes_nothing(function: Dropout) -> None:
    x = torch.randn(100, generator=make_generator("test", 0))

    assert torch.equal(function(x, 0.0, make_generator("dropout", 0)), x)


def test_the_gradient_passes_where_the_value_does() -> None:
    x = torch.ones(1000, requires_grad=True)

    y = dropout(x, 0.25, make_generator("dropout", 0))
    y.sum().backward()

    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shape_dtype_and_memory_order_stay(dtype: torch.dtype) -> None:
    x = torch.ones(2, 3, 5, 7, dtype=dtype).to(memory_format=torch.channels_last)

    y = dropout(x, 0.25, make_generator("dropout", 0))

    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.is_contiguous(memory_format=torch.channels_last)
