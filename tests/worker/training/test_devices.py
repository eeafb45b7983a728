import re
from typing import Any

import pytest
import torch

from jobs.errors import DeviceUnavailable
from jobs.spec import JobSpec
from tests.worker.training.histories import (
    DIVERGING,
    NO_DROPOUT,
    OPTIMIZERS,
    Tiny,
    compute_history,
    train_until_diverged,
)
from worker.training import train
from worker.training.data import Mnist
from worker.training.train import Training, choose_device

with_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_device_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none_is_refused(mnist: Mnist) -> None:
    with pytest.raises(DeviceUnavailable):
        train.train(JobSpec(activation="relu", device="cuda"), mnist)


@pytest.mark.gpu
@with_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_computes_what_the_cpu_does(tiny: Tiny, mnist: Mnist, precision: str) -> None:
    spec = tiny(device="cuda", dropout=NO_DROPOUT, precision=precision)
    gpu, cpu = (
        compute_history(Training(spec, mnist, device=device)) for device in (choose_device("cuda"), torch.device("cpu"))
    )

    assert [m.loss for m in gpu] == pytest.approx([m.loss for m in cpu], rel=1e-3 if precision == "float32" else 0.05)


@pytest.mark.gpu
@with_cuda
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_gpu_repeats_itself_and_resumes_to_the_bit(tiny: Tiny, mnist: Mnist, optimizer: dict[str, Any]) -> None:
    spec = tiny(epochs=3, device="cuda", optimizer=optimizer)
    first, second, resumed = (Training(spec, mnist, device=choose_device("cuda")) for _ in range(3))
    expected = compute_history(first)
    next(second.epochs())

    resumed.load_state_dict(second.state_dict())

    assert compute_history(resumed) == expected[1:]


@pytest.mark.gpu
@with_cuda
def test_a_gpu_names_the_batch_that_diverged(tiny: Tiny, mnist: Mnist) -> None:
    optimizer = {"name": "sgd", "learning_rate": 1000.0, "momentum": 0.9}
    training = Training(tiny(**DIVERGING, optimizer=optimizer, device="cuda"), mnist, device=choose_device("cuda"))

    _, message = train_until_diverged(training)

    assert re.search(r"epoch \d+, batch [12]$", message)
