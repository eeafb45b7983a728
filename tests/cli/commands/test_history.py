import csv
import io
import json
from pathlib import Path

from tests.support.command_line import assert_refused, submit_job
from tests.support.figures import layer_metrics, parameter_metrics
from tests.support.recorded_runs import Lab, Service


def test_history_is_the_same_in_every_format(lab: Lab, service: Service, tmp_path: Path):
    job_id = submit_job(lab)
    service.succeed(job_id, epochs=2)
    losses = [epoch["val_loss"] for epoch in json.loads(lab("history", job_id, "--json").stdout)["epochs"]]
    assert [
        float(row["val_loss"]) for row in csv.DictReader(io.StringIO(lab("history", job_id, "--csv").stdout))
    ] == losses
    assert lab("history", job_id).stdout.splitlines()[1].split("\t")[4] == "0.05000"
    assert lab("history", job_id, "--parquet", str(tmp_path / "h.parquet")).exit_code == 0
    assert (tmp_path / "h.parquet").read_bytes()[:4] == b"PAR1"


def test_history_names_the_file_that_it_cannot_write(lab: Lab, tmp_path: Path):
    path = tmp_path / "missing" / "h.csv"
    assert_refused(
        lab("history", submit_job(lab), "--csv", str(path)), f"cannot write {path}: No such file or directory"
    )


def test_layers_come_as_a_table_and_as_files(lab: Lab, service: Service, tmp_path: Path):
    job_id = submit_job(lab)
    figures = {"gradient_norm": 0.12345, "activation_variance": 0.1, "dead_fraction": None, "saturated_fraction": 0.0}
    service.train(job_id, epochs=1, layers=lambda epoch: [layer_metrics(epoch, **figures)])
    row = lab("layers", job_id).stdout.splitlines()[1]
    assert row.split("\t") == ["1", "conv1", "0.1235", "0.001", "0.2", "0.1", "0.4", "", "0", "0"]
    assert json.loads(lab("layers", job_id, "--json").stdout)["layers"][0]["gradient_norm"] == 0.12345
    assert lab("layers", job_id, str(tmp_path / "l.csv"), "--csv").exit_code == 0
    assert "0.12345" in (tmp_path / "l.csv").read_text()


def test_learnt_parameters_come_as_a_table_and_as_files(lab: Lab, service: Service, tmp_path: Path):
    job_id = submit_job(lab, "--activation", "elu", "--set", 'trainable.parameters=["alpha"]')
    lease = service.worker.claim(job_id)
    service.worker.start(lease, parameter_metrics(0, mean=1.0))
    service.worker.record(lease, 1, parameters=[parameter_metrics(1, mean=0.98765)])
    rows = [line.split("\t") for line in lab("parameters", job_id).stdout.splitlines()]
    assert rows[1:] == [
        ["0", "conv1", "alpha", "1", "0.1", "0.3333"],
        ["1", "conv1", "alpha", "0.9877", "0.1", "0.3333"],
    ]
    assert json.loads(lab("parameters", job_id, "--json").stdout)["parameters"][1]["mean"] == 0.98765
    assert lab("parameters", job_id, str(tmp_path / "p.parquet"), "--parquet").exit_code == 0
    assert (tmp_path / "p.parquet").read_bytes()[:4] == b"PAR1"
    assert lab("plot", job_id, str(tmp_path / "p.png"), "--parameters").exit_code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert_refused(lab("plot", job_id, "p.png", "--parameters", "--layers"), "choose one of --layers and --parameters")


def test_a_job_is_drawn_in_the_format_of_the_files_ending(lab: Lab, service: Service, tmp_path: Path):
    job_id = submit_job(lab)
    service.succeed(job_id, epochs=2)
    assert lab("plot", job_id, str(tmp_path / "a.svg")).stdout == f"wrote {tmp_path}/a.svg\n"
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert lab("plot", job_id, str(tmp_path / "a.png"), "--layers").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_compare_tells_where_each_job_began_and_how_far_it_came(lab: Lab, service: Service, tmp_path: Path):
    first, second = submit_job(lab), submit_job(lab, "--set", "seed=1")
    service.succeed(first, epochs=2)
    rows = [line.split("\t") for line in lab("compare", first, second).stdout.splitlines()]
    assert rows[1] == ["relu, seed 0", "2", "5", "0.05", "0.025", "0.025"]
    assert rows[2] == ["relu, seed 1", "0", "", "", "", ""]
    assert lab("compare", first, "--output", str(tmp_path / "c.csv")).exit_code == 0
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 3
