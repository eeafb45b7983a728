import subprocess
import sys
from pathlib import Path

from stack.logs import keep_short

WRITER = """
import sys
name, path = sys.argv[1:]
with open(path, "a", buffering=1) as log:
    for number in range(2000):
        log.write(f"{name} {number} " + "." * 50 + "\\n")
"""


def test_a_short_log_is_left_alone(tmp_path: Path):
    log = tmp_path / "stack.log"
    log.write_text("one line\n")
    keep_short(log, largest_bytes=100)
    assert log.read_text() == "one line\n"
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path):
    keep_short(tmp_path / "stack.log")
    assert list(tmp_path.iterdir()) == []


def test_a_long_log_goes_aside_and_its_writers_go_on_at_its_new_end(tmp_path: Path):
    log = tmp_path / "stack.log"
    with log.open("a", buffering=1) as writer:
        writer.write("before\n" * 100)
        keep_short(log, largest_bytes=100)
        writer.write("after\n")
    assert (tmp_path / "stack.log.1").read_text() == "before\n" * 100
    assert log.read_text() == "after\n"


def test_a_line_that_was_copied_by_half_is_left_out(tmp_path: Path):
    log = tmp_path / "stack.log"
    log.write_text("before\n" * 100 + "hal")
    keep_short(log, largest_bytes=100)
    assert (tmp_path / "stack.log.1").read_text() == "before\n" * 100


def test_lines_of_several_writers_stay_whole_while_the_log_is_cut(tmp_path: Path):
    log = tmp_path / "stack.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, str(log)]) for name in ("api", "worker")]
    while any(writer.poll() is None for writer in writers):
        keep_short(log, largest_bytes=20_000)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert log.stat().st_size < 1_000_000
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert lines
    assert {len(line.split()) for line in lines} == {3}
    assert {line.split()[2] for line in lines} == {"." * 50}


def test_on_a_full_disk_the_log_gives_way(tmp_path: Path):
    log = tmp_path / "stack.log"
    log.write_text("x" * 1000)
    (tmp_path / "stack.log.1").symlink_to("/dev/full")
    keep_short(log, largest_bytes=100)
    assert log.read_text() == ""
