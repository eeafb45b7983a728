"""The real program, as shells see it."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stack.main import app
from tests.support.command_line import run_program
from tests.support.recorded_runs import Lab, Service


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["submit"], "Missing option '--activation' (see"),
        (["submti"], "No such command 'submti'. Did you mean 'submit'? (see"),
        (["list", "--colour"], "No such option: --colour (Possible options: --url) (see"),
        (["list", "--limit", "0"], "Invalid value for '--limit'"),
        (["evaluate", "relu", "one"], "Invalid value for"),
    ],
)
def test_a_wrong_use_is_one_line_and_names_the_help(arguments: list[str], says: str):
    result = run_program(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"activation-lab: {says}")
    assert result.stderr.count("\n") == 1
    assert "--help" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(service: Service):
    reader, writer = os.pipe()
    os.close(reader)
    result = run_program("activations", "--json", stdout=writer, ACTIVATION_LAB_URL=service.url)
    os.close(writer)
    assert result.returncode != 0
    assert result.stderr == ""


def test_a_full_disk_is_one_line(service: Service):
    with Path("/dev/full").open("w") as full:
        result = run_program("activations", stdout=full.fileno(), ACTIVATION_LAB_URL=service.url)
    assert result.returncode == 1
    assert result.stderr == "activation-lab: cannot write: No space left on device\n"


def test_a_terminal_without_a_character_shows_a_question_mark(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu", "--set", "metadata.note=größer").stdout.strip()
    result = run_program("show", job_id, ACTIVATION_LAB_URL=service.url, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr


def test_every_help_ends_in_an_example():
    from typer.main import get_command  # noqa: PLC0415

    commands = get_command(app).commands  # type: ignore[attr-defined]
    runs_the_service = {"up", "demo", "api", "worker", "migrate", "keys"}
    for name in commands:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert f"Example: activation-lab {name}" in shown.stdout or name in runs_the_service, name
