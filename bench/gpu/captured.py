"""A training that a GPU does not wait for: its step is captured as a CUDA graph, and an epoch never synchronizes.

A candidate for worker/training, kept here until a GPU has shown what it wins. On a CPU the same step runs uncaptured.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from jobs.metrics import Evaluation
from jobs.spec import Clip
from worker.training.losses import LOSSES, one_hot
from worker.training.randomness import make_generator
from worker.training.running_metrics import RunningMetrics
from worker.training.train import Training

WARM_UP_STEPS = 3
"""Before a capture, so that cuDNN has chosen its algorithms and the optimizer has made its state."""


class CapturedTraining(Training):
    """Adam only; the loss is checked at the end of an epoch; no diagnostics, no chunks within a batch."""

    replay: Callable[[], object] | None = None

    def train_on_batches(self, epoch: int) -> Evaluation:
        order = torch.randperm(len(self.training), generator=make_generator("order", self.spec.seed, epoch))
        batches = torch.split(order.to(self.device), self.spec.batch_size)
        replay = self.replay or self.prepare(batches[0])
        self.masks.manual_seed(make_generator("dropout", self.spec.seed, epoch).initial_seed())
        self.sums.zero_()
        for batch in batches:
            self.between_batches()
            if len(batch) == self.spec.batch_size:
                self.indices.copy_(batch)
                replay()
            else:  # the last of an epoch
                self.step(batch)
        running = RunningMetrics(1, self.device)
        running.sums[0], running.images = self.sums, len(self.training)
        return running.compute_means()

    def prepare(self, batch: Tensor) -> Callable[[], object]:
        """Make what the graph reads and writes, and capture it; the weights are as before."""
        self.masks = torch.Generator(self.device)
        self.sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.indices = batch.clone()
        self.replay = self.capture() if self.device.type == "cuda" else lambda: self.step(self.indices)
        return self.replay

    def capture(self) -> Callable[[], object]:
        before = self.state_dict()
        for group in self.optimizer.param_groups:
            group["capturable"] = True
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self.step(self.indices)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.masks)
        with torch.cuda.graph(graph):
            self.step(self.indices)
        self.undo(before)
        return graph.replay

    @torch.no_grad()
    def undo(self, before: dict[str, Tensor]) -> None:
        """Write weights and optimizer state back into the tensors that the graph knows; a new state is zero."""
        for name, parameter in self.network.named_parameters():
            parameter.copy_(before[f"network.{name}"])
            for slot, value in self.optimizer.state[parameter].items():
                saved = before.get(f"optimizer.{name}.{slot}")
                value.zero_() if saved is None else value.copy_(saved)

    def step(self, indices: Tensor) -> None:
        self.optimizer.zero_grad()
        batch = self.training.take(indices)
        logits = self.compute_logits(batch.images, self.masks)
        losses = LOSSES[self.spec.loss](logits, batch.labels)
        torch.autograd.backward(losses.sum() / len(batch))
        self.count(losses.detach(), logits.detach(), batch.labels)
        clip_together([p.grad for p in self.network.parameters() if p.grad is not None], self.spec.clip)
        self.optimizer.step()

    def count(self, losses: Tensor, logits: Tensor, labels: Tensor) -> None:
        correct_outputs = (logits.softmax(1) > 0.5) == one_hot(labels)
        correct = (logits.argmax(1) == labels).sum()
        self.sums += torch.stack([losses.double().sum(), correct, correct_outputs.sum()])


def clip_together(gradients: list[Tensor], clip: Clip | None) -> None:
    """Clip all tensors in two kernels by value, and in three by norm: each by its own norm, as Keras does."""
    if clip is None:
        return
    if clip.by == "value":
        torch._foreach_clamp_min_(gradients, -clip.threshold)  # torch has no public name for it
        torch._foreach_clamp_max_(gradients, clip.threshold)
        return
    norms = torch._foreach_norm(gradients)  # noqa: SLF001
    torch._foreach_mul_(gradients, [clip.threshold / norm.clamp(min=clip.threshold) for norm in norms])
