"""Text that the databases take differently: what fits SQLite's column must fit PostgreSQL's, which has a limit."""

import pytest
from sqlalchemy import String, select

from db import jobs, keys, leases, workers
from db.models import Base, Job, Worker
from db.session import Sessions
from jobs.errors import InternalError
from jobs.spec import JobSpec

LONG_TEXT = {
    "activations.name": 40,
    "activations.owner": 64,
    "api_keys.name": 64,
    "api_keys.owner": 64,
    "job_metadata.key": 64,
    "job_metadata.value": 500,
    "idempotency_keys.holder": 64,
    "idempotency_keys.key": 255,
    "learnt_parameters.parameter": 32,
    "jobs.lease_owner": 255,
    "jobs.owner": 64,
    "sweeps.owner": 64,
    "workers.device": 255,
    "workers.id": 255,
}
"""Columns of text from outside. The rest is ours: ids, digests, states, names of the catalog, layers and errors."""
OURS = {"activation", "error_code", "kind", "layer", "request_sha256", "scope", "sha256", "state"}
UUID_LENGTH = 36


def test_every_limited_column_is_known() -> None:
    limited = {
        f"{table.name}.{column.name}": column.type.length
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, String) and column.type.length and column.name not in OURS
    }
    assert {name: length for name, length in limited.items() if length != UUID_LENGTH} == LONG_TEXT


@pytest.mark.parametrize("name", ["a", "x" * 64, "Größe 数", "a b-c.d@e"])
def test_a_key_may_have_this_name(name: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        keys.create(session, name)
    with sessions.read() as session:
        assert [key.name for key in keys.list_all(session)] == [name]


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "\x1b[31m", "a\0", "\udcff"])
def test_a_key_may_not_have_that_name(name: str, sessions: Sessions) -> None:
    with pytest.raises(keys.InvalidKeyName, match="1 to 64 characters"), sessions.begin() as session:
        keys.create(session, name)
    with pytest.raises(keys.InvalidKeyName), sessions.begin() as session:
        keys.create(session, "me", owner=name)
    with sessions.begin() as session:
        assert not keys.revoke(session, name)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\udcff", "\N{REPLACEMENT CHARACTER}" * 3),
        ("x" * 20_000, "x" * 9_999 + "…"),
    ],
    ids=["NUL", "a lone surrogate", "very long"],
)
def test_the_message_of_an_error_is_stored_whatever_it_holds(message: str, kept: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = jobs.create(session, JobSpec(activation="relu"), max_unfinished=1)[0].id
        claim = leases.claim(session, job_id, "worker/1", lease_seconds=60)
        assert claim is not None
        leases.fail(session, claim.lease, InternalError(message))
    with sessions.read() as session:
        assert session.scalar(select(Job.error_message)) == kept


def test_the_longest_texts_are_stored(sessions: Sessions) -> None:
    spec = JobSpec(activation="relu", metadata={"k" * 64: "ü" * 500})
    with sessions.begin() as session:
        job, _ = jobs.create(session, spec, max_unfinished=1, idempotency_key="ü" * 255)
        assert leases.claim(session, job.id, "w" * 255, lease_seconds=60)
        workers.report(session, "w" * 255, device=f"cuda ({'x' * 300})", job_id=job.id)
    with sessions.read() as session:
        assert len(session.scalar(select(Worker.device)) or "") == 255
