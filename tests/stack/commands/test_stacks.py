from pathlib import Path

from typer.testing import CliRunner

from stack.main import app
from tests.support.command_line import assert_refused, run_program
from tests.support.disk import small_disk


def test_a_full_disk_is_named_before_anything_starts() -> None:
    with small_disk(megabytes=2) as disk:
        disk.fill()
        result = run_program(
            "up", "--port", "0", "--data-dir", str(disk.folder / "lab"), ACTIVATION_LAB_LOG_LEVEL="error"
        )
    assert (result.returncode, "is full" in result.stderr) == (1, True), result.stderr
    assert "Traceback" not in result.stderr


def test_a_disk_that_the_start_fills_is_named() -> None:
    with small_disk(megabytes=8) as disk:
        disk.fill(but=1_100_000)  # the empty database takes more than there is between this and `is_full`
        result = run_program("up", "--port", "0", "--data-dir", str(disk.folder / "lab"))
    assert (result.returncode, "lab is full: make room" in result.stderr) == (1, True), result.stderr


def test_up_names_the_log_that_it_cannot_write(tmp_path: Path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    assert_refused(
        CliRunner().invoke(app, ["up", "--data-dir", str(folder)]), f"cannot write {folder}/stack.log: Not a directory"
    )
