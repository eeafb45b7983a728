import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands.sweeps import parse_values
from db import leases
from jobs.errors import Diverged
from tests.support.recorded_runs import Lab, Service


@pytest.fixture
def sweep(lab: Lab) -> dict[str, Any]:
    """Two activations with two seeds, not trained yet."""
    return posted(lab, "--activations", "relu,gelu", "--seeds", "0,1", "--epochs", "2")


def posted(lab: Lab, *arguments: str) -> dict[str, Any]:
    result = lab("sweep", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def jobs_of(lab: Lab, sweep: dict[str, Any]) -> list[str]:
    listed = lab("list", "--json", "--sweep", sweep["id"], "--sort", "created_at").stdout
    return [json.loads(line)["id"] for line in listed.splitlines()]


def test_a_sweep_is_what_was_asked_for(lab: Lab):
    spec = posted(
        lab,
        *("--activations", "relu, gelu", "--seeds", "0,1", "--epochs", "2", "--set", "clip=null"),
        *("--grid", "optimizer.learning_rate=0.001,0.01", "--grid", "dropout.dense=[0.5]"),
    )["spec"]
    assert spec["activations"] == ["relu", "gelu"]
    assert spec["seeds"] == [0, 1]
    assert spec["grid"] == {"optimizer.learning_rate": [0.001, 0.01], "dropout.dense": [0.5]}
    assert spec["base"] == {"epochs": 2, "clip": None}


def test_a_bare_sweep_is_the_articles(lab: Lab):
    sweep = posted(lab)
    assert sweep["spec"]["activations"] == ["sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"]


def test_sweep_prints_the_id_by_which_other_commands_know_it(lab: Lab):
    sweep_id = lab("sweep", "--activations", "relu").stdout.strip()
    assert lab("show", sweep_id).stdout.splitlines()[0] == f"sweep\t{sweep_id}"
    assert lab("sweeps").stdout.splitlines()[1].startswith(f"{sweep_id}\tqueued\t0/1\t0/10")
    assert json.loads(lab("sweeps", "--json").stdout)["id"] == sweep_id


def test_watching_a_sweep_tells_of_every_job_and_ends_in_its_table(lab: Lab, sweep: dict[str, Any], service: Service):
    for job_id in jobs_of(lab, sweep):
        service.succeed(job_id, epochs=2)
    result = lab("watch", sweep["id"])
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    for name in ("relu, seed 0", "gelu, seed 0", "relu, seed 1", "gelu, seed 1"):
        assert f"{name}  epoch 2/2  val loss 0.02500  val accuracy 95.00 %  2.5 s" in lines
    assert lines[-3].split("\t")[:4] == ["relu", "2/2", "0.02500 ± 0.00000", "95.00 % ± 0.00 %"]
    assert lines[-1] == "succeeded: 4 succeeded"


def test_watching_a_sweep_fails_where_one_job_fails(lab: Lab, sweep: dict[str, Any], service: Service):
    first, *others = jobs_of(lab, sweep)
    service.fail(first, Diverged("the loss became nan"))
    for job_id in others:
        service.succeed(job_id, epochs=2)
    result = lab("watch", sweep["id"])
    assert result.exit_code == 1
    assert result.stderr == f"activation-lab: sweep {sweep['id']} failed: 3 succeeded, 1 failed\n"


def test_watching_a_sweep_as_json_is_an_event_a_line(lab: Lab, sweep: dict[str, Any], service: Service):
    for job_id in jobs_of(lab, sweep):
        service.succeed(job_id, epochs=2)
    told = [json.loads(line) for line in lab("watch", sweep["id"], "--json").stdout.splitlines()]
    assert len(told) == 4 * 6 + 1
    assert {event["data"]["job_id"] for event in told[:-1]} == {*jobs_of(lab, sweep)}
    assert told[-1]["event"] == "sweep_end"
    assert told[-1]["data"]["state"] == "succeeded"


def test_what_was_cancelled_is_told_so_with_the_best_that_was_reached(lab: Lab, service: Service):
    sweep = posted(lab, "--activations", "relu,gelu", "--seeds", "0,1", "--epochs", "2", "--grid", "diagnostics=true")
    first, second, *_ = jobs_of(lab, sweep)
    service.succeed(first, epochs=2)
    lease = service.train(second, epochs=1)
    lab("cancel", sweep["id"])
    with service.sessions.begin() as session:
        leases.cancel(session, lease)
    shown = dict(line.split("\t")[:2] for line in lab("show", sweep["id"]).stdout.splitlines())
    assert shown["jobs ended"] == "4/4 (3 cancelled)"
    assert shown["best val loss"] == "0.02500: relu, diagnostics true, seed 0"
    assert shown["best val accuracy"] == "95.00 %: relu, diagnostics true, seed 0"
    assert "\tcancelled\t4/4 (3 cancelled)\t" in lab("sweeps").stdout
    rows = [
        line.split("\t") for line in lab("show", sweep["id"]).stdout.splitlines() if line.startswith(("relu,", "gelu,"))
    ]
    assert [row[:5] for row in rows] == [
        ["relu, diagnostics true", "1/2 (1 cancelled)", "0.02500", "95.00 %", "95.00 %"],
        ["gelu, diagnostics true", "0/2 (2 cancelled)", "", "", "95.00 %"],
    ]


def test_cancelling_a_sweep_cancels_its_jobs(lab: Lab, sweep: dict[str, Any]):
    assert lab("cancel", sweep["id"]).stdout == "cancelled\n"
    listed = lab("list", "--sweep", sweep["id"], "--state", "cancelled", "--json").stdout
    assert len(listed.splitlines()) == 4
    assert lab("watch", sweep["id"]).exit_code == 1


def test_the_history_of_a_sweep_has_a_row_an_epoch_of_each_job(
    lab: Lab, sweep: dict[str, Any], service: Service, tmp_path: Path
):
    for job_id in jobs_of(lab, sweep):
        service.succeed(job_id, epochs=2)
    rows = [line.split("\t") for line in lab("history", sweep["id"]).stdout.splitlines()]
    assert [row[:3] for row in rows[1:4]] == [["relu", "0", "1"], ["relu", "0", "2"], ["gelu", "0", "1"]]
    file = tmp_path / "sweep.csv"
    assert lab("history", sweep["id"], "--csv", str(file)).exit_code == 0
    assert len([*csv.DictReader(file.read_text().splitlines())]) == 8


def test_a_sweep_is_drawn_as_it_is_asked_for(lab: Lab, sweep: dict[str, Any], service: Service, tmp_path: Path):
    for job_id in jobs_of(lab, sweep):
        service.succeed(job_id, epochs=2)
    drawn = tmp_path / "sweep.svg"
    assert lab("plot", sweep["id"], str(drawn), "--metric", "val_accuracy", "--exclude", "gelu").exit_code == 0
    assert "Validation accuracy" in drawn.read_text()
    assert "gelu" not in drawn.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--grid", "dropout.dense"],
            "--grid 'dropout.dense' is not of the form path=v1,v2, such as dropout.dense=0.2,0.5",
        ),
        (["--activations", "relu,nope"], "/activations/1: unknown activation 'nope'"),
        (["--seeds", "0,0"], "/seeds/1: 0 is given twice"),
        (["--grid", "dropout.dense=2"], "/grid/dropout.dense/0: Input should be less than 1"),
    ],
)
def test_what_cannot_be_swept_is_told_in_one_line_with_its_place(lab: Lab, arguments: list[str], message: str):
    result = lab("sweep", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"activation-lab: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("given", "seeds"), [("1-5", [1, 2, 3, 4, 5]), ("1,3,7-9", [1, 3, 7, 8, 9]), ("[4]", [4])])
def test_seeds_are_given_as_ranges_too(lab: Lab, given: str, seeds: list[int]):
    sweep = json.loads(lab("sweep", "--activations", "relu", "--seeds", given, "--name", "mine", "--json").stdout)
    assert (sweep["spec"]["seeds"], sweep["spec"]["base"]["metadata"]) == (seeds, {"name": "mine"})


@pytest.mark.parametrize("given", ["5-1", "0-512"])
def test_a_range_of_seeds_that_is_none_is_refused(lab: Lab, given: str):
    result = lab("sweep", "--seeds", given)
    assert result.exit_code == 1
    assert f"--seeds {given} is not a range" in result.stderr


def test_a_grid_over_texts_has_texts():
    assert parse_values("1,true,a", "metadata.note") == ["1", "true", "a"]
    assert parse_values("1,true,a", "epochs") == [1, True, "a"]
