"""Plain PyTorch: for each line of input, the images a second of one epoch, or what the processor could do at best.

The arguments are the contestant, the folder with MNIST and the number of images.
"""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

BATCH = 128
FLOP_AN_IMAGE = 72e6
"""Forward and backward: 3 x 2 x (26² x 32 x 9 + 24² x 64 x 288 + 9216 x 128 + 1280) multiply-adds, 71.9 million."""
GEMM_SIZE = 2048
GEMM_SECONDS = 1.0


def main(contestant: str, mnist_dir: str, images: str) -> None:
    measure = CONTESTANTS[contestant](mnist_dir, int(images))
    for _ in sys.stdin:
        print(measure(), flush=True)


def load_examples(mnist_dir: str, images: int) -> Callable[[], float]:
    """The loop of PyTorch's own MNIST example: a DataLoader that turns each image into a tensor."""
    archive = MNIST(mnist_dir, transform=ToTensor(), download=True)  # unpacks it, without a network
    batches = DataLoader(Subset(archive, range(images)), batch_size=BATCH, shuffle=True)
    return lambda: images / time_epoch(batches)


def load_memory(mnist_dir: str, images: int) -> Callable[[], float]:
    """The same loop on tensors in memory."""
    archive = MNIST(mnist_dir, download=True)
    x, y = archive.data[:images].unsqueeze(1) / 255, archive.targets[:images]

    def shuffle() -> Iterable[tuple[Tensor, Tensor]]:
        for indices in torch.split(torch.randperm(images), BATCH):
            yield x[indices], y[indices]

    return lambda: images / time_epoch(shuffle())


def time_epoch(batches: Iterable[tuple[Tensor, Tensor]]) -> float:
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
    began = perf_counter()
    for images, digits in batches:
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy(network(images), nn.functional.one_hot(digits, 10).float()).backward()  # type: ignore[no-untyped-call]  # torch's own
        nn.utils.clip_grad_value_(network.parameters(), 0.5)
        optimizer.step()
    return perf_counter() - began


def limit(dtype: torch.dtype, _mnist_dir: str, _images: int) -> Callable[[], float]:
    """The images a second at the rate of a large matrix product."""
    a, b = (torch.randn(GEMM_SIZE, GEMM_SIZE, dtype=dtype) for _ in range(2))

    def measure() -> float:
        products, began = 0, perf_counter()
        while (seconds := perf_counter() - began) < GEMM_SECONDS:
            torch.mm(a, b)
            products += 1
        return products * 2 * GEMM_SIZE**3 / seconds / FLOP_AN_IMAGE

    return measure


CONTESTANTS: dict[str, Callable[[str, int], Callable[[], float]]] = {
    "example": load_examples,
    "memory": load_memory,
    "float32": partial(limit, torch.float32),
    "bfloat16": partial(limit, torch.bfloat16),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
