"""Tests the parts of the GPU's bench that a CPU can show."""

from pathlib import Path

import pytest
import torch

from bench.gpu.__main__ import main
from bench.gpu.captured import CapturedTraining, clip_together
from jobs.spec import Clip, JobSpec
from worker.training import data, optimizers
from worker.training.train import Training

DATA = Path(__file__).parents[2] / "data"


def test_the_prepared_training_learns_the_same_to_the_bit():
    spec = JobSpec.model_validate(
        {"activation": "relu", "epochs": 2, "train_samples": 160, "batch_size": 64, "validation": {"fraction": 0.001}}
    )
    weights = []
    for kind in (Training, CapturedTraining):
        training = kind(spec, data.load(DATA), device=torch.device("cpu"))
        evaluations = [training.train_on_batches(epoch) for epoch in (1, 2)]
        weights.append((training.network.dense1.weight, [evaluation.loss for evaluation in evaluations]))

    assert torch.equal(weights[0][0], weights[1][0])
    assert weights[0][1] == pytest.approx(weights[1][1], rel=1e-12)


@pytest.mark.parametrize("clip", [Clip(by="value", threshold=0.5), Clip(by="norm", threshold=1.0), None])
def test_clipping_together_is_clipping_each(clip: Clip | None):
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,))]
    for parameter in parameters:
        parameter.grad = torch.linspace(-2, 2, parameter.numel()).view_as(parameter)
    together = [parameter.grad.clone() for parameter in parameters]

    clip_together(together, clip)
    optimizers.clip(parameters, clip)

    assert all(map(torch.equal, together, (parameter.grad for parameter in parameters)))


@pytest.mark.timeout(900)
def test_its_smallest_round_on_a_cpu_measures_all_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--device=cpu", "--small", f"--out={tmp_path / 'gpu.md'}", "--without", "tests"])

    table = (tmp_path / "gpu.md").read_text()
    assert capsys.readouterr().out.endswith(table)
    assert "FAILED" not in table
    assert "history equal to the bit" in table
