"""Frequent queries must not slow down with every job that was ever stored: an index answers them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from db import activations, job_list, new_jobs, queue, stats, sweep_events, sweep_results, sweeps
from db.job_list import Filters
from db.session import Sessions, connect
from jobs.state import JobState
from jobs.sweep import SweepSpec


def list_by(sort: str) -> Callable[[Session], object]:
    return lambda session: job_list.read_page(session, Filters(), sort=sort, limit=50, cursor=None)


@pytest.mark.parametrize("descending", ["", "-"])
@pytest.mark.parametrize("key", job_list.SORT_KEYS)
def test_no_page_sorts_all_jobs(key: str, descending: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        if sessions.engine.dialect.name == "postgresql":  # a sort of an empty table would be cheapest
            session.execute(text("SET LOCAL enable_sort = off"))
        sent = statements(sessions, session, list_by(f"{descending}{key}"))
        found = plan(session, *next(asked for asked in sent if "LIMIT" in asked[0]))
    assert not any(word in found for word in ("Sort", "B-TREE FOR ORDER BY"))


@pytest.mark.parametrize(
    ("ask", "forbidden"),
    [
        (list_by("-created_at"), "Sort"),
        (lambda session: job_list.count(session, Filters()), "Seq Scan"),
        (lambda session: job_list.count(session, Filters(states=[JobState.RUNNING])), "Seq Scan"),
        (lambda session: job_list.count(session, Filters(activations=["relu"])), "Seq Scan"),
        (lambda session: job_list.count(session, Filters(sweep_id="some")), "Seq Scan"),
        (lambda session: job_list.count(session, Filters(owner="anna")), "Seq Scan"),
        (lambda session: job_list.count(session, Filters(owner="anna", states=[JobState.RUNNING])), "Seq Scan"),
        (lambda session: new_jobs.check_quota_of_owner(session, "anna", 10), "Seq Scan"),
        (lambda session: session.scalar(select(activations.is_in_use("swishy", owners=["anna"]))), "Seq Scan"),
        (queue.count_due, "Seq Scan"),
        (lambda session: new_jobs.check_quota(session, 10), "Seq Scan"),
        (queue.reap, "Seq Scan"),
        (lambda session: queue.take_due(session, resend_after_seconds=15, limit=100), "Seq Scan"),
        (stats.count_by_state, "Seq Scan"),
        (lambda session: session.execute(select(stats.select_open_sweeps())), "Seq Scan"),
        (lambda session: session.execute(select(stats.select_changed_jobs(datetime.now(UTC)))), "Seq Scan"),
        (lambda session: sweeps.read_shares(session, ["some"]), "Seq Scan"),
        (lambda session: sweep_events.list_members(session, "some"), "Seq Scan"),
        (lambda session: sweep_results.read_results(session, "some", SweepSpec()), "Seq Scan"),
        (lambda session: sweep_results.list_jobs(session, "some", SweepSpec()), "Seq Scan"),
        (lambda session: sweep_results.read_configuration_specs(session, "some"), "Seq Scan"),
        (lambda session: sweep_results.read_figures(session, "some", ["val_loss"], up_to=100), "Seq Scan"),
    ],
    ids=[
        "a page of the newest jobs",
        "how many jobs there are",
        "how many jobs of a state",
        "how many jobs of an activation",
        "how many jobs of a sweep",
        "how many jobs of an owner",
        "how many jobs of an owner and a state",
        "unfinished jobs of an owner",
        "unfinished jobs of an activation",
        "due jobs",
        "unfinished jobs",
        "expired leases",
        "lost hints",
        "jobs by state",
        "open sweeps",
        "recent transitions",
        "how sweeps stand",
        "the jobs of a sweep",
        "the table of a sweep",
        "the configurations of a sweep",
        "what a sweep is trained by",
        "a sweep beside the published figures",
    ],
)
def test_an_index_answers_for(ask: Callable[[Session], object], forbidden: str, postgres_url: str) -> None:
    sessions = connect(postgres_url)
    with sessions.begin() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # a scan of an empty table would be cheapest
        plans = [plan(session, *asked) for asked in statements(sessions, session, ask) if "FROM jobs" in asked[0]]
    sessions.close()
    assert plans
    assert forbidden not in plans[0]


def statements(sessions: Sessions, session: Session, ask: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """The SQL that it sends, with its parameters."""
    sent: list[tuple[str, Any]] = []

    @event.listens_for(sessions.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    ask(session)
    event.remove(sessions.engine, "before_cursor_execute", note)
    return sent


def plan(session: Session, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
    return "\n".join(str(row[-1]) for row in session.connection().exec_driver_sql(explain + statement, parameters))
