"""Training as a generator of epochs. It knows no database, no lease and no queue."""

import math
import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Generator, Tensor

from jobs.errors import DeviceUnavailable, Diverged
from jobs.memory import IMAGES_AT_ONCE
from jobs.metrics import EpochMetrics, Evaluation, LayerMetrics, ParameterMetrics
from jobs.progress import EpochProgress
from jobs.spec import JobSpec
from worker.training import diagnostics, memory, optimizers
from worker.training.data import Examples, Mnist, split
from worker.training.losses import LOSSES
from worker.training.model import Network
from worker.training.progress_meter import ProgressMeter
from worker.training.randomness import make_generator
from worker.training.running_metrics import RunningMetrics

CHUNK = {**IMAGES_AT_ONCE}
"""Images between two calls of ``between_batches``: less than a second's work."""

BATCHES_BETWEEN_CHECKS = {"cpu": 1, "cuda": 32}
"""How often the loss is checked. On a CPU that is free; on a GPU it means a synchronization."""


def train(spec: JobSpec, data: Mnist) -> Iterator[EpochMetrics]:
    """Yield one entry an epoch, as it ends; see Training."""
    return Training(spec, data, device=choose_device(spec.device)).epochs()


def choose_device(requested: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``; auto is cuda where there is one.

    Raises:
        DeviceUnavailable: cuda is requested and there is none.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    has_cuda = accelerator is not None and accelerator.type == "cuda"
    if requested == "cuda" and not has_cuda:
        raise DeviceUnavailable
    return torch.device("cuda" if has_cuda and requested != "cpu" else "cpu")


def do_nothing() -> None: ...


class Training:
    """Trains the network of one job; ``epoch`` is the last complete one, 0 at the start.

    ``between_batches`` is called before every batch, and within one after every CHUNK images. An error that it
    raises ends the epoch, whose work is lost: resume in a new Training from the last ``state_dict``.
    """

    @memory.name_exhaustion()
    def __init__(
        self, spec: JobSpec, mnist: Mnist, *, device: torch.device, between_batches: Callable[[], None] = do_nothing
    ) -> None:
        configure_torch(device)
        self.spec = spec
        self.device = device
        self.between_batches = between_batches
        training, validation = split(mnist, spec)
        self.training, self.validation, self.test = (part.to(device) for part in (training, validation, mnist.test))
        self.network = Network(spec, make_generator("weights", spec.seed)).to(device)
        weights, learnt = self.network.split_parameters()
        decay = spec.trainable.weight_decay if spec.trainable else 0.0
        self.optimizer = optimizers.build(spec.optimizer, weights, learnt, learnt_decay=decay)
        self.epoch = 0
        self.meter = ProgressMeter(len(self.training), len(self.validation))
        self.layers: list[LayerMetrics] = []
        """The last epoch's diagnostics, if the spec asks for them."""
        self.parameters: list[ParameterMetrics] = []
        """The last epoch's learnt parameters."""
        self.first_parameters = self.measure_parameters(0)

    def epochs(self) -> Iterator[EpochMetrics]:
        """Train from the epoch after ``epoch`` to the last, yielding each as it ends.

        Raises:
            Diverged: a loss became NaN or infinite.
            GpuOutOfMemory, HostOutOfMemory: an allocation failed.
        """
        while self.epoch < self.spec.epochs:
            yield self.train_epoch()

    def measure_progress(self) -> EpochProgress | None:
        """Measure how far the epoch is; any thread may ask. None between epochs."""
        return self.meter.measure()

    def initial_parameters(self) -> list[ParameterMetrics]:
        """Return the learnt parameters as they are before the first epoch, in a resumed training too."""
        return self.first_parameters

    @memory.name_exhaustion()
    def evaluate_on_test(self) -> Evaluation:
        return self.evaluate(self.test)

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that the epochs to come depend on to the CPU, as flat contiguous tensors."""
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        named |= {
            f"optimizer.{name}": tensor for name, tensor in optimizers.get_state(self.optimizer, self.network).items()
        }
        copies = {name: tensor.clone(memory_format=torch.contiguous_format).cpu() for name, tensor in named.items()}
        return copies | {"epoch": torch.tensor(self.epoch)}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(select_prefixed("network.", tensors))
        optimizers.restore(self.optimizer, self.network, select_prefixed("optimizer.", tensors))
        self.epoch = int(tensors["epoch"])

    @memory.name_exhaustion()
    def train_epoch(self) -> EpochMetrics:
        epoch = self.epoch + 1
        self.meter.start(epoch)
        started = time.perf_counter()
        training = self.train_on_batches(epoch)
        trained = time.perf_counter()
        self.meter.start_validation()
        validation = self.evaluate(self.validation)
        if not math.isfinite(validation.loss):
            raise Diverged(f"the validation loss of epoch {epoch} is {validation.loss}")
        self.refuse_non_finite_weights(epoch)
        self.meter.end()
        self.parameters = self.measure_parameters(epoch)
        self.layers = self.diagnose(epoch) if self.spec.diagnostics else []
        self.epoch = epoch
        return EpochMetrics(
            epoch=epoch,
            loss=training.loss,
            accuracy=training.accuracy,
            binary_accuracy=training.binary_accuracy,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            val_binary_accuracy=validation.binary_accuracy,
            learning_rate=self.spec.optimizer.learning_rate,
            epoch_seconds=time.perf_counter() - started,
            images_per_second=len(self.training) / (trained - started),
        )

    def train_on_batches(self, epoch: int) -> Evaluation:
        order = torch.randperm(len(self.training), generator=make_generator("order", self.spec.seed, epoch))
        masks = make_generator("dropout", self.spec.seed, epoch, self.device)
        batches = torch.split(order.to(self.device), self.spec.batch_size)
        running = RunningMetrics(len(batches), self.device)
        for number, batch in enumerate(batches, start=1):
            if number == len(batches):
                self.before_last_update = self.copy_parameters()
            self.update(self.training.take(batch), masks, running)
            if number % BATCHES_BETWEEN_CHECKS[self.device.type] == 0 or number == len(batches):
                refuse_non_finite(running, epoch)
        return running.compute_means()

    def update(self, batch: Examples, masks: Generator, running: RunningMetrics) -> None:
        """Update the weights. The chunks' gradients add up to the batch's, whose loss is the mean over its images."""
        self.optimizer.zero_grad()
        running.start_batch()
        for chunk in batch.chunks(CHUNK[self.device.type]):
            self.between_batches()
            logits = self.compute_logits(chunk.images, masks)
            losses = LOSSES[self.spec.loss](logits, chunk.labels)
            torch.autograd.backward(losses.sum() / len(batch))
            running.add(losses, logits, chunk.labels)
            self.meter.count_trained(len(chunk))
        optimizers.clip(self.network.parameters(), self.spec.clip)
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> Evaluation:
        running = RunningMetrics(1, self.device)
        running.start_batch()
        for chunk in examples.chunks(CHUNK[self.device.type]):
            self.between_batches()
            logits = self.compute_logits(chunk.images)
            running.add(LOSSES[self.spec.loss](logits, chunk.labels), logits, chunk.labels)
            self.meter.count_evaluated(len(chunk))
        return running.compute_means()

    def diagnose(self, epoch: int) -> list[LayerMetrics]:
        probe = self.training.first(diagnostics.PROBE_IMAGES)
        return diagnostics.measure(
            self.network,
            lambda: LOSSES[self.spec.loss](self.compute_logits(probe.images), probe.labels).mean(),
            epoch=epoch,
            before=self.before_last_update,
            clip=self.spec.clip,
        )

    def measure_parameters(self, epoch: int) -> list[ParameterMetrics]:
        return [
            measure_parameter(epoch, layer, name, parameter.detach().double())
            for layer, activation in self.network.learnt.items()
            for name, parameter in activation.named_parameters()
        ]

    def refuse_non_finite_weights(self, epoch: int) -> None:
        """Raise Diverged: a formula like where(x > 0, x, 0) hides NaN from the loss."""
        for name, parameter in self.network.named_parameters():
            if not parameter.isfinite().all():
                raise Diverged(f"{name} became NaN or infinite in epoch {epoch}")

    def compute_logits(self, images: Tensor, masks: Generator | None = None) -> Tensor:
        """Compute float32 [n, 10] of uint8 [n, 28, 28]: softmax and loss are float32 at either precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.spec.precision == "bfloat16"):
            logits: Tensor = self.network(images.unsqueeze(1) / 255, masks)
        return logits.float()

    def copy_parameters(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self.network.named_parameters()}


def configure_torch(device: torch.device) -> None:
    """Set what speed and exactness depend on, for the whole process.

    use_deterministic_algorithms is left out: it would also fill all fresh memory, and of the libraries used here only
    cuDNN has to be told to choose deterministic algorithms.
    """
    if device.type == "cpu":
        memory.keep_freed_memory()
        speed_up_exponentials()
    else:
        torch.backends.cuda.matmul.fp32_precision = "ieee"  # no TF32: float32 means float32
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # made at import
        torch.backends.cudnn.deterministic = True


def measure_parameter(epoch: int, layer: str, name: str, values: Tensor) -> ParameterMetrics:
    return ParameterMetrics(epoch, layer, name, float(values.mean()), float(values.min()), float(values.max()))


def speed_up_exponentials() -> None:
    """Run mish once on every thread: until then expm1, log1p and elu take ten times as long, with the same results.

    Measured on Zen 4 with torch 2.14.1: elu of a million numbers takes 5.4 ms before and 0.4 ms after, and a job of elu
    trains 1.6 times as many images a second. gelu's approximation does the same; exp, tanh and convolutions do not.
    """
    per_thread = 2**16  # twice what torch gives a thread at least
    torch.nn.functional.mish(torch.zeros(per_thread * torch.get_num_threads()))


def refuse_non_finite(running: RunningMetrics, epoch: int) -> None:
    batch = running.find_non_finite()
    if batch is not None:
        raise Diverged(f"the training loss became NaN or infinite in epoch {epoch}, batch {batch}")


def select_prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
