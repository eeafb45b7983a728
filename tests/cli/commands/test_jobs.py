import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from db import keys, workers
from jobs.errors import Diverged
from stack.main import app
from tests.support.figures import layer_metrics
from tests.support.recorded_runs import Lab, Service, started


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
    from cli.client import Client  # noqa: PLC0415  # as the command imports it

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
    assert [line.split("\t")[:6] for line in lab("list").stdout.splitlines()] == [
        ["id", "state", "activation", "epochs", "val loss", "accuracy"],
        [second, "queued", "relu", "0/2", "", ""],
        [first, "succeeded", "relu", "2/2", "0.02500", "95.00 %"],
    ]


def test_list_says_what_tells_jobs_apart(lab: Lab):
    usual = [submitted(lab) for _ in range(2)]
    other = lab(
        *("submit", "--activation", "relu", "--name", "mine", "--note", "two\nlines", "--set", "seed=7"),
        *("--set", "batch_size=64", "--set", "train_samples=500", "--set", "optimizer.learning_rate=0.02"),
    ).stdout.strip()
    told = {line.split("\t")[0]: line.split("\t")[6:] for line in lab("list").stdout.splitlines()}
    assert told["id"] == ["seed", "learning rate", "images", "test", "name", "note", "differs in"]
    assert told[usual[0]] == ["0", "0.001", "all", "", "", "", ""]
    assert told[other] == ["7", "0.02", "500", "", "mine", r"two\nlines", "batch_size 64"]


def test_a_job_is_given_a_name_and_a_note_and_loses_them_again(lab: Lab):
    job_id = submitted(lab)
    result = lab("edit", job_id, "--name", "[/red] mine", "--note", "why not", "--metadata", "who=me")
    assert result.stdout == f"edited {job_id}\n"
    shown = dict(line.split("\t") for line in lab("show", job_id).stdout.splitlines())
    assert (shown["name"], shown["note"], shown["metadata"]) == ("[/red] mine", "why not", '{"who": "me"}')
    edited = json.loads(lab("edit", job_id, "--name", "", "--metadata", "who=", "--json").stdout)
    assert edited["spec"]["metadata"] == {"note": "why not"}
    nothing = lab("edit", job_id)
    assert nothing.exit_code == 1
    assert "--name, --note or --metadata" in nothing.stderr


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


def test_show_says_what_became_of_a_job(lab: Lab, service: Service):
    job_id = submitted(lab)
    service.fail(job_id, Diverged("the loss became nan in epoch 2"))
    facts = dict(line.split("\t") for line in lab("show", job_id).stdout.splitlines())
    assert (facts["job"], facts["state"], facts["epochs"]) == (job_id, "failed", "1/2")
    assert facts["error"] == "the loss became nan in epoch 2 (diverged)"
    assert json.loads(lab("show", job_id, "--json").stdout)["id"] == job_id


def test_a_retry_is_a_new_job(lab: Lab, service: Service):
    job_id = submitted(lab)
    service.fail(job_id, Diverged())
    retried = lab("retry", job_id).stdout.strip()
    assert json.loads(lab("show", retried, "--json").stdout)["retry_of"] == job_id


def test_delete_deletes_every_job_that_is_named(lab: Lab):
    first, second = submitted(lab), submitted(lab)
    refused(lab("delete", first), "the job is queued; it must end first")
    lab("cancel", first)
    lab("cancel", second)
    assert lab("delete", first, second).stdout == f"deleted {first}\ndeleted {second}\n"
    refused(lab("show", first), f"there is no job or sweep {first}")


def test_layers_come_as_a_table_and_as_files(lab: Lab, service: Service, tmp_path: Path):
    job_id = submitted(lab)
    figures = {"gradient_norm": 0.12345, "activation_variance": 0.1, "dead_fraction": None, "saturated_fraction": 0.0}
    service.train(job_id, epochs=1, layers=lambda epoch: [layer_metrics(epoch, **figures)])
    row = lab("layers", job_id).stdout.splitlines()[1]
    assert row.split("\t") == ["1", "conv1", "0.1235", "0.001", "0.2", "0.1", "0.4", "", "0", "0"]
    assert json.loads(lab("layers", job_id, "--json").stdout)["layers"][0]["gradient_norm"] == 0.12345
    assert lab("layers", job_id, str(tmp_path / "l.csv"), "--csv").exit_code == 0
    assert "0.12345" in (tmp_path / "l.csv").read_text()


def test_a_job_is_drawn_in_the_format_of_the_files_ending(lab: Lab, service: Service, tmp_path: Path):
    job_id = submitted(lab)
    service.succeed(job_id, epochs=2)
    assert lab("plot", job_id, str(tmp_path / "a.svg")).stdout == f"wrote {tmp_path}/a.svg\n"
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert lab("plot", job_id, str(tmp_path / "a.png"), "--layers").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_compare_tells_where_each_job_began_and_how_far_it_came(lab: Lab, service: Service, tmp_path: Path):
    first, second = submitted(lab), submitted(lab, "--set", "seed=1")
    service.succeed(first, epochs=2)
    rows = [line.split("\t") for line in lab("compare", first, second).stdout.splitlines()]
    assert rows[1] == ["relu, seed 0", "2", "5", "0.05", "0.025", "0.025"]
    assert rows[2] == ["relu, seed 1", "0", "", "", "", ""]
    assert lab("compare", first, "--output", str(tmp_path / "c.csv")).exit_code == 0
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 3


def test_a_job_that_has_no_checkpoint_yet_cannot_be_asked_for_one(lab: Lab, tmp_path: Path):
    job_id = submitted(lab)
    assert lab("checkpoints", job_id).stdout.splitlines() == ["epoch\tattempt\tbytes\tcreated at\tsha256"]
    refused(
        lab("checkpoints", job_id, "1", str(tmp_path / "c")),
        "The job has no checkpoint of this epoch; the last two and the best are kept.",
    )
    image = tmp_path / "digit.csv"
    image.write_text(",".join(["0"] * 784))
    assert "has no checkpoint" in lab("predict", job_id, str(image)).stderr


def test_workers_are_listed(lab: Lab, service: Service):
    with service.sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
    assert lab("workers").stdout.splitlines()[1].startswith("worker/1\tidle\tcpu\t\t")
    assert json.loads(lab("workers", "--json").stdout)["id"] == "worker/1"


def test_the_catalog_is_listed(lab: Lab):
    rows = [line.split("\t") for line in lab("activations").stdout.splitlines()]
    assert rows[3] == ["elu", "Exponential Linear Unit", "alpha=1.0", "-1 to inf", "yes"]
    assert json.loads(lab("activations", "--json").stdout.splitlines()[0])["name"] == "sigmoid"


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
        (["history", "x", "y"], "unknown output format for y: use --csv or --parquet"),
        (["plot", "x", "x.jpg"], "unknown drawing format for x.jpg: use a name that ends in .svg or .png"),
        (["compare", "x", "--output", "x"], "unknown drawing format for x: use a name that ends in .svg or .png"),
        (["checkpoints", "x", "1"], "to download a checkpoint, name its epoch and a file"),
        (["predict", "x", "/nowhere.png"], "cannot read /nowhere.png: No such file or directory"),
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
