from pathlib import Path

import pytest

from worker.death_cause import DeathCauses


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Worker exited prematurely: signal 11 (SIGSEGV) Job: 3.", "segfault"),
        ("Worker exited prematurely: signal 7 (SIGBUS) Job: 3.", "segfault"),
        ("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.", "killed"),
        ("Worker exited prematurely: signal 6 (SIGABRT) Job: 3.", "SIGABRT"),
        ("Worker exited prematurely: exitcode 3 Job: 3.", "exited with status 3"),
        ("Worker exited prematurely: exitcode 70 Job: 3.", "stalled"),
        ("something else", "something else"),
    ],
)
def test_a_death_has_a_name(message: str, cause: str, tmp_path: Path) -> None:
    assert DeathCauses(tmp_path / "none").name(message) == cause


def test_a_kill_by_the_kernel_for_memory_is_told_from_others(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 1\n")
    causes = DeathCauses(events)
    killed = "Worker exited prematurely: signal 9 (SIGKILL) Job: 3."
    events.write_text("low 0\noom 2\noom_kill 2\n")
    assert causes.name(killed) == "host_oom"
    assert causes.name(killed) == "killed", "the count has not risen again"
