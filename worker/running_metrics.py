"""Sums over batches, kept on the device so that a GPU need not be waited for."""

import torch
from torch import Tensor

from jobs.metrics import Evaluation
from worker.training.losses import one_hot


class Tally:
    """Loss, right digits and right outputs, batch by batch; the means weigh every image the same."""

    def __init__(self, batches: int, device: torch.device) -> None:
        self.sums = torch.zeros(batches, 3, dtype=torch.float64, device=device)
        self.batches = self.checked = self.images = 0

    def next_batch(self) -> None:
        self.batches += 1

    @torch.no_grad()
    def add(self, losses: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Losses [n], logits [n, 10] and labels [n] of the batch or of a part of it."""
        outputs_right = (logits.softmax(1) > 0.5) == one_hot(labels)
        self.sums[self.batches - 1] += torch.stack(
            [losses.double().sum(), (logits.argmax(1) == labels).sum(), outputs_right.sum()]
        )
        self.images += len(labels)

    def first_non_finite(self) -> int | None:
        """The first batch, from 1, with a non-finite loss among those since the last call."""
        finite = self.sums[self.checked : self.batches, 0].isfinite()
        start, self.checked = self.checked, self.batches
        return None if finite.all() else start + 1 + int((~finite).nonzero()[0])

    def means(self) -> Evaluation:
        loss, accuracy, outputs_right = (self.sums.sum(0) / self.images).tolist()
        return Evaluation(loss, accuracy, outputs_right / 10)
