import base64
import json

import pytest
from sqlalchemy import update

from db import job_list, job_records
from db.job_list import Filters
from db.models import Job
from db.session import Sessions
from jobs.errors import InvalidCursor, JobNotFound
from jobs.spec import JobSpec
from jobs.state import JobState
from tests.support.submitting import create_job


@pytest.fixture
def five_jobs(sessions: Sessions) -> list[str]:
    ids = []
    for number, activation in enumerate(["relu", "gelu", "relu", "elu", "selu"]):
        ids.append(create_job(sessions, JobSpec(activation=activation, metadata={"number": str(number)})))
    with sessions.begin() as session:
        for job_id, val_loss in zip(ids, [0.3, None, 0.1, 0.2, None], strict=True):
            session.execute(update(Job).where(Job.id == job_id).values(best_val_loss=val_loss))
    return ids


def walk(sessions: Sessions, sort: str, *, limit: int = 2) -> list[str]:
    """All the ids, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        with sessions.read() as session:
            page = job_list.read_page(session, Filters(), sort=sort, limit=limit, cursor=cursor)
        found += [record.job.id for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return found


def list_ids(sessions: Sessions, filters: Filters) -> list[str]:
    with sessions.read() as session:
        page = job_list.read_page(session, filters, sort="created_at", limit=100, cursor=None)
    return [record.job.id for record in page.records]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_hold_every_job_once_newest_first(sessions: Sessions, five_jobs: list[str], limit: int) -> None:
    assert walk(sessions, "-created_at", limit=limit) == five_jobs[::-1]


@pytest.mark.parametrize(("sort", "order"), [("best_val_loss", [2, 3, 0, 1, 4]), ("-best_val_loss", [0, 3, 2, 4, 1])])
def test_jobs_without_the_value_come_last(
    sessions: Sessions, five_jobs: list[str], sort: str, order: list[int]
) -> None:
    for limit in (1, 2, 3):
        assert walk(sessions, sort, limit=limit) == [five_jobs[index] for index in order]


@pytest.mark.parametrize("sort", [sign + key for key in job_list.SORT_KEYS for sign in ("", "-")])
def test_every_sort_key_pages_through_every_job(sessions: Sessions, five_jobs: list[str], sort: str) -> None:
    assert sorted(walk(sessions, sort)) == sorted(five_jobs)


def test_filters_narrow_down(sessions: Sessions, five_jobs: list[str]) -> None:
    assert list_ids(sessions, Filters(activations=["relu"])) == [five_jobs[0], five_jobs[2]]
    assert list_ids(sessions, Filters(metadata={"number": "3"})) == [five_jobs[3]]
    assert list_ids(sessions, Filters(activations=["relu"], metadata={"number": "3"})) == []
    assert list_ids(sessions, Filters(states=[JobState.RUNNING])) == []


@pytest.mark.parametrize(
    "cursor",
    ["", "!!", "eA", "bnVsbA", base64.urlsafe_b64encode(json.dumps(["best_val_loss", 0.3, "x"]).encode()).decode()],
)
def test_a_cursor_that_is_not_ours_is_refused(sessions: Sessions, cursor: str) -> None:
    with pytest.raises(InvalidCursor), sessions.read() as session:
        job_list.read_page(session, Filters(), sort="created_at", limit=1, cursor=cursor)


def test_a_cursor_of_the_wrong_type_is_refused(sessions: Sessions, five_jobs: list[str]) -> None:  # noqa: ARG001
    forged = base64.urlsafe_b64encode(json.dumps(["best_val_loss", "2026", "x"]).encode()).decode().rstrip("=")
    with pytest.raises(InvalidCursor), sessions.read() as session:
        job_list.read_page(session, Filters(), sort="best_val_loss", limit=1, cursor=forged)


def test_queue_positions_count_from_the_next(sessions: Sessions, five_jobs: list[str]) -> None:
    with sessions.read() as session:
        assert [job_records.find_record(session, job_id).queue_position for job_id in five_jobs] == [1, 2, 3, 4, 5]


def test_no_job_raises_job_not_found(sessions: Sessions) -> None:
    with pytest.raises(JobNotFound), sessions.read() as session:
        job_records.find_record(session, "no-such-job")


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        (Filters(), 5),
        (Filters(activations=["relu"]), 2),
        (Filters(states=[JobState.QUEUED]), 5),
        (Filters(states=[JobState.RUNNING]), 0),
        (Filters(metadata={"number": "3"}), 1),
        (Filters(activations=["relu"], metadata={"number": "3"}), 0),
        (Filters(sweep_id="none"), 0),
    ],
)
@pytest.mark.parametrize("sort", ["-created_at", "best_val_loss"])
def test_every_page_says_how_many_jobs_match_the_filters(
    sessions: Sessions, five_jobs: list[str], filters: Filters, total: int, sort: str
) -> None:
    del five_jobs
    cursor = None
    while True:
        with sessions.read() as session:
            page = job_list.read_page(session, filters, sort=sort, limit=2, cursor=cursor)
        assert page.total == total
        cursor = page.next_cursor
        if cursor is None:
            return
