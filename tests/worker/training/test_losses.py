import numpy as np
import pytest
import torch

from worker.training.losses import Loss, binary_crossentropy, cross_entropy
from worker.training.randomness import make_generator


def keras_binary_crossentropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(1, keepdims=True))
    p = np.clip(exp / exp.sum(1, keepdims=True), 1e-7, 1 - 1e-7)
    t = np.eye(10)[labels]
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(1)


def test_binary_crossentropy_is_kerass() -> None:
    logits = 3 * torch.randn(1000, 10, generator=make_generator("test", 0))
    labels = torch.arange(1000) % 10

    losses = binary_crossentropy(logits, labels)

    expected = keras_binary_crossentropy(logits.double().numpy(), labels.numpy())
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-4, atol=1e-7)


def test_chance_is_the_plateau_of_the_article() -> None:
    assert binary_crossentropy(torch.zeros(1, 10), torch.tensor([3])).item() == pytest.approx(0.325083, abs=5e-7)


def test_a_certain_and_wrong_output_costs_what_the_clipping_leaves() -> None:
    logits = torch.tensor([[1000.0] + [0.0] * 9])

    wrong, right = binary_crossentropy(logits.expand(2, 10), torch.tensor([1, 0])).tolist()

    assert wrong == pytest.approx(-2 * np.log(1e-7) / 10, rel=0.02)  # float32 next to 1 is coarse
    assert 0 <= right < 2e-7


def test_cross_entropy_is_minus_the_log_of_the_right_output() -> None:
    logits = torch.randn(100, 10, generator=make_generator("test", 0))
    labels = torch.arange(100) % 10

    losses = cross_entropy(logits, labels)

    torch.testing.assert_close(losses, -logits.softmax(1)[torch.arange(100), labels].log())


@pytest.mark.parametrize("loss", [binary_crossentropy, cross_entropy])
def test_a_nan_stays_visible(loss: Loss) -> None:
    assert loss(torch.full((1, 10), torch.nan), torch.tensor([0])).isnan().all()
