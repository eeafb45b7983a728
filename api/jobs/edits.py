"""Edits of an accepted job's metadata, such as its name and its note."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Sessions
from api.http import conditional
from api.http.responses import Responses, declare_errors
from api.http.routing import Route
from api.http.validation import make_refusal
from api.jobs.documents import encode
from api.jobs.models import JobOut
from api.jobs.parameters import JobId
from db import jobs
from db.job_records import find_record
from jobs.errors import DatabaseUnavailable, JobNotFound
from jobs.spec import MAX_METADATA, MetadataKey, MetadataValue

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

EDITED: Responses = {
    200: {
        "description": "The job as it is now.",
        "headers": {"ETag": {"description": "The tag of the job as it is now.", "schema": {"type": "string"}}},
    }
}


class JobPatch(BaseModel):
    """A merge patch (RFC 7396): a key that is not named stays as it is, and null removes it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"metadata": {"name": "baseline", "note": "as the article has it"}},
                {"metadata": {"note": None}},
            ]
        },
    )

    metadata: Annotated[dict[MetadataKey, MetadataValue | None], Field(max_length=2 * MAX_METADATA)] | None = Field(
        default_factory=dict,
        description=f"Your own metadata: at most {MAX_METADATA} keys after the edit, each with at most 500 characters, "
        "and 8,000 bytes of UTF-8 in all. The page and the command line show `name` and `note` with the job. null "
        "removes a key; null in place of the object removes every key.",
    )


@router.patch(
    "/{job_id}",
    responses=EDITED | declare_errors(JobNotFound, 400, 412, 413, 415, 422, DatabaseUnavailable),
    response_model=JobOut,
)
def edit(job_id: JobId, patch: JobPatch, request: Request, sessions: Sessions) -> Response:
    """Change a job's metadata, such as its name and note, whatever its state.

    Concurrent edits lose nothing; with If-Match, the edit is made only if the job still has that ETag. Training is not
    affected, and a retry has the metadata of its time.
    """
    with sessions.begin() as session:
        jobs.lock(session, job_id)
        _, before = encode(find_record(session, job_id))
        conditional.require_conditions(request.headers, etag=before)
        try:
            jobs.edit_metadata(session, job_id, patch.metadata)
        except jobs.TooMuchMetadata as error:
            fault = make_refusal(("body", "metadata"), str(error), patch.metadata)
            raise RequestValidationError([fault], body=patch.model_dump()) from error
        body, etag = encode(find_record(session, job_id))
    return Response(body, media_type="application/json", headers={"ETag": etag})
