import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.session import Sessions
from tests.support.submitting import create_job


@pytest.mark.parametrize(
    "wrong",
    [
        "state = 'running'",
        "state = 'succeeded', finished_at = created_at",
        "state = 'failed', finished_at = created_at",
        "finished_at = created_at",
        "state = 'paused'",
        "lease_owner = 'somebody'",
        "epochs_done = 99",
    ],
)
def test_the_database_refuses_what_the_protocol_forbids(sessions: Sessions, wrong: str) -> None:
    create_job(sessions)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(text(f"UPDATE jobs SET {wrong}"))
