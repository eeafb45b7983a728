import json
import math
import sys
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from cli.exports.mlflow import make_tag_name
from jobs.errors import Diverged
from jobs.metrics import LayerMetrics
from runtime.settings import sqlite_url
from stack.main import app
from tests.support.figures import parameter_metrics
from tests.support.recorded_runs import TESTED, Lab, Service

LAYER = LayerMetrics(
    epoch=1,
    layer="conv1",
    gradient_norm=math.nan,
    update_ratio=0.001,
    activation_mean=math.inf,
    activation_variance=0.125,
    zero_fraction=None,
    dead_fraction=None,
    saturated_fraction=0.0,
    clipped_fraction=0.0,
)


@pytest.fixture
def job_id(lab: Lab) -> str:
    return str(lab("submit", "--activation", "relu", "--epochs", "2").stdout).strip()


def measure_layers(epoch: int) -> list[LayerMetrics]:
    return [replace(LAYER, epoch=epoch)]


def train_job(service: Service, job_id: str) -> None:
    service.worker.succeed(service.train(job_id, epochs=2, layers=measure_layers), TESTED)


def events(folder: Path) -> list[Event]:
    found = []
    for file in sorted(folder.glob("events*")):
        data = file.read_bytes()
        while data:  # a record: its length, a checksum, the event, a checksum
            length = int.from_bytes(data[:8], "little")
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    values = [(value, event.step) for event in events(folder) for value in event.summary.value]
    return [(value.tag, step, value.simple_value) for value, step in values if value.HasField("simple_value")]


def read_session(folder: Path) -> Any:
    contents = [
        HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for event in events(folder)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    ]
    return next(content.session_start_info for content in contents if content.HasField("session_start_info"))


def run_of(tracking_uri: str, experiment: str = "activation-lab") -> tuple[MlflowClient, Run]:
    client = MlflowClient(tracking_uri=tracking_uri)
    known = client.get_experiment_by_name(experiment)
    assert known is not None
    (run,) = client.search_runs([known.experiment_id])
    return client, run


def test_tensorboard_lays_training_and_validation_over_each_other(
    lab: Lab, service: Service, job_id: str, tmp_path: Path
):
    train_job(service, job_id)
    said = lab("export", job_id, "--to", "tensorboard", "--output", str(tmp_path))
    assert (said.exit_code, said.stdout) == (0, f"exported {job_id} (succeeded)\n")
    folder = tmp_path / f"relu-{job_id}"
    train = {(tag, step): value for tag, step, value in scalars(folder / "train")}
    assert train["loss", 2] == pytest.approx(0.05)
    assert train["activation_variance/conv1", 1] == pytest.approx(0.125)
    assert ("loss", 2, pytest.approx(0.02)) in scalars(folder / "test")
    assert ("accuracy", 1, pytest.approx(0.95)) in scalars(folder / "validation")
    assert json.loads((folder / "job.json").read_text())["id"] == job_id


def test_what_is_not_finite_is_exported_as_it_was_and_what_was_not_measured_is_not(
    lab: Lab, service: Service, job_id: str, tmp_path: Path
):
    train_job(service, job_id)
    assert lab("export", job_id, "--to", "tensorboard", "--output", str(tmp_path)).exit_code == 0
    found = {tag: value for tag, step, value in scalars(tmp_path / f"relu-{job_id}" / "train") if step == 1}
    assert math.isnan(found["gradient_norm/conv1"])
    assert found["activation_mean/conv1"] == math.inf
    assert "dead_fraction/conv1" not in found


def test_tensorboard_compares_hyperparameters(lab: Lab, service: Service, job_id: str, tmp_path: Path):
    train_job(service, job_id)
    assert lab("export", job_id, "--to", "tensorboard", "--output", str(tmp_path)).exit_code == 0
    session = read_session(tmp_path / f"relu-{job_id}")
    assert session.hparams["optimizer.name"].string_value == "adam"
    assert session.hparams["protocol"].string_value == "null"
    assert session.hparams["diagnostics"].bool_value is True
    assert ("test_accuracy", 2, pytest.approx(0.9601)) in scalars(tmp_path / f"relu-{job_id}")


def test_a_job_is_exported_with_its_formula(lab: Lab, service: Service, tmp_path: Path):
    lab("define", "swishy", "x*sigmoid(b*x)", "--parameter", "b=1")
    job_id = lab("submit", "--activation", "swishy", "--epochs", "2").stdout.strip()
    train_job(service, job_id)
    lab("undefine", "swishy")
    assert lab("export", job_id, "--to", "tensorboard", "--output", str(tmp_path)).exit_code == 0
    assert read_session(tmp_path / f"swishy-{job_id}").hparams["formula"].string_value == "x*sigmoid(b*x)"


@pytest.mark.filterwarnings("ignore")  # as below
@pytest.mark.parametrize("to", ["mlflow", "tensorboard"])
def test_a_folder_of_any_name_is_written_to(to: str, lab: Lab, service: Service, job_id: str, tmp_path: Path):
    train_job(service, job_id)
    name = "s3:$a \"b'\\;&é"
    with chdir(tmp_path):
        assert lab("export", job_id, "--to", to, "--output", name).exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [name]
    if to == "mlflow":
        client, run = run_of(sqlite_url(tmp_path / name / "mlflow.db"))
        assert len(client.list_artifacts(run.info.run_id)) == 4
        assert [*(tmp_path / name / "artifacts").rglob("job.json")]
    else:
        assert [*(tmp_path / name / f"relu-{job_id}").rglob("events.out.*")]


@pytest.mark.filterwarnings("ignore")  # MLflow uses what SQLAlchemy 2.1 deprecates
def test_mlflow_has_the_spec_every_epoch_the_test_and_the_files(
    lab: Lab, service: Service, job_id: str, tmp_path: Path
):
    train_job(service, job_id)
    assert lab("export", job_id, "--to", "mlflow", "--output", str(tmp_path)).exit_code == 0
    client, run = run_of(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert (run.info.status, run.data.params["optimizer.name"]) == ("FINISHED", "adam")
    assert (run.data.params["protocol"], run.data.params["diagnostics"]) == ("null", "true")
    assert run.data.metrics["test_accuracy"] == 0.9601
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.1), (2, 0.05)]
    assert math.isnan(run.data.metrics["gradient_norm/conv1"])
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"history.csv", "job.json", "layers.csv", "plot.png"}


@pytest.mark.filterwarnings("ignore")  # as above
def test_a_tracking_uri_and_an_experiment_may_be_named(lab: Lab, service: Service, job_id: str, tmp_path: Path):
    train_job(service, job_id)
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    chosen = ["--to", "mlflow", "--tracking-uri", uri, "--experiment", "mine"]
    MlflowClient(tracking_uri=uri).create_experiment("mine", (tmp_path / "files").as_uri())
    assert lab("export", job_id, *chosen).exit_code == 0
    assert run_of(uri, "mine")[1].data.tags["activation_lab.job_id"] == job_id


@pytest.mark.parametrize("to", ["tensorboard", "mlflow"])
@pytest.mark.filterwarnings("ignore")  # as above
def test_a_job_on_its_way_is_exported_as_far_as_it_is_and_goes_on_the_next_time(
    lab: Lab, service: Service, job_id: str, tmp_path: Path, to: str
):
    again = ["export", job_id, "--to", to, "--output", str(tmp_path)]
    lease = service.train(job_id, epochs=1, layers=measure_layers)
    assert lab(*again).stdout == f"exported {job_id} (running)\n"
    service.worker.record(lease, 2, layers=measure_layers(2))
    service.worker.succeed(lease, TESTED)
    assert lab(*again).stdout == f"exported {job_id} (succeeded)\n"
    assert lab(*again).stdout == f"already exported {job_id} (succeeded)\n"
    if to == "tensorboard":
        steps = [step for tag, step, _ in scalars(tmp_path / f"relu-{job_id}" / "train") if tag == "loss"]
    else:
        client, run = run_of(f"sqlite:///{tmp_path / 'mlflow.db'}")
        assert run.info.status == "FINISHED"
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "loss")]
    assert steps == [1, 2]


@pytest.mark.parametrize("to", ["tensorboard", "mlflow"])
@pytest.mark.filterwarnings("ignore")  # as above
def test_learnt_parameters_are_exported_from_the_start_and_once(lab: Lab, service: Service, tmp_path: Path, to: str):
    chosen = ["--epochs", "2", "--set", 'trainable.parameters=["alpha"]']
    job_id = str(lab("submit", "--activation", "elu", *chosen).stdout).strip()
    lease = service.worker.claim(job_id)
    service.worker.start(lease, parameter_metrics(0, mean=1.0))
    for epoch, mean in ((1, 0.5), (2, 0.25)):
        assert lab("export", job_id, "--to", to, "--output", str(tmp_path)).exit_code == 0
        service.worker.record(lease, epoch, parameters=[parameter_metrics(epoch, mean=mean)])
    service.worker.succeed(lease, TESTED)
    assert lab("export", job_id, "--to", to, "--output", str(tmp_path)).exit_code == 0
    name = "learnt/alpha/conv1/mean"
    if to == "tensorboard":
        means = [(step, mean) for tag, step, mean in scalars(tmp_path / f"elu-{job_id}" / "train") if tag == name]
    else:
        client, run = run_of(f"sqlite:///{tmp_path / 'mlflow.db'}")
        means = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]
        assert "parameters.csv" in {file.path for file in client.list_artifacts(run.info.run_id)}
    assert means == [(0, 1.0), (1, 0.5), (2, 0.25)]


def test_a_sweep_is_exported_job_by_job_a_failed_one_and_one_in_the_queue_too(
    lab: Lab, service: Service, tmp_path: Path
):
    sweep_id = lab("sweep", "--activations", "relu,gelu,selu", "--epochs", "2").stdout.splitlines()[0]
    jobs = [
        json.loads(line) for line in lab("list", "--sweep", sweep_id, "--sort=created_at", "--json").stdout.splitlines()
    ]
    train_job(service, jobs[0]["id"])
    service.fail(jobs[1]["id"], Diverged("the loss became nan in epoch 2"))
    said = lab("export", sweep_id, "--to", "tensorboard", "--output", str(tmp_path))
    assert said.stdout.splitlines() == [
        f"exported {jobs[0]['id']} (succeeded)",
        f"exported {jobs[1]['id']} (failed)",
        f"exported {jobs[2]['id']} (queued)",
    ]
    assert {folder.name.split("-")[0] for folder in tmp_path.iterdir() if folder.is_dir()} == {"relu", "gelu", "selu"}


def test_without_its_packages_an_export_says_which_are_missing(
    lab: Lab, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delitem(sys.modules, "mlflow")
    monkeypatch.setattr(sys, "path", [str(Path(app.__module__).parent)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    said = lab("export", job_id, "--to", "mlflow", "--output", str(tmp_path))
    assert said.exit_code == 1
    assert said.stderr == "activation-lab: --to mlflow needs the extra packages of activation-lab[export]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is called; MLflow waits for no server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tensorboard", "name the target: --output FOLDER, or for MLflow --tracking-uri URI"),
        ("mlflow --output a --tracking-uri b", "name the target"),
        ("tensorboard --tracking-uri sqlite:///x.db", "--tracking-uri is for MLflow"),
        ("tensorboard --output a-file", "cannot write to a-file"),
        ("mlflow --output a-file", "cannot write to"),
        ("mlflow --tracking-uri http://127.0.0.1:1", "cannot write to http://127.0.0.1:1"),
    ],
)
def test_an_export_that_leads_nowhere_is_refused_in_one_line(
    lab: Lab, job_id: str, folder: Path, words: str, message: str
):
    (folder / "a-file").touch()
    said = lab("export", job_id, "--to", *words.split())
    assert said.exit_code == 1
    assert message in said.stderr
    assert said.stderr.count("\n") == 1


def test_the_export_of_an_unknown_id_says_so(lab: Lab, tmp_path: Path):
    unknown = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
    said = lab("export", unknown, "--to", "tensorboard", "--output", str(tmp_path))
    assert (said.exit_code, said.stderr) == (1, f"activation-lab: there is no job or sweep {unknown}\n")


def test_a_word_of_a_user_is_no_tag_of_mlflows_or_ours():
    assert [*map(make_tag_name, ("note", "mlflow.runName", "activation_lab.job_id"))] == [
        "note",
        "metadata.mlflow.runName",
        "metadata.activation_lab.job_id",
    ]
