"""Images a second of the worker's training and of others on one device, and the floors that its work has there."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, TensorDataset

from bench.gpu.captured import CapturedTraining
from jobs.spec import JobSpec
from worker.training import data
from worker.training.train import Training

Rows = list[tuple[str, str]]
Batches = Callable[[], Iterator[list[Tensor]]]
FLOP_PER_IMAGE = 72e6
ALL_AT_ONCE = (2, 4, 8)


def make_spec(images: int, batch_size: int, precision: str) -> JobSpec:
    return JobSpec.model_validate(
        {
            "activation": "relu",
            "train_samples": images,
            "batch_size": batch_size,
            "precision": precision,
            "validation": {"fraction": 0.001},
            "diagnostics": False,
        }
    )


def measure(device: torch.device, mnist_dir: Path, *, images: int, batch_sizes: list[int], rounds: int) -> Rows:
    rows: Rows = []
    for precision in ("float32", "bfloat16"):
        rows += measure_floors(device, precision, size=8192 if device.type == "cuda" else 512)
        for batch_size in batch_sizes:
            spec = make_spec(images, batch_size, precision)
            speeds = alternate(make_contestants(spec, device, mnist_dir), images, device, rounds)
            rows += [(f"{precision}, batch {batch_size}: {name}", speed) for name, speed in speeds]
            rows += profile_epoch(Training(spec, data.load(mnist_dir), device=device), "ours today", spec)
            rows += profile_epoch(CapturedTraining(spec, data.load(mnist_dir), device=device), "ours prepared", spec)
    return rows


def make_contestants(spec: JobSpec, device: torch.device, mnist_dir: Path) -> dict[str, Callable[[], object]]:
    mnist = data.load(mnist_dir)
    today, prepared = (kind(spec, mnist, device=device) for kind in (Training, CapturedTraining))
    examples = data.split(mnist, spec)[0]
    host = examples.images.unsqueeze(1).float() / 255, examples.labels
    on_gpu = device.type == "cuda"
    workers = 4 if on_gpu else 0
    loader = DataLoader(TensorDataset(*host), spec.batch_size, shuffle=True, num_workers=workers, pin_memory=on_gpu)
    resident = [tensor.to(device) for tensor in host]
    return {
        "ours today": partial(today.train_on_batches, 1),
        "ours prepared": partial(prepared.train_on_batches, 1),
        "eager loop, data on the device": make_eager(spec, device, partial(shuffle, resident, spec.batch_size)),
        f"eager loop, DataLoader of {workers}": make_eager(spec, device, partial(iter, loader)),
    }


def shuffle(tensors: list[Tensor], batch_size: int) -> Iterator[list[Tensor]]:
    order = torch.randperm(len(tensors[0]), device=tensors[0].device)
    for batch in torch.split(order, batch_size):
        yield [tensor[batch] for tensor in tensors]


def make_eager(spec: JobSpec, device: torch.device, batches: Batches) -> Callable[[], None]:
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    ).to(device)
    optimizer = torch.optim.Adam(network.parameters(), eps=1e-7)

    def train() -> None:
        for images, digits in batches():
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=spec.precision == "bfloat16"):
                outputs = network(images.to(device, non_blocking=True)).float().softmax(1)
            truth = nn.functional.one_hot(digits.to(device, non_blocking=True), 10).float()
            nn.functional.binary_cross_entropy(outputs, truth).backward()  # type: ignore[no-untyped-call]  # torch's own
            nn.utils.clip_grad_value_(network.parameters(), 0.5)
            optimizer.step()

    return train


def alternate(
    contestants: dict[str, Callable[[], object]], images: int, device: torch.device, rounds: int
) -> Iterator[tuple[str, str]]:
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, train in contestants.items():
            seconds = time_on(device, train)
            if number:  # the first warms up
                speeds[name].append(images / seconds)
    for name, values in speeds.items():
        yield name, f"{median(values):.0f} images/s ({min(values):.0f} to {max(values):.0f})"


def time_on(device: torch.device, work: Callable[[], object]) -> float:
    synchronize(device)
    began = perf_counter()
    work()
    synchronize(device)
    return perf_counter() - began


def synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def measure_floors(device: torch.device, precision: str, *, size: int) -> Rows:
    """Measure the matrix and copy rates, and what they allow: 72 MFLOP an image."""
    dtype = getattr(torch, precision)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    rate = 2 * size**3 / median(time_on(device, lambda: a @ b) for _ in range(9))
    copied = 2 * a.nbytes / median(time_on(device, a.clone) for _ in range(9))
    return [
        (
            f"{precision}: matrix products",
            f"{rate / 1e12:.2f} TFLOP/s, so at most {rate / FLOP_PER_IMAGE:.0f} images/s",
        ),
        (f"{precision}: copies", f"{copied / 1e9:.0f} GB/s"),
    ]


def profile_epoch(training: Training, name: str, spec: JobSpec) -> Rows:
    """Measure the share of an epoch that the GPU is busy, its kernels a step, and the memory of the job."""
    title = f"{spec.precision}, batch {spec.batch_size}: {name}"
    if training.device.type != "cuda":
        return [(f"{title}, kernels", "not measured")]
    training.train_on_batches(1)
    torch.cuda.reset_peak_memory_stats()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        seconds = time_on(training.device, lambda: training.train_on_batches(2))
    kernels = [event for event in profiled.events() if event.device_type.name == "CUDA"]
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6 / seconds
    steps = -(-len(training.training) // spec.batch_size)
    return [
        (f"{title}, kernels", f"{len(kernels) / steps:.0f} a step, busy {busy:.0%} of the epoch"),
        (f"{title}, memory", f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB at most"),
    ]


def measure_at_once(device: torch.device, mnist_dir: Path, *, images: int, counts: tuple[int, ...]) -> Rows:
    """Train as many jobs at the same time, each in a process of its own, as `--workers` does."""
    rows: Rows = []
    for count in counts:
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            for _ in range(2):  # the first starts the processes
                futures = [pool.submit(train_epochs, str(device), mnist_dir, images) for _ in range(count)]
                speeds = [future.result() for future in futures]
        rows.append((f"{count} jobs at once", f"{sum(speeds):.0f} images/s in all"))
    return rows


def train_epochs(device: str, mnist_dir: Path, images: int) -> float:
    training = Training(make_spec(images, 128, "float32"), data.load(mnist_dir), device=torch.device(device))
    training.train_on_batches(1)
    return images / time_on(training.device, lambda: training.train_on_batches(2))
