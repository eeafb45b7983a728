"""The terms on which a job or a sweep is accepted: within the quota, and once for each idempotency key."""

from typing import Annotated, TypedDict

from fastapi import Depends, Header

from api.dependencies import Settings
from api.http.auth import RequestHolder
from api.http.responses import Responses, declare_errors
from jobs.access import EVERYBODY
from jobs.errors import DatabaseUnavailable, IdempotencyConflict, TooManyJobs

REPLAYED = "Idempotency-Replayed"
ACCEPTED: Responses = {
    202: {
        "description": "Accepted, and safe.",
        "headers": {
            "Location": {"description": "The URL of what was accepted.", "schema": {"type": "string"}},
            REPLAYED: {
                "description": "true if an earlier request with this Idempotency-Key was answered so; else absent.",
                "schema": {"type": "string", "enum": ["true"]},
            },
        },
    }
}
REFUSED = declare_errors(400, 413, 415, 422, 429, IdempotencyConflict, TooManyJobs, DatabaseUnavailable)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Makes the request idempotent: repeated with its key, it creates nothing more and answers with "
        "what the first one created. Another request with the key is 422. Each owner of API keys has their own.",
        examples=["my-experiment-17"],
    ),
]


class Terms(TypedDict):
    """Arguments of `db.jobs.create`, `db.jobs.retry` and `db.sweeps.create`."""

    max_unfinished: int
    idempotency_key: str | None
    owner: str
    max_unfinished_of_owner: int | None


async def read_terms(settings: Settings, holder: RequestHolder, idempotency_key: IdempotencyKey = None) -> Terms:
    return {
        "max_unfinished": settings.max_unfinished_jobs,
        "idempotency_key": idempotency_key,
        "owner": holder.owner,
        "max_unfinished_of_owner": None if holder is EVERYBODY else settings.max_unfinished_jobs_per_owner,
    }


SubmissionTerms = Annotated[Terms, Depends(read_terms)]


def make_headers(location: str, *, replayed: bool) -> dict[str, str]:
    """The headers of the answer to what was accepted, now or by an earlier request with the same key."""
    return {"Location": location, **({REPLAYED: "true"} if replayed else {})}
