"""Images a second beside a plain PyTorch loop of the same network: a DataLoader, ToTensor, eager modules."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from jobs.spec import JobSpec
from runtime.settings import Settings
from worker.training import data
from worker.training.train import Training

ROUNDS = 5
IMAGES = 6000
SPEC = {"activation": "relu", "epochs": 1, "validation": {"fraction": 0.001}, "diagnostics": False}


def main(*, rounds: int = ROUNDS, images: int = IMAGES) -> None:
    mnist_dir = Settings().mnist_dir
    data.load(mnist_dir)  # decodes the archives, the first time
    contestants = {
        "plain PyTorch, float32": partial(train_plain, mnist_dir, images),
        "ours, float32": partial(train_ours, mnist_dir, images, "float32"),
        "ours, bfloat16": partial(train_ours, mnist_dir, images, "bfloat16"),
    }
    # A process each: ours changes how the C library keeps memory, which must not help the peer.
    processes = {name: ProcessPoolExecutor(1, mp_context=get_context("spawn")) for name in contestants}
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):  # in turn, so that a change of the machine's speed affects all
        for name, train in contestants.items():
            speeds[name].append(processes[name].submit(train).result())
    for process in processes.values():
        process.shutdown()
    report(speeds)


def report(speeds: dict[str, list[float]]) -> None:
    peer = median(speeds["plain PyTorch, float32"])
    for name, values in speeds.items():
        ratio = median(values) / peer
        print(f"training, {name:<24} {median(values):6.0f} images/s, x {ratio:.2f}  (median of {len(values)})")


def train_ours(mnist_dir: Path, images: int, precision: str) -> float:
    spec = JobSpec.model_validate({**SPEC, "train_samples": images, "precision": precision})
    training = Training(spec, data.load(mnist_dir), device=torch.device("cpu"))
    return next(iter(training.epochs())).images_per_second


def train_plain(mnist_dir: Path, images: int) -> float:
    archive = MNIST(mnist_dir, transform=ToTensor(), download=True)  # unpacks it, without a network
    examples = Subset(archive, range(images))
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.Softmax(1),
    )
    optimizer = torch.optim.Adam(network.parameters(), eps=1e-7)
    started = perf_counter()
    for batch, digits in DataLoader(examples, batch_size=128, shuffle=True):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy(network(batch), nn.functional.one_hot(digits, 10).float()).backward()  # type: ignore[no-untyped-call]  # torch's own
        nn.utils.clip_grad_value_(network.parameters(), 0.5)
        optimizer.step()
    return images / (perf_counter() - started)
