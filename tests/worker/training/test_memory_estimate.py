"""The estimate of a training's memory, compared with what the trainer takes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from jobs import memory
from jobs.spec import JobSpec
from worker.training.model import Network
from worker.training.randomness import make_generator
from worker.training.train import CHUNK

MEASURE = """
import json
import sys
from pathlib import Path
import torch
from jobs.spec import JobSpec
from worker.training import train
from worker.training.data import Examples, Mnist

size = int(sys.argv[1])
train.CHUNK["cpu"] = size  # in one part, as on a GPU
torch.set_num_threads(1)
images = Examples(torch.zeros(60_000, 28, 28, dtype=torch.uint8), torch.zeros(60_000, dtype=torch.int64))
spec = JobSpec(
    **json.loads(sys.argv[2]), batch_size=size, epochs=1, train_samples=max(size, 128), validation={"fraction": 0.001},
    diagnostics=False,
)

def read(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

training = train.Training(spec, Mnist(images, images.first(1), ""), device=torch.device("cpu"))
before = read("VmRSS:")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
training.train_epoch()
print(read("VmHWM:") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "activation",
    [
        {"activation": "relu"},
        {"activation": "gelu"},
        {"activation": "own", "formula": "x*tanh(log(1 + exp(x)))"},
        {
            "activation": "own",
            "formula": "a*x*sigmoid(b*x)",
            "parameters": {"a": 1.0, "b": 1.0},
            "trainable": {"parameters": ["a", "b"], "per": "channel"},
        },
    ],
    ids=["relu", "gelu", "formula", "learnt"],
)
def test_the_estimate_holds_what_three_sizes_of_a_batch_need(activation: dict[str, Any]):
    trainable = activation.get("trainable", {"parameters": []})
    of_an_image = memory.TRAINED_BYTES + len(trainable["parameters"]) * memory.SLOPE_BYTES
    for size in (128, 512, 1024):
        command = [sys.executable, "-c", MEASURE, str(size), json.dumps(activation)]
        measured = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        estimated = size * of_an_image + 5 * 4 * memory.PARAMETERS
        assert estimated / 3 < measured < estimated, (size, measured)


def test_the_estimate_counts_the_weights_that_there_are():
    network = Network(JobSpec(activation="relu"), make_generator("weights", 0))
    assert sum(parameter.numel() for parameter in network.parameters()) == memory.PARAMETERS
    assert CHUNK == memory.IMAGES_AT_ONCE
