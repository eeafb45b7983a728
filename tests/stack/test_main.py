from pathlib import Path

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
