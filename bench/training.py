"""Images a second of a job on the service beside plain PyTorch loops, Keras and the processor's limit."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.contestants import Peer, run_up
from bench.figures import Figures, Measure, NotMeasured
from cli.client import JSON, Client
from runtime.settings import Settings
from stack.processes import die_with

PYTHON = Path(sys.executable)
SPEC: JSON = {"activation": "relu", "epochs": 2, "validation": {"fraction": 0.001}, "diagnostics": False}


def measure(figures: Figures, *, rounds: int, images: int) -> None:
    mnist_dir = str(Settings().mnist_dir.resolve())
    with ExitStack() as stack:
        two, one = (open_service(stack, **settings) for settings in ({}, {"worker_threads": "1"}))
        spinner = stack.enter_context(run_spinner())

        def loop(name: str) -> Measure:
            peer = Peer("-m", "bench.peers.torch_loops", name, mnist_dir, str(images), python=PYTHON)
            return stack.enter_context(peer).measure

        def train_beside_spinner() -> Iterator[float]:
            spinner.resume()
            yield from train(two, images)
            spinner.suspend()

        keras = Peer("-m", "bench.peers.keras_fit", f"{mnist_dir}/MNIST/raw", str(images), environment=KERAS)
        contestants: dict[str, Measure] = {
            "float32": partial(train, two, images),
            "PyTorch example": loop("example"),
            "PyTorch in memory": loop("memory"),
            "Keras fit": stack.enter_context(keras).measure,
            "float32 limit": loop("float32"),
            "bfloat16": partial(train_bfloat16, two, images),
            "bfloat16 limit": loop("bfloat16") if has_bfloat16() else refuse_bfloat16,
            "one core busy": train_beside_spinner,
            "one thread": partial(train, one, images),
        }
        for service in (two, one):
            list(train(service, images))  # the first reads MNIST
        figures.alternate(contestants, rounds=rounds)


KERAS = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}


def open_service(stack: ExitStack, **settings: str) -> Client:
    folder = stack.enter_context(TemporaryDirectory())
    up = stack.enter_context(run_up(Path(folder), **settings))
    client = Client(up.url)
    stack.callback(client.close)
    return client


def train(client: Client, images: int, precision: str = "float32") -> Iterator[float]:
    """Train a job for one epoch and cancel it. The rate is the service's own, without reading and validation."""
    job = client.submit({**SPEC, "train_samples": images, "precision": precision})
    for event in client.read_events(job["id"]):
        if event.kind == "epoch":
            client.cancel(job["id"])
            yield float(event.data["images_per_second"])


def train_bfloat16(client: Client, images: int) -> Iterator[float]:
    return train(client, images, "bfloat16") if has_bfloat16() else refuse_bfloat16()


def refuse_bfloat16() -> Iterator[float]:
    raise NotMeasured("this processor has no bfloat16")


def has_bfloat16() -> bool:
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


@contextmanager
def run_spinner() -> Iterator[psutil.Popen]:
    """A process that keeps one core busy whenever it is not suspended, as it is at first."""
    spinner = psutil.Popen([PYTHON, "-c", "while True: pass"], preexec_fn=die_with(os.getpid()))
    spinner.suspend()
    try:
        yield spinner
    finally:
        spinner.kill()
        spinner.wait()
