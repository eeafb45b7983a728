"""The commands that run the service, as far as they refuse to."""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from stack.valkey import make_valkey
from tests.support.disk import small_disk
from tests.support.names import NAMES
from tests.support.waiting import wait_for


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


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
    result = run(command, ACTIVATION_LAB_DATABASE_URL=url, ACTIVATION_LAB_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    result = run("migrate", ACTIVATION_LAB_COLOUR="red", ACTIVATION_LAB_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert "ACTIVATION_LAB_COLOUR" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_valkey_keeps_its_files_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with (tmp_path / "log").open("w") as log:
        server = make_valkey(folder, log)
        server.start()
        wait_for((folder / "valkey" / "appendonlydir").exists, seconds=30)
        assert server.alive
        server.ask_to_stop()
        server.stop_by(monotonic() + 10)


def test_a_full_disk_is_named_before_anything_starts() -> None:
    with small_disk(megabytes=2) as disk:
        disk.fill()
        result = run("up", "--port", "0", "--data-dir", str(disk.folder / "lab"), ACTIVATION_LAB_LOG_LEVEL="error")
    assert (result.returncode, "is full" in result.stderr) == (1, True), result.stderr
    assert "Traceback" not in result.stderr


def test_an_environment_of_a_windows_file_is_read_as_it_was_meant(tmp_path: Path) -> None:
    result = run("migrate", ACTIVATION_LAB_DATA_DIR=f"{tmp_path / 'lab'}\r")
    assert (result.returncode, [path.name for path in tmp_path.iterdir()]) == (0, ["lab"])
    result = run("list", ACTIVATION_LAB_URL="http://127.0.0.1:1\r", ACTIVATION_LAB_API_KEY="al_x\r")
    assert "no answer from http://127.0.0.1:1 (" in result.stderr


def test_the_mark_of_a_file_from_windows_does_not_hide_a_setting(tmp_path: Path) -> None:
    names = {"\ufeffACTIVATION_LAB_AUTH": "keys", "ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    for command in ("migrate", "list"):
        assert "is not ACTIVATION_LAB_AUTH" in run(command, **names).stderr


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    there = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    run("migrate", **there)
    assert run("keys", "create", "me", **there).stdout.startswith("al_")
    assert "already" in run("keys", "create", "me", **there).stderr
    assert run("keys", "list", **there).stdout == "me\n"
    assert run("keys", "revoke", "me", **there).returncode == 0
    assert run("keys", "revoke", "me", **there).returncode == 1
    refused = run("keys", "create", "x" * 65, **there)
    assert (refused.returncode, "1 to 64 characters" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr


def test_the_api_calculates_on_one_core_and_leaves_the_others_to_the_workers(tmp_path: Path) -> None:
    program = """
import os, sys, uvicorn
from stack.main import main

def serve(*_, **__):
    import numpy
    print(os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))

assert "numpy" not in sys.modules
uvicorn.run = serve
sys.argv = ["activation-lab", "api"]
main()
"""
    environment = {**os.environ, "ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "1 1\n"


def test_a_path_below_which_nothing_can_be_is_refused() -> None:
    for command in ("up", "api"):
        result = run(command, "--root-path", "/../lab")
        assert result.returncode == 2
        assert "--root-path" in result.stderr
