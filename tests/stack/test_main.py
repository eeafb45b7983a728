import os
from pathlib import Path

from stack.configuration import hide_old_files
from tests.support.command_line import run_program


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    result = run_program("migrate", ACTIVATION_LAB_COLOUR="red", ACTIVATION_LAB_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert "ACTIVATION_LAB_COLOUR" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_environment_of_a_windows_file_is_read_as_it_was_meant(tmp_path: Path) -> None:
    result = run_program("migrate", ACTIVATION_LAB_DATA_DIR=f"{tmp_path / 'lab'}\r")
    assert (result.returncode, [path.name for path in tmp_path.iterdir()]) == (0, ["lab"])
    result = run_program("list", ACTIVATION_LAB_URL="http://127.0.0.1:1\r", ACTIVATION_LAB_API_KEY="al_x\r")
    assert "no answer from http://127.0.0.1:1 (" in result.stderr


def test_the_mark_of_a_file_from_windows_does_not_hide_a_setting(tmp_path: Path) -> None:
    names = {"\ufeffACTIVATION_LAB_AUTH": "keys", "ACTIVATION_LAB_DATA_DIR": str(tmp_path)}
    for command in ("migrate", "list"):
        assert "is not ACTIVATION_LAB_AUTH" in run_program(command, **names).stderr


def test_other_users_of_the_machine_read_nothing_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    before = os.umask(0o022)
    try:
        assert run_program("migrate", ACTIVATION_LAB_DATA_DIR=str(folder)).returncode == 0
    finally:
        os.umask(before)
    assert [path.name for path in (folder, *folder.iterdir()) if path.stat().st_mode & 0o077] == []
    assert (folder / "activation-lab.db").exists()


def test_what_an_earlier_version_left_for_all_to_read_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in ("activation-lab.db", "activation-lab.db-wal", "stack.log", "notes.txt"):
        (tmp_path / name).touch()
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    hide_old_files(tmp_path)
    readable = {path.name for path in (tmp_path, *tmp_path.iterdir()) if path.stat().st_mode & 0o077}
    assert readable == {tmp_path.name, "notes.txt"}, "they may have other owners and purposes"
    assert (tmp_path / "checkpoints").stat().st_mode & 0o777 == 0o700
