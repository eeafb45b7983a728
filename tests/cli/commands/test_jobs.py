import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from jobs.errors import Diverged
from tests.support.command_line import assert_refused, submit_job
from tests.support.recorded_runs import Lab, Service


def test_submit_prints_the_id_of_a_job_that_is_what_was_asked_for(lab: Lab):
    job_id = submit_job(
        lab, "--set", "clip=null", "--set", "optimizer.learning_rate=0.01", "--set", "metadata.note=hello"
    )
    job = json.loads(lab("list", "--metadata", "note=hello", "--json").stdout)
    assert job["id"] == job_id
    assert job["spec"]["epochs"] == 2
    assert job["spec"]["clip"] is None
    assert job["spec"]["optimizer"]["learning_rate"] == 0.01


def test_watch_tells_every_epoch_and_succeeds_with_the_job(lab: Lab, service: Service):
    job_id = submit_job(lab)
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
    job_id = submit_job(lab)
    service.fail(job_id, Diverged("the loss became nan in epoch 2"))
    result = lab("watch", job_id)
    assert result.exit_code == 1
    assert result.stderr == f"activation-lab: job {job_id} failed: the loss became nan in epoch 2 (diverged)\n"


def test_watch_fails_with_a_job_that_is_cancelled(lab: Lab):
    job_id = submit_job(lab)
    assert lab("cancel", job_id).stdout == "cancelled\n"
    result = lab("watch", job_id)
    assert result.exit_code == 1
    assert "cancelled" in result.stderr


def test_watch_as_json_is_an_event_a_line(lab: Lab, service: Service):
    job_id = submit_job(lab)
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
    job_id = submit_job(lab)
    command = [sys.executable, "-m", "stack", "watch", job_id, "--url", service.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == f"activation-lab: interrupted; job {job_id} goes on\n"


def test_list_tells_one_job_a_line(lab: Lab, service: Service):
    first, second = submit_job(lab), submit_job(lab)
    service.succeed(first, epochs=2)
    assert [line.split("\t")[:6] for line in lab("list").stdout.splitlines()] == [
        ["id", "state", "activation", "epochs", "val loss", "accuracy"],
        [second, "queued", "relu", "0/2", "", ""],
        [first, "succeeded", "relu", "2/2", "0.02500", "95.00 %"],
    ]


def test_list_says_what_tells_jobs_apart(lab: Lab):
    usual = [submit_job(lab) for _ in range(2)]
    other = lab(
        *("submit", "--activation", "relu", "--name", "mine", "--note", "two\nlines", "--set", "seed=7"),
        *("--set", "batch_size=64", "--set", "train_samples=500", "--set", "optimizer.learning_rate=0.02"),
    ).stdout.strip()
    told = {line.split("\t")[0]: line.split("\t")[6:] for line in lab("list").stdout.splitlines()}
    assert told["id"] == ["seed", "learning rate", "images", "test", "name", "note", "differs in"]
    assert told[usual[0]] == ["0", "0.001", "all", "", "", "", ""]
    assert told[other] == ["7", "0.02", "500", "", "mine", r"two\nlines", "batch_size 64"]


def test_a_job_is_given_a_name_and_a_note_and_loses_them_again(lab: Lab):
    job_id = submit_job(lab)
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
    ids = [submit_job(lab) for _ in range(3)]
    assert [
        json.loads(line)["id"]
        for line in lab("list", "--json", "--sort", "created_at", "--limit", "2").stdout.splitlines()
    ] == ids[:2]
    assert len(lab("list", "--json", "--all").stdout.splitlines()) == 3


def test_show_says_what_became_of_a_job(lab: Lab, service: Service):
    job_id = submit_job(lab)
    service.fail(job_id, Diverged("the loss became nan in epoch 2"))
    facts = dict(line.split("\t") for line in lab("show", job_id).stdout.splitlines())
    assert (facts["job"], facts["state"], facts["epochs"]) == (job_id, "failed", "1/2")
    assert facts["error"] == "the loss became nan in epoch 2 (diverged)"
    assert json.loads(lab("show", job_id, "--json").stdout)["id"] == job_id


def test_a_retry_is_a_new_job(lab: Lab, service: Service):
    job_id = submit_job(lab)
    service.fail(job_id, Diverged())
    retried = lab("retry", job_id).stdout.strip()
    assert json.loads(lab("show", retried, "--json").stdout)["retry_of"] == job_id


def test_delete_deletes_every_job_that_is_named(lab: Lab):
    first, second = submit_job(lab), submit_job(lab)
    assert_refused(lab("delete", first), "the job is queued; it must end first")
    lab("cancel", first)
    lab("cancel", second)
    assert lab("delete", first, second).stdout == f"deleted {first}\ndeleted {second}\n"
    assert_refused(lab("show", first), f"there is no job or sweep {first}")
