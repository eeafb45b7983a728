"""Errors of the service, and of the way to it."""

import pytest
from typer.testing import CliRunner

from db import keys
from stack.main import app
from tests.support.command_line import assert_refused
from tests.support.recorded_runs import Lab, started


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
        (["parameters", "nope"], "there is no job nope"),
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
    assert_refused(lab(*arguments), message)


def test_a_client_without_a_key_learns_where_to_put_one(sqlite_url: str, monkeypatch: pytest.MonkeyPatch):
    with started(sqlite_url, auth="keys") as service:
        command = ["list", "--url", service.url]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert result.stderr.endswith("; put one into ACTIVATION_LAB_API_KEY\n")
        with service.sessions.begin() as session:
            monkeypatch.setenv("ACTIVATION_LAB_API_KEY", keys.create(session, "me"))
        assert CliRunner().invoke(app, command).exit_code == 0
