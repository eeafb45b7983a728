import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Service, started
from typer.testing import CliRunner, Result

from db import keys
from jobs.errors import Diverged
from stack.cli import app

Lab = Callable[..., Result]


@pytest.fixture
def lab(service: Service, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """`activation-lab`, for which the service is the one of ACTIVATION_LAB_URL."""
    monkeypatch.setenv("ACTIVATION_LAB_URL", service.url)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def submitted(lab: Lab, *arguments: str) -> str:
    result = lab("submit", "--activation", "relu", "--epochs", "2", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def refused(result: Result, message: str) -> None:
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"activation-lab: {message}\n"


def test_submit_prints_the_id_of_a_job_that_is_what_was_asked_for(lab: Lab):
    job_id = submitted(
        lab, "--set", "clip=null", "--set", "optimizer.learning_rate=0.01", "--set", "metadata.note=hello"
    )
    job = json.loads(lab("list", "--metadata", "note=hello", "--json").stdout)
    assert job["id"] == job_id
    assert job["spec"]["epochs"] == 2
    assert job["spec"]["clip"] is None
    assert job["spec"]["optimizer"]["learning_rate"] == 0.01


def test_watch_tells_every_epoch_and_succeeds_with_the_job(lab: Lab, service: Service):
    job_id = submitted(lab)
    service.succeed(job_id, epochs=2)
    result = lab("watch", job_id)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "relu  queued: accepted",
        "relu  running: claimed by worker-1",
        "relu  epoch 1/2  val loss 0.05000  val accuracy 95.00 %  2.5 s",
        "relu  epoch 2/2  val loss 0.02500  val accuracy 95.00 %  2.5 s",
        "relu  succeeded: all epochs done",
        "succeeded: best val loss 0.02500 in epoch 2, test accuracy 96.01 %",
    ]


def test_watch_fails_with_the_job_and_says_why(lab: Lab, service: Service):
    job_id = submitted(lab)
    service.fail(job_id, Diverged("the loss became nan in epoch 2"))
    result = lab("watch", job_id)
    assert result.exit_code == 1
    assert result.stderr == f"activation-lab: job {job_id} failed: the loss became nan in epoch 2 (diverged)\n"


def test_watch_fails_with_a_job_that_is_cancelled(lab: Lab):
    job_id = submitted(lab)
    assert lab("cancel", job_id).stdout == "cancelled\n"
    result = lab("watch", job_id)
    assert result.exit_code == 1
    assert "cancelled" in result.stderr


def test_watch_as_json_is_an_event_a_line(lab: Lab, service: Service):
    job_id = submitted(lab)
    service.succeed(job_id, epochs=2)
    told = [json.loads(line) for line in lab("watch", job_id, "--json").stdout.splitlines()]
    assert [event["number"] for event in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1]["data"]["state"] == "succeeded"


def test_submit_with_watch_fails_with_the_job(lab: Lab, service: Service, monkeypatch: pytest.MonkeyPatch):
    from stack.client import Client  # noqa: PLC0415  # as the command imports it

    submit = Client.submit

    def submit_and_fail(client: Client, spec: dict[str, Any]) -> dict[str, Any]:
        job = submit(client, spec)
        service.fail(job["id"], Diverged("the loss became nan"))
        return job

    monkeypatch.setattr(Client, "submit", submit_and_fail)
    result = lab("submit", "--activation", "relu", "--watch")
    assert result.exit_code == 1
    assert "failed: the loss became nan (diverged)" in result.stderr


def test_interrupting_watch_leaves_the_job_alone(lab: Lab, service: Service):
    job_id = submitted(lab)
    command = [sys.executable, "-m", "stack", "watch", job_id, "--url", service.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == f"activation-lab: interrupted; job {job_id} goes on\n"


def test_list_tells_one_job_a_line(lab: Lab, service: Service):
    first, second = submitted(lab), submitted(lab)
    service.succeed(first, epochs=2)
    assert [line.split("\t") for line in lab("list").stdout.splitlines()] == [
        ["id", "state", "activation", "epochs", "best val loss", "its accuracy"],
        [second, "queued", "relu", "0/2", "", ""],
        [first, "succeeded", "relu", "2/2", "0.02500", "95.00 %"],
    ]


def test_list_follows_the_pages_as_far_as_asked(lab: Lab):
    ids = [submitted(lab) for _ in range(3)]
    assert [
        json.loads(line)["id"]
        for line in lab("list", "--json", "--sort", "created_at", "--limit", "2").stdout.splitlines()
    ] == ids[:2]
    assert len(lab("list", "--json", "--all").stdout.splitlines()) == 3


def test_history_is_the_same_in_every_format(lab: Lab, service: Service, tmp_path: Path):
    job_id = submitted(lab)
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
    refused(lab("history", submitted(lab), "--csv", str(path)), f"cannot write {path}: No such file or directory")


def test_evaluate_prints_exact_numbers(lab: Lab):
    assert lab("evaluate", "elu", "--set", "alpha=0.2", "--", "-1", "0", "1").stdout.splitlines() == [
        "x\tvalue\tderivative",
        "-1.0\t-0.12642411176571153\t0.07357588823428847",
        "0.0\t0.0\t0.2",
        "1.0\t1.0\t1.0",
    ]


def test_evaluate_says_what_is_beyond_a_float(lab: Lab):
    assert lab("evaluate", "selu", "1.75e308").stdout.splitlines()[1].split("\t")[1] == "inf"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["watch", "nope"], "there is no job or sweep nope"),
        (["show", "nope"], "there is no job or sweep nope"),
        (["history", "nope"], "there is no job or sweep nope"),
        (["cancel", "nope"], "there is no job or sweep nope"),
        (["plot", "nope", "x.svg"], "there is no job or sweep nope"),
        (["retry", "nope"], "there is no job nope"),
        (["delete", "nope"], "there is no job nope"),
        (["layers", "nope"], "there is no job nope"),
        (["checkpoints", "nope"], "there is no job nope"),
        (["compare", "nope"], "there is no job nope"),
        (["list", "--metadata", "note"], "--metadata 'note' is not of the form KEY=VALUE"),
        (["history", "x", "--csv", "--json"], "choose one of --csv, --parquet and --json"),
        (["history", "x", "y"], "y is to be written as what? Choose --csv or --parquet"),
        (["evaluate", "relu", "nan"], "only finite numbers can be sent"),
        (
            ["submit", "--activation", "relu", "--set", "epochs"],
            "--set 'epochs' is not of the form path=value, such as clip.threshold=1",
        ),
        (
            ["submit", "--activation", "relu", "--epochs", "5000", "--set", "a=1"],
            "/epochs: Input should be less than or equal to 1000; /a: Extra inputs are not permitted",
        ),
        (["list", "--url", "lab"], "lab is not a URL such as http://127.0.0.1:8000"),
        (
            ["list", "--url", "http://127.0.0.1:1"],
            "no answer from http://127.0.0.1:1 ([Errno 111] Connection refused); is the service running there?",
        ),
    ],
)
def test_an_error_is_one_line(lab: Lab, arguments: list[str], message: str):
    refused(lab(*arguments), message)


def test_a_client_without_a_key_learns_where_to_put_one(sqlite_url: str, monkeypatch: pytest.MonkeyPatch):
    with started(sqlite_url, auth="keys") as service:
        command = ["list", "--url", service.url]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert result.stderr.endswith("; put one into ACTIVATION_LAB_API_KEY\n")
        with service.sessions.begin() as session:
            monkeypatch.setenv("ACTIVATION_LAB_API_KEY", keys.create(session, "me"))
        assert CliRunner().invoke(app, command).exit_code == 0


def test_up_names_the_log_that_it_cannot_write(tmp_path: Path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    refused(
        CliRunner().invoke(app, ["up", "--data-dir", str(folder)]), f"cannot write {folder}/stack.log: Not a directory"
    )
