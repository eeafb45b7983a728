from contextlib import closing
from pathlib import Path

import pytest
from conftest import Service
from mlflow.tracking import MlflowClient
from tensorboardX.proto.event_pb2 import Event
from typer.testing import CliRunner

from stack.cli import app
from stack.client import Client


def exported(service: Service, job_id: str, to: str, output: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", job_id, "--to", to, "--output", str(output), "--url", service.url])
    return result.exit_code, result.stderr + (
        repr(result.exception) if result.exception and result.exit_code != 0 else ""
    )


@pytest.fixture
def job_id(service: Service) -> str:
    with closing(Client(service.url)) as client:
        job = str(client.submit({"activation": "relu", "epochs": 2})["id"])
    service.succeed(job, epochs=2)
    return job


def test_tensorboard_reads_every_epoch(service: Service, job_id: str, tmp_path: Path) -> None:
    assert exported(service, job_id, "tensorboard", tmp_path) == (0, "")
    (file,) = tmp_path.glob("relu-*/events*")
    data, found = file.read_bytes(), {}
    while data:  # a record: its length, a checksum, the event, a checksum
        length = int.from_bytes(data[:8], "little")
        event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    assert found["loss/train", 2] == pytest.approx(0.05)
    assert found["accuracy/validation", 1] == pytest.approx(0.95)
    assert exported(service, job_id, "tensorboard", tmp_path)[0] == 1


@pytest.mark.filterwarnings("ignore")  # MLflow uses what SQLAlchemy 2.1 deprecates
def test_mlflow_reads_every_epoch(service: Service, job_id: str, tmp_path: Path) -> None:
    assert exported(service, job_id, "mlflow", tmp_path)[0] == 0
    store = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = store.get_experiment_by_name("activation-lab")
    assert experiment is not None
    (run,) = store.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.params["optimizer.name"]) == ("FINISHED", "adam")
    assert [(m.step, m.value) for m in store.get_metric_history(run.info.run_id, "loss/train")] == [(1, 0.1), (2, 0.05)]
    assert exported(service, job_id, "mlflow", tmp_path)[0] == 1
