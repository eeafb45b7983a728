"""Text of users and of other services on a terminal."""

import json
import re
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx

from jobs.text import escape_controls
from tests.support.command_line import run_program, show_on_terminal
from tests.support.recorded_runs import Lab, Service

ODD = "[/red] :smile: \x1b]0;title\x07\x1b[2J\r\n\x7f\x9b31m \u202egnp"


STEERING = re.compile(r"\x1b(?!\[[\d;?]*[mKAhl])|\x07|\x7f|\x9b|\u202e")
"""Sequences that no command of ours sends: rich colours, moves up, erases lines and hides the cursor."""


def odd_job(service: Service) -> str:
    body = {"activation": "relu", "epochs": 2, "metadata": {"note": ODD}}
    return str(httpx.post(f"{service.url}/v1/jobs", json=body).raise_for_status().json()["id"])


def test_words_of_a_job_are_shown_as_they_are_and_steer_no_terminal(service: Service):
    job_id = odd_job(service)
    shown = show_on_terminal("show", job_id, ACTIVATION_LAB_URL=service.url, COLUMNS="1000")
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
        shown = show_on_terminal(command, sweep["id"], ACTIVATION_LAB_URL=service.url, COLUMNS="1000")
        assert not STEERING.search(shown), command
        assert "[/red] :smile: " in shown
    assert all(len(line.split("\t")) == 8 for line in lab("show", sweep["id"]).stdout.splitlines()[-2:])


def test_a_table_as_csv_steers_no_terminal_and_is_exact_elsewhere(service: Service):
    body = {"activations": ["relu"], "base": {"epochs": 1}, "grid": {"metadata.note": ["\x1b[2J", "b"]}}
    sweep = httpx.post(f"{service.url}/v1/sweeps", json=body).raise_for_status().json()
    for row in sweep["configurations"]:
        service.succeed(row["job_ids"][0], epochs=1)
    command = ("history", sweep["id"], "--csv")
    shown = show_on_terminal(*command, ACTIVATION_LAB_URL=service.url)
    assert r"\x1b[2J" in shown
    assert shown.count("\n") == 3
    assert "\x1b[2J" in run_program(*command, ACTIVATION_LAB_URL=service.url).stdout


def test_an_error_of_whatever_answers_steers_no_terminal():
    def app(environ: Any, start_response: Any) -> list[bytes]:  # noqa: ARG001  # as WSGI has them
        start_response("400 Bad Request", [("Content-Type", "application/problem+json")])
        return [json.dumps({"code": "bad", "detail": f"no: {ODD}", "status": 400}).encode()]

    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = run_program("list", ACTIVATION_LAB_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert not STEERING.search(result.stderr)
    assert r"[/red] :smile: \x1b]0;title\x07\x1b[2J \x7f" in result.stderr


class Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


def test_no_color_is_obeyed(service: Service, lab: Lab):
    job_id = lab("submit", "--activation", "relu", "--epochs", "2").stdout.strip()
    service.succeed(job_id, epochs=2)
    environment = {"ACTIVATION_LAB_URL": service.url, "TERM": "xterm-256color", "COLUMNS": "120"}
    colours = re.compile(r"\x1b\[(3\d|9\d)m")
    assert colours.search(show_on_terminal("watch", job_id, **environment))
    assert not colours.search(show_on_terminal("watch", job_id, **environment, NO_COLOR="1"))
