"""Predictions of a checkpointed network."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from jobs.spec import JobSpec
from worker.training.model import Network
from worker.training.randomness import make_generator
from worker.training.train import select_prefixed


def build_classifier(
    spec: JobSpec, tensors: Mapping[str, Tensor]
) -> Callable[[Sequence[Sequence[float]]], list[float]]:
    """Build a function from 28 rows of 28 grey levels 0..255 to the ten softmax outputs, in float32 on the CPU.

    ``tensors`` is Training.state_dict of a job with this spec.
    """
    network = Network(spec, make_generator("weights", spec.seed))
    network.load_state_dict(select_prefixed("network.", tensors))
    return partial(predict, network)


@torch.no_grad()
def predict(network: Network, image: Sequence[Sequence[float]]) -> list[float]:
    pixels = torch.tensor(image, dtype=torch.float32).view(1, 1, 28, 28) / 255
    probabilities: list[float] = network(pixels).softmax(1)[0].tolist()
    return probabilities
