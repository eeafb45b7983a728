"""The preparation of a training on this machine: its device, its data and their description."""

import logging
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

from jobs.metrics import Environment
from jobs.spec import JobSpec
from worker.training import data
from worker.training.train import Training, choose_device

log = logging.getLogger(__name__)


def set_threads(threads: int) -> None:
    """Pin the CPU threads of this process: a history depends on their number to the last bit."""
    torch.set_num_threads(threads)


def select_gpu(child: int) -> None:
    """Give each child of a worker a GPU of its own, as far as there are enough."""
    gpus = torch.cuda.device_count()
    if gpus:
        torch.cuda.set_device(child % gpus)


def prepare(mnist_dir: Path, spec: JobSpec, between_batches: Callable[[], None]) -> tuple[Training, Environment]:
    """Return a training that has not begun, and a description of its environment.

    Raises:
        DeviceUnavailable: the spec asks for cuda and there is none.
        DataMissing, DataDamaged: MNIST cannot be read.
    """
    device = choose_device(spec.device)
    if spec.precision == "bfloat16" and device.type == "cpu" and not has_bfloat16():
        log.warning("this processor has no bfloat16: the job will train many times slower than in float32")
    mnist = data.load(mnist_dir)
    training = Training(spec, mnist, device=device, between_batches=between_batches)
    return training, describe_environment(device, mnist.data_sha256)


def has_bfloat16() -> bool:
    """Whether oneDNN has kernels for it on this processor (AVX-512, AMX); elsewhere torch's own are used."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001  # torch has no public name for it


def describe_environment(device: torch.device, data_sha256: str) -> Environment:
    return Environment(
        device=describe_device(device),
        torch=torch.__version__,
        python=platform.python_version(),
        threads=torch.get_num_threads(),
        code_version=version("activation-lab"),
        data_sha256=data_sha256,
    )


def describe_device(device: torch.device) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"
