"""Rounds of reconciliation on a real database, with a queue of hints in memory."""

import threading
from collections.abc import Iterable
from time import monotonic, sleep

import pytest
from sqlalchemy import update

from broker.reconciler import Reconciler, dispatch, reconcile
from db import leases, queue, schema
from db.clock import after
from db.models import Job, Prediction
from db.session import Sessions, connect
from jobs.errors import BrokerUnavailable, WrongSchema
from tests.support.outage import Outage
from tests.support.submitting import create_job, find_job
from tests.support.waiting import wait_for


class FakeHints:
    """Takes hints until it is full."""

    def __init__(self, *, capacity: int = 1000) -> None:
        self.sent: list[str] = []
        self.capacity = capacity

    def send(self, job_ids: Iterable[str]) -> list[str]:
        waiting = list(job_ids)
        taken = waiting[: self.capacity - len(self.sent)]
        self.sent += taken
        return waiting[len(taken) :]

    def length(self) -> int:
        if not self.capacity:
            raise BrokerUnavailable
        return len(self.sent)

    def send_prediction(self, prediction_id: str) -> None: ...


def submit(sessions: Sessions, count: int) -> list[str]:
    return [create_job(sessions) for _ in range(count)]


def forget_hints(sessions: Sessions, seconds_ago: float) -> None:
    with sessions.begin() as session:
        session.execute(update(Job).values(hint_sent_at=after(-seconds_ago)))


def test_hints_that_a_flushed_broker_lost_are_sent_again(sessions: Sessions) -> None:
    ids = submit(sessions, 3)
    forget_hints(sessions, 60)
    hints = FakeHints()
    reconcile(sessions, hints)
    assert hints.sent == ids


def test_hints_that_still_wait_are_not_doubled(sessions: Sessions) -> None:
    ids = submit(sessions, 3)
    forget_hints(sessions, 60)
    hints = FakeHints()
    hints.send(ids)
    reconcile(sessions, hints)
    assert hints.sent == ids


def test_a_prediction_that_nobody_waits_for_any_more_is_forgotten(sessions: Sessions) -> None:
    (job_id,) = submit(sessions, 1)
    left = Prediction(id="left", job_id=job_id, image=[[0.0]], created_at=after(-601))
    with sessions.begin() as session:
        session.add(left)
    reconcile(sessions, FakeHints())
    with sessions.read() as session:
        assert session.get(Prediction, "left") is None


def test_a_hint_just_sent_is_given_time_to_arrive(sessions: Sessions) -> None:
    submit(sessions, 1)
    hints = FakeHints()
    reconcile(sessions, hints)
    assert hints.sent == []


def test_what_the_broker_did_not_take_is_sent_by_the_next_round(sessions: Sessions) -> None:
    ids = submit(sessions, 2)
    dispatch(sessions, FakeHints(capacity=1), ids)
    hints = FakeHints()
    reconcile(sessions, hints)
    assert hints.sent == ids[1:]


def test_an_accepted_job_stays_accepted_when_broker_and_database_go_away() -> None:
    sessions = connect("postgresql+psycopg://nobody:x@127.0.0.1:1/none")
    dispatch(sessions, FakeHints(capacity=0), ["some-job"])
    sessions.close()


def test_lost_workers_are_reaped_also_while_the_broker_is_away(sessions: Sessions) -> None:
    [job_id] = submit(sessions, 1)
    with sessions.begin() as session:
        leases.claim(session, job_id, "worker/1", lease_seconds=-1)
    with pytest.raises(BrokerUnavailable):
        reconcile(sessions, FakeHints(capacity=0))
    assert find_job(sessions, job_id).state == "queued"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_after_an_outage_workers_are_given_time_to_renew_their_leases(
    sessions: Sessions, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.reconciler.GRACE_SECONDS", 1.5)
    [job_id] = submit(sessions, 1)
    with sessions.begin() as session:
        leases.claim(session, job_id, "worker/1", lease_seconds=1)
    reconciler = Reconciler(sessions, FakeHints(), interval_seconds=0.05)
    outage.begin()
    reconciler.start()
    sleep(1.2)
    outage.end()
    back_at = monotonic()
    wait_for(lambda: find_job(sessions, job_id).state == "queued", seconds=10)
    reconciler.stop()
    assert monotonic() - back_at > 1, "its lease had expired before the outage ended"


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_after_the_machine_slept_or_its_clock_was_set_workers_are_given_time(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    [job_id] = submit(sessions, 1)
    with sessions.begin() as session:
        leases.claim(session, job_id, "worker/1", lease_seconds=-1)
    times = iter([0.0, seconds])
    monkeypatch.setattr("broker.reconciler.time", lambda: next(times, seconds))
    reconciler, rounds = Reconciler(sessions, FakeHints(), interval_seconds=0.02), threading.Semaphore(0)
    monkeypatch.setattr("broker.reconciler.send_lost_hints", lambda *_: rounds.release())
    monkeypatch.setattr("broker.reconciler.GRACE_SECONDS", 3600)
    reconciler.start()
    assert all(rounds.acquire(timeout=60) for _ in range(3))
    reconciler.stop()
    assert find_job(sessions, job_id).state == "running"


def test_stopping_in_the_middle_of_a_pause_is_not_taken_for_a_clock_that_was_set(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    reconciler = Reconciler(sessions, FakeHints(), interval_seconds=3600)
    reconciler.start()
    reconciler.stop()
    assert not caplog.messages


def test_a_lease_from_before_the_clock_was_set_back_runs_out(sessions: Sessions) -> None:
    [job_id] = submit(sessions, 1)
    with sessions.begin() as session:
        leases.claim(session, job_id, "worker/1", lease_seconds=7200)
    reconcile(sessions, FakeHints(), lease_seconds=-1)
    reconcile(sessions, FakeHints())
    assert find_job(sessions, job_id).state == "queued"


def test_many_lost_workers_are_reaped_some_at_a_time(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "REAP_BATCH", 2)
    ids = submit(sessions, 5)
    for job_id in ids:
        with sessions.begin() as session:
            leases.claim(session, job_id, "worker/1", lease_seconds=-1)
    reconcile(sessions, FakeHints())
    assert {find_job(sessions, job_id).state for job_id in ids} == {"queued"}


def test_a_schema_of_another_version_ends_reconciliation_until_it_is_ours(sessions: Sessions) -> None:
    noticed = threading.Event()
    reconciler = Reconciler(sessions, FakeHints(), interval_seconds=0.01, on_wrong_schema=noticed.set)
    set_version(sessions, "0999")
    reconciler.start()
    assert noticed.wait(30)
    with pytest.raises(WrongSchema), sessions.begin():
        pytest.fail("a transaction was begun")
    set_version(sessions, schema.VERSION)
    wait_for(lambda: sessions.refusal is None, seconds=30)
    reconciler.stop()


def set_version(sessions: Sessions, version: str) -> None:
    with sessions.engine.begin() as connection:
        connection.execute(update(schema.ALEMBIC_VERSION).values(version_num=version))
