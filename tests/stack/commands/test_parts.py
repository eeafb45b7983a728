import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url

from runtime.settings import Settings
from stack.commands import parts
from stack.listening import find_free_port
from tests.support.command_line import run_program

AWAY = "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"


@pytest.mark.parametrize(
    ("command", "url", "says"),
    [
        ("up", "nonsense", "must begin with sqlite:///"),
        ("api", "mysql://127.0.0.1/x", "must begin with sqlite:///"),
        ("migrate", "nonsense", "must begin with sqlite:///"),
        ("up", AWAY, "cannot be reached"),
        ("migrate", AWAY, "cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_line(command: str, url: str, says: str, tmp_path: Path) -> None:
    result = run_program(command, ACTIVATION_LAB_DATABASE_URL=url, ACTIVATION_LAB_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


def test_the_api_calculates_on_one_core_and_leaves_the_others_to_the_workers(sqlite_url: str, tmp_path: Path) -> None:
    program = """
import os, sys, uvicorn
from stack.main import main

def serve(*_, **__):
    import numpy
    print(os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))

assert "numpy" not in sys.modules
uvicorn.run = serve
sys.argv = ["activation-lab", "api", "--port", sys.argv[1]]
main()
"""
    environment = {**os.environ, "ACTIVATION_LAB_DATABASE_URL": sqlite_url, "ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program, str(find_free_port())]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "1 1\n"


@pytest.mark.parametrize(
    ("version", "says"), [(None, "run `activation-lab migrate`"), ("0001", "is 0001"), ("0999", "install the version")]
)
@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_part_refuses_the_schema_of_another_version(
    command: str, version: str | None, says: str, sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "none.db" if version is None else Path(make_url(sqlite_url).database or "")
    if version is not None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [version])
            connection.commit()
    settings = {"ACTIVATION_LAB_DATABASE_URL": f"sqlite:///{path}", "ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    result = run_program(command, **settings)
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["up", "worker"])
def test_without_mnist_nothing_is_ready(command: str, sqlite_url: str, tmp_path: Path) -> None:
    folders = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path), "ACTIVATION_LAB_MNIST_DIR": str(tmp_path)}
    result = run_program(command, ACTIVATION_LAB_DATABASE_URL=sqlite_url, **folders)
    assert (result.returncode, result.stdout) == (1, "")
    assert "train-images-idx3-ubyte.gz is missing; MNIST_DIR must be the folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_api_serves_once_its_gate_is_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps: list[object] = []
    monkeypatch.setenv("ACTIVATION_LAB_DATA_DIR", str(tmp_path))
    service = SimpleNamespace(state=SimpleNamespace(sessions=None))
    monkeypatch.setattr("api.main.create_app", lambda _: steps.append("created") or service)
    monkeypatch.setattr(parts, "wait_for_gate", steps.append)
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: steps.append("serves"))
    monkeypatch.setattr(parts, "configure", lambda **_: Settings())
    monkeypatch.setattr(parts, "refuse_wrong_schema", lambda _: None)
    parts.run_api(port=0, gate=7)
    parts.run_api(port=0)
    assert steps == ["created", 7, "serves", "created", "serves"]


def test_a_path_below_which_nothing_can_be_is_refused() -> None:
    for command in ("up", "api"):
        result = run_program(command, "--root-path", "/../lab")
        assert result.returncode == 2
        assert "--root-path" in result.stderr
