"""Which digit a checkpointed network sees."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from jobs.spec import JobSpec
from worker.model import Network
from worker.randomness import generator
from worker.train import below


@torch.no_grad()
def predict(spec: JobSpec, tensors: Mapping[str, Tensor], image: Sequence[Sequence[float]]) -> list[float]:
    """The ten softmax outputs, in float32 on the CPU, for 28 rows of 28 grey levels 0..255.

    ``tensors`` is Training.state_dict of a job with this spec.
    """
    network = Network(spec, generator("weights", spec.seed))
    network.load_state_dict(below("network.", tensors))
    pixels = torch.tensor(image, dtype=torch.float32).view(1, 1, 28, 28) / 255
    probabilities: list[float] = network(pixels).softmax(1)[0].tolist()
    return probabilities
