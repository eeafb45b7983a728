import pytest
from sqlalchemy import update

from db import workers
from db.clock import after
from db.models import Worker
from db.session import Sessions


@pytest.mark.parametrize(("seen", "listed"), [(-7200, False), (-10, True), (7200, False)])
def test_a_worker_last_seen_in_another_time_is_not_listed(sessions: Sessions, seen: float, *, listed: bool) -> None:
    with sessions.begin() as session:
        workers.report(session, "worker/1", device="cpu", job_id=None)
        session.execute(update(Worker).values(last_seen_at=after(seen)))
        assert bool(workers.list_live(session)) is listed
        workers.report(session, "worker/1", device="cpu", job_id=None)
        assert workers.list_live(session)
