"""The real program, as shells and terminals see it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from typer.testing import CliRunner

from activations import catalog
from cli.commands import completion
from db.clock import now
from db.models import Worker
from jobs.text import escape_controls
from stack.main import app
from tests.support.recorded_runs import Lab, Service

PROGRAM = [sys.executable, "-m", "stack"]


def run(*arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


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
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"activation-lab: {says}")
    assert result.stderr.count("\n") == 1
    assert "--help" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(service: Service):
    reader, writer = os.pipe()
    os.close(reader)
    result = run("activations", "--json", stdout=writer, ACTIVATION_LAB_URL=service.url)
    os.close(writer)
    assert result.returncode != 0
    assert result.stderr == ""


def test_a_full_disk_is_one_line(service: Service):
    with Path("/dev/full").open("w") as full:
        result = run("activations", stdout=full.fileno(), ACTIVATION_LAB_URL=service.url)
    assert result.returncode == 1
    assert result.stderr == "activation-lab: cannot write: No space left on device\n"


def test_a_terminal_without_a_character_shows_a_question_mark(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu", "--set", "metadata.note=größer").stdout.strip()
    result = run("show", job_id, ACTIVATION_LAB_URL=service.url, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the program shows on a terminal."""
    shown, terminal = pty.openpty()
    with subprocess.Popen([*PROGRAM, *arguments], env={**os.environ, **environment}, stdout=terminal) as process:
        os.close(terminal)
        found = b""
        try:
            while chunk := os.read(shown, 4096):
                found += chunk
        except OSError:  # Linux's way to say that the other side is closed
            pass
    os.close(shown)
    assert process.returncode == 0
    return found.decode()


def test_an_id_stays_in_one_piece_on_a_narrow_terminal(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu").stdout.strip()
    shown = on_a_terminal("list", ACTIVATION_LAB_URL=service.url, COLUMNS="60")
    assert job_id in shown


ODD = "[/red] :smile: \x1b]0;title\x07\x1b[2J\r\n\x7f\x9b31m \u202egnp"
STEERING = re.compile(r"\x1b(?!\[[\d;?]*[mKAhl])|\x07|\x7f|\x9b|\u202e")
"""Sequences that no command of ours sends: rich colours, moves up, erases lines and hides the cursor."""


def odd_job(service: Service) -> str:
    body = {"activation": "relu", "epochs": 2, "metadata": {"note": ODD}}
    return str(httpx.post(f"{service.url}/v1/jobs", json=body).raise_for_status().json()["id"])


def test_words_of_a_job_are_shown_as_they_are_and_steer_no_terminal(service: Service):
    job_id = odd_job(service)
    shown = on_a_terminal("show", job_id, ACTIVATION_LAB_URL=service.url, COLUMNS="1000")
    assert escape_controls(ODD) in shown
    assert not STEERING.search(shown)


def test_words_of_a_job_are_one_line_elsewhere(service: Service, lab: Lab):
    job_id = odd_job(service)
    lines = lab("show", job_id).stdout.splitlines()
    assert all(line.count("\t") == 1 for line in lines)
    assert "\x7f" not in lab("show", job_id, "--json").stdout
    assert json.loads(lab("show", job_id, "--json").stdout)["spec"]["metadata"]["note"] == ODD


def test_words_of_a_grid_are_shown_as_they_are(service: Service, lab: Lab):
    body = {"activations": ["relu"], "base": {"epochs": 1}, "grid": {"metadata.note": [ODD, "x" * 400]}}
    sweep = httpx.post(f"{service.url}/v1/sweeps", json=body).raise_for_status().json()
    for row in sweep["configurations"]:
        service.succeed(row["job_ids"][0], epochs=1)
    for command in ("show", "watch"):
        shown = on_a_terminal(command, sweep["id"], ACTIVATION_LAB_URL=service.url, COLUMNS="1000")
        assert not STEERING.search(shown), command
        assert "[/red] :smile: " in shown
    assert all(len(line.split("\t")) == 8 for line in lab("show", sweep["id"]).stdout.splitlines()[-2:])


def test_a_table_as_csv_steers_no_terminal_and_is_exact_elsewhere(service: Service):
    body = {"activations": ["relu"], "base": {"epochs": 1}, "grid": {"metadata.note": ["\x1b[2J", "b"]}}
    sweep = httpx.post(f"{service.url}/v1/sweeps", json=body).raise_for_status().json()
    for row in sweep["configurations"]:
        service.succeed(row["job_ids"][0], epochs=1)
    command = ("history", sweep["id"], "--csv")
    shown = on_a_terminal(*command, ACTIVATION_LAB_URL=service.url)
    assert r"\x1b[2J" in shown
    assert shown.count("\n") == 3
    assert "\x1b[2J" in run(*command, ACTIVATION_LAB_URL=service.url).stdout


def test_an_error_of_whatever_answers_steers_no_terminal():
    def app(environ: Any, start_response: Any) -> list[bytes]:  # noqa: ARG001  # as WSGI has them
        start_response("400 Bad Request", [("Content-Type", "application/problem+json")])
        return [json.dumps({"code": "bad", "detail": f"no: {ODD}", "status": 400}).encode()]

    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = run("list", ACTIVATION_LAB_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert not STEERING.search(result.stderr)
    assert r"[/red] :smile: \x1b]0;title\x07\x1b[2J \x7f" in result.stderr


class Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


WORKER = "worker-9bc26492@a-machine-7/3735"


@pytest.mark.parametrize("command", ["list", "sweeps", "workers", "show job", "show sweep"])
@pytest.mark.parametrize("columns", [80, 100, 132, 250])
def test_a_table_fits_its_terminal_and_keeps_ids_whole(service: Service, lab: Lab, command: str, columns: int):
    named = ("--name", "a name [/red] that is \x1b[31mlonger than most " + "and on " * 20, "--note", "a note " * 30)
    job_id = lab("submit", "--activation", "leaky-relu", "--epochs", "100", *named).stdout.strip()
    lab("submit", "--activation", "hardswish", "--set", "seed=4294967295", "--set", "batch_size=64")
    sweep_id = lab("sweep", "--activations", "gelu", "--seeds", "1-3", *named).stdout.strip()
    service.train(job_id, epochs=100)
    with service.sessions.begin() as session:
        session.add(
            Worker(id=WORKER, device="NVIDIA H100 80GB HBM3", job_id=job_id, started_at=now(), last_seen_at=now())
        )
    known = {"job": job_id, "sweep": sweep_id}
    words = [known.get(word, word) for word in command.split()]
    shown = on_a_terminal(*words, ACTIVATION_LAB_URL=service.url, COLUMNS=str(columns), TERM="xterm", NO_COLOR="1")
    assert "\x1b[31m" not in shown
    lines = re.sub(r"\x1b\[[0-9;]*m|\r", "", shown).splitlines()
    assert max(map(len, lines)) <= columns, shown
    whole = {"list": [job_id], "sweeps": [sweep_id], "workers": [job_id, WORKER]}.get(command, words[1:])
    assert all(each in shown for each in whole), shown
    if command == "list":
        assert all(column in lines[0] for column in ("id", "state", "activation", "accuracy", "name")), shown
        assert ("differs in" in lines[0]) == (columns == 250), shown


def test_no_color_is_obeyed(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu", "--epochs", "2").stdout.strip()
    service.succeed(job_id, epochs=2)
    environment = {"ACTIVATION_LAB_URL": service.url, "TERM": "xterm-256color", "COLUMNS": "120"}
    colours = re.compile(r"\x1b\[(3\d|9\d)m")
    assert colours.search(on_a_terminal("watch", job_id, **environment))
    assert not colours.search(on_a_terminal("watch", job_id, **environment, NO_COLOR="1"))


def completed(*words: str, **environment: str) -> list[str]:
    """What bash is offered for the last word."""
    asked = {
        "_ACTIVATION_LAB_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["activation-lab", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv = ['activation-lab']; from stack.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_activations_are_completed_without_a_service():
    away = {"ACTIVATION_LAB_URL": "http://127.0.0.1:1"}
    assert completed("evaluate", "le", **away) == ["leaky-relu"]
    assert completed("submit", "--activation", "", **away) == [*catalog.ACTIVATIONS]
    assert completion.complete_activations("relu,ge") == ["relu,gelu"]


def test_ids_are_completed_by_the_service_and_silently_not_at_all_without_one(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu").stdout.strip()
    sweep_id = lab("sweep", "--activations", "gelu").stdout.strip()
    assert {job_id, sweep_id} <= {*completed("watch", "", ACTIVATION_LAB_URL=service.url)}
    assert sweep_id not in completed("retry", "", ACTIVATION_LAB_URL=service.url)
    assert completed("watch", "", ACTIVATION_LAB_URL="http://127.0.0.1:1") == []
    assert completed("watch", "", ACTIVATION_LAB_URL="nonsense") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_can_be_shown(shell: str):
    result = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.returncode == 0, result.stderr
    assert "complete" in result.stdout


def test_every_help_ends_in_an_example():
    from typer.main import get_command  # noqa: PLC0415

    commands = get_command(app).commands  # type: ignore[attr-defined]
    runs_the_service = {"up", "demo", "api", "worker", "migrate", "keys"}
    for name in commands:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert f"Example: activation-lab {name}" in shown.stdout or name in runs_the_service, name
