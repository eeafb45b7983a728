"""Running means of loss and accuracies over batches, kept on the device so that a GPU is not synchronized."""

import torch
from torch import Tensor

from jobs.metrics import Evaluation
from worker.training.losses import one_hot


class RunningMetrics:
    """Sums losses, correct digits and correct outputs batch by batch; the means weigh every image the same."""

    def __init__(self, batches: int, device: torch.device) -> None:
        self.sums = torch.zeros(batches, 3, dtype=torch.float64, device=device)
        self.batches = self.checked = self.images = 0

    def start_batch(self) -> None:
        self.batches += 1

    @torch.no_grad()
    def add(self, losses: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add the losses [n], logits [n, 10] and labels [n] of the batch or of a part of it."""
        correct_outputs = (logits.softmax(1) > 0.5) == one_hot(labels)
        self.sums[self.batches - 1] += torch.stack(
            [losses.double().sum(), (logits.argmax(1) == labels).sum(), correct_outputs.sum()]
        )
        self.images += len(labels)

    def find_non_finite(self) -> int | None:
        """Return the first batch, from 1, with a non-finite loss among those since the last call."""
        finite = self.sums[self.checked : self.batches, 0].isfinite()
        start, self.checked = self.checked, self.batches
        return None if finite.all() else start + 1 + int((~finite).nonzero()[0])

    def compute_means(self) -> Evaluation:
        loss, accuracy, correct_outputs = (self.sums.sum(0) / self.images).tolist()
        return Evaluation(loss, accuracy, correct_outputs / 10)
