import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from stack import supervision
from stack.processes import Child
from stack.supervision import Watch, calculate_pause_seconds


@pytest.fixture
def child() -> Iterator[Callable[[str], Child]]:
    """A started child that runs this Python."""
    started = []
    with Path(os.devnull).open("w") as sink:

        def start(program: str) -> Child:
            made = Child("worker", [sys.executable, "-c", program], os.environ, sink)
            made.start()
            started.append(made)
            return made

        yield start
        for made in started:
            made.stop_by(monotonic())


def ended(child: Child) -> Child:
    assert child.process is not None
    child.process.wait(20)
    return child


def test_a_part_that_was_killed_is_back_after_a_second(child: Callable[[str], Child]):
    made = child("import time; time.sleep(60)")
    first = made.process
    assert first is not None
    first.kill()
    watched = Watch(ended(made), pytest.fail, Path("stack.log"), started_at=0.0)
    watched.check(100.0)
    watched.check(100.9)
    assert made.process is first
    watched.check(101.0)
    assert made.process is not first
    assert made.alive


def test_a_part_that_always_dies_is_told_of_and_started_ever_more_slowly(child: Callable[[str], Child]):
    told: list[str] = []
    watched = Watch(child("raise SystemExit(3)"), told.append, Path("stack.log"), started_at=0.0)
    now, pauses = 0.0, []
    for _ in range(5):
        ended(watched.child)
        watched.check(now)
        assert watched.restart_at is not None
        pauses.append(watched.restart_at - now)
        now = watched.restart_at
        watched.check(now)
    assert pauses == [1, 1, 1, 2, 4]
    assert told == [
        "worker ended with status 3 and is started again in 2 s; it died 4 times in a row, and stack.log says why",
        "worker ended with status 3 and is started again in 4 s; it died 5 times in a row, and stack.log says why",
    ]


def test_a_part_that_is_well_again_is_told_of_and_has_all_its_lives_back(child: Callable[[str], Child]):
    told: list[str] = []
    watched = Watch(child("import time; time.sleep(60)"), told.append, Path("stack.log"), started_at=0.0)
    watched.early_deaths = 5
    watched.check(supervision.EARLY_SECONDS - 0.1)
    assert told == []
    watched.check(supervision.EARLY_SECONDS)
    assert told == ["worker is up again"]
    assert watched.early_deaths == 0


def test_no_part_waits_longer_than_a_minute():
    assert calculate_pause_seconds(40) == 60
