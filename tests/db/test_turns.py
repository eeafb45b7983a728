"""The order of writers to SQLite, in one process and between processes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from db import turns, workers
from db.session import connect
from db.turns import FirstTurns, OrderedTurns
from jobs.errors import DatabaseBusy, DatabaseUnavailable
from tests.support.waiting import wait_for


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "activation-lab.db-first"


@contextmanager
def holding(ordered: OrderedTurns) -> Iterator[None]:
    """Another thread has the turn inside the block."""
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with ordered.turn():
            taken.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(60)
    yield
    release.set()
    thread.join()


def test_writers_of_one_process_take_turns_in_their_order(lock: Path) -> None:
    ordered, order = OrderedTurns(lock), list[int]()

    def write(number: int) -> None:
        with ordered.turn():
            order.append(number)

    with ThreadPoolExecutor(8) as pool, holding(ordered):
        for number in range(8):
            pool.submit(write, number)
            wait_for(lambda number=number: len(ordered._waiting) == number + 1, seconds=60)
    assert order == list(range(8))


def test_more_writers_than_can_wait_are_refused(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 0)
    ordered = OrderedTurns(lock)
    with holding(ordered), pytest.raises(DatabaseBusy), ordered.turn():
        pass
    with ordered.turn():
        pass


def test_a_writer_without_a_turn_in_time_is_refused_and_holds_up_nobody(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)
    ordered = OrderedTurns(lock)
    with holding(ordered), pytest.raises(DatabaseBusy), ordered.turn():
        pass
    monkeypatch.setattr(turns, "WAIT_SECONDS", 60)
    with ordered.turn():
        pass


def test_a_failed_write_passes_the_turn_on(lock: Path) -> None:
    ordered = OrderedTurns(lock)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), ordered.turn():
            raise ZeroDivisionError


def test_a_process_that_goes_first_is_let_through(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "YIELD_SECONDS", 60)
    ordered, wrote = OrderedTurns(lock), threading.Event()

    def write() -> None:
        with ordered.turn():
            wrote.set()

    thread = threading.Thread(target=write)
    with FirstTurns(lock).turn(), FirstTurns(lock).turn():
        thread.start()
        assert not wrote.wait(0.2)
    assert wrote.wait(60)
    thread.join()


def test_one_that_was_suspended_on_its_way_keeps_nobody_from_writing(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "YIELD_SECONDS", 0.01)
    ordered = OrderedTurns(lock)
    with FirstTurns(lock).turn():
        for _ in range(2):
            with ordered.turn():
                pass


def test_without_a_place_for_the_lock_file_writing_goes_on(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "lock"
    with FirstTurns(nowhere).turn(), OrderedTurns(nowhere).turn():
        pass


def test_a_database_that_stays_locked_is_named_unavailable_within_seconds(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.1)
    stuck, others = connect(sqlite_url, goes_first=True), connect(sqlite_url)
    monkeypatch.setattr(turns, "YIELD_SECONDS", 0.01)
    with stuck.begin() as holder:
        holder.connection()
        with pytest.raises(DatabaseUnavailable), others.begin() as session:
            session.connection()
    with others.begin() as session:
        session.execute(text("SELECT 1"))
    stuck.close()
    others.close()


def test_a_turn_begins_with_the_first_statement(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)
    sessions = connect(sqlite_url)
    with sessions.begin() as outer:
        with sessions.begin() as inner:
            inner.connection()
            with pytest.raises(DatabaseBusy):
                outer.connection()
        outer.connection()
    sessions.close()


def test_a_transaction_that_reads_first_can_write_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although another process writes as soon as it can: turns order only the writers of one."""
    monkeypatch.setattr(turns, "YIELD_SECONDS", 0.01)
    monkeypatch.setattr(turns, "WAIT_SECONDS", 60)
    ours, theirs = connect(sqlite_url, goes_first=True), connect(sqlite_url)

    def write() -> None:
        with theirs.begin() as session:
            workers.report(session, "theirs/1", device="cpu", job_id=None)

    with ThreadPoolExecutor(1) as pool:
        with ours.begin() as session:
            session.scalar(text("SELECT count(*) FROM workers"))
            written = pool.submit(write)
            wait([written], timeout=1)
            workers.report(session, "ours/1", device="cpu", job_id=None)
        written.result()
    ours.close()
    theirs.close()


def test_reading_waits_for_no_writer(sqlite_url: str) -> None:
    sessions = connect(sqlite_url)
    with sessions.begin() as writer, sessions.read() as reader:
        writer.connection()
        assert reader.scalar(text("SELECT count(*) FROM jobs")) == 0
    sessions.close()
