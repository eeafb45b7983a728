from collections.abc import Callable

import pytest
import torch

from worker.training.classifier import build_classifier
from worker.training.train import Training


@pytest.mark.parametrize("activation", ["sigmoid", "gelu", "selu"])
def test_a_prediction_is_what_the_trained_network_says(start: Callable[..., Training], activation: str) -> None:
    training = start(activation=activation, epochs=1)
    list(training.epochs())
    images = training.test.images[:5]
    with torch.no_grad():
        expected = training.compute_logits(images).softmax(1)

    classifier = build_classifier(training.spec, training.state_dict())
    found = [classifier(image.tolist()) for image in images]

    assert torch.tensor(found).allclose(expected, atol=1e-6)
    assert all(sum(probabilities) == pytest.approx(1) for probabilities in found)


def test_predicting_changes_no_training(start: Callable[..., Training]) -> None:
    dark = [[0.0] * 28] * 28
    undisturbed, disturbed = start(), start()
    other = start(activation="sigmoid", epochs=1)
    list(other.epochs())
    disturbed.between_batches = lambda: build_classifier(other.spec, other.state_dict())(dark)

    list(undisturbed.epochs())
    list(disturbed.epochs())

    both = zip(undisturbed.state_dict().values(), disturbed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in both)
