import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import clock, keys, schema
from db.session import Sessions
from runtime.settings import Settings
from stack import doctor
from stack.doctor import Setup, examine
from tests.support.command_line import run_program
from tests.support.disk import small_disk


def find_problems(settings: Settings, *, port: int = 0) -> dict[str, str]:
    return {name: problem for name, problem in examine(Setup(settings, port)) if problem}


def test_a_sound_set_up_has_no_problem(database_url: str, file_url: str):
    assert find_problems(Settings(database_url=database_url, checkpoints_url=file_url)) == {}


def test_a_database_that_is_old_or_away_is_named(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    away = postgres_url.rpartition("@")[0] + "@127.0.0.1:1/none"
    problems = find_problems(Settings(data_dir=tmp_path, database_url=away))
    assert set(problems) == {"database", "clock"}
    assert "cannot be reached" in problems["database"]

    monkeypatch.setattr(schema, "VERSION", "9999")
    problems = find_problems(Settings(data_dir=tmp_path, database_url=postgres_url))
    assert "this version needs 9999: run activation-lab migrate" in problems["database"]


def test_a_clock_that_is_wrong_is_named(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clock, "read_clock", lambda _: datetime.now(UTC) + timedelta(minutes=1))

    assert "by 60 s: synchronize" in find_problems(Settings(data_dir=tmp_path, database_url=sqlite_url))["clock"]


def test_keys_that_nobody_has_are_named(sessions: Sessions, database_url: str, tmp_path: Path):
    settings = Settings(data_dir=tmp_path, database_url=database_url, auth="keys")
    assert "keys create NAME" in find_problems(settings)["keys"]

    with sessions.begin() as session:
        keys.create(session, "anna")
    assert "keys" not in find_problems(settings)


def test_a_broker_that_is_away_is_named(sqlite_url: str, tmp_path: Path):
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url, broker_url="redis://127.0.0.1:1/0")

    assert "broker cannot be reached" in find_problems(settings)["broker"]


def test_a_small_disk_is_named(sqlite_url: str, file_url: str):
    with small_disk(megabytes=2) as disk:
        settings = Settings(data_dir=disk.folder / "lab", database_url=sqlite_url, checkpoints_url=file_url)
        assert "MB are free in" in find_problems(settings)["disk"]


def test_a_folder_of_checkpoints_that_cannot_be_written_is_named(sqlite_url: str, tmp_path: Path):
    (tmp_path / "file").touch()
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url, checkpoints_url=f"{(tmp_path / 'file').as_uri()}/x")

    assert "Not a directory" in find_problems(settings)["checkpoints"]


def test_images_that_are_missing_are_named(sqlite_url: str, tmp_path: Path):
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url, mnist_dir=tmp_path)

    assert "MNIST_DIR must be the folder" in find_problems(settings)["mnist"]


def test_a_driver_without_a_usable_gpu_is_named(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "NVIDIA_DRIVER", tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert "torch finds no GPU" in find_problems(Settings(data_dir=tmp_path, database_url=sqlite_url))["gpu"]


def test_a_port_in_use_is_named(sqlite_url: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        problems = find_problems(Settings(data_dir=tmp_path, database_url=sqlite_url), port=port)
    assert f"{port} is in use" in problems["port"]


def test_the_command_prints_a_line_for_each_check_and_fails_where_one_does(tmp_path: Path):
    there = {"ACTIVATION_LAB_DATA_DIR": str(tmp_path / "lab"), "ACTIVATION_LAB_LOG_LEVEL": "error"}
    failed = run_program("doctor", "--port", "0", **there)
    run_program("migrate", **there)
    sound = run_program("doctor", "--port", "0", **there)

    assert (failed.returncode, "database" in failed.stdout, "Traceback" in failed.stderr) == (1, True, False)
    assert (sound.returncode, sound.stdout.count(" ok\n")) == (0, len(doctor.CHECKS)), sound.stdout
