"""A job's checkpoints: their list, and their files, whole or in part."""

import base64
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from api.dependencies import Sessions, Settings
from api.http import conditional
from api.http.formats import BINARY
from api.http.out import Out
from api.http.responses import declare_errors
from api.http.routing import Route
from api.http.samples import EXAMPLE_ID
from api.http.times import Time
from api.jobs.parameters import MAX_NUMBER, JobId
from db import checkpoints
from db.models import Checkpoint
from jobs.errors import CheckpointDamaged, CheckpointNotFound, DatabaseUnavailable, JobNotFound, StorageUnavailable
from storage import checkpoints as stored
from storage import files

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)


class CheckpointOut(Out):
    """Weights and optimizer state after an epoch, from which training continues after a crash."""

    epoch: int = Field(description="The epoch after which it was written.", examples=[3])
    attempt: int = Field(description="The attempt that wrote it.", examples=[1])
    size_bytes: int = Field(description="Size of the file.", examples=[14401672])
    sha256: str = Field(
        description="Digest of the file, in hex.",
        examples=["07920c3e5dfc9aaac7d88c79c2d392dc940c082b7f74b04c54c2ad1cc56a104a"],
    )
    created_at: Time = Field(description="When it was recorded, UTC.")


class Checkpoints(Out):
    job_id: str = Field(description="The job's id.", examples=[EXAMPLE_ID])
    checkpoints: list[CheckpointOut] = Field(description="Newest first: the last two, and the best epoch's.")


@router.get("/{job_id}/checkpoints", responses=declare_errors(JobNotFound, 422, DatabaseUnavailable))
def list_checkpoints(job_id: JobId, sessions: Sessions) -> Checkpoints:
    """List the checkpoints that are kept."""
    with sessions.read() as session:
        found = checkpoints.list_kept(session, job_id)
    return Checkpoints(job_id=job_id, checkpoints=[CheckpointOut.model_validate(row) for row in found])


@router.get(
    "/{job_id}/checkpoints/{epoch}",
    response_class=Response,
    responses={
        200: {
            "content": {"application/octet-stream": {"schema": BINARY}},
            "description": "The file, in safetensors format.",
        },
        206: {
            "content": {"application/octet-stream": {"schema": BINARY}},
            "description": "The requested range.",
        },
        **conditional.UNCHANGED,
        **declare_errors(
            JobNotFound, CheckpointNotFound, CheckpointDamaged, 412, 416, 422, DatabaseUnavailable, StorageUnavailable
        ),
    },
)
def download(
    job_id: JobId,
    epoch: Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The epoch after which it was written.", examples=[3])],
    request: Request,
    sessions: Sessions,
    settings: Settings,
    byte_range: Annotated[  # noqa: ARG001  # read with If-Range, by api.http.conditional
        str | None,
        Header(
            alias="Range",
            description="One range of bytes (RFC 9110, 14.2); several ranges, or an invalid one, get the whole file.",
            examples=["bytes=0-1023"],
        ),
    ] = None,
    if_range: Annotated[  # noqa: ARG001
        str | None,
        Header(description="An ETag: Range applies only if it is still the file's.", examples=['"5f1c97d2"']),
    ] = None,
) -> Response:
    """Download the file (safetensors), with its SHA-256 in Repr-Digest (RFC 9530) and as its ETag."""
    with sessions.read() as session:
        checkpoint = checkpoints.find(session, job_id, epoch)
    headers, size = make_headers(checkpoint), checkpoint.size_bytes
    if unmodified := conditional.answer_unmodified(request.headers, headers):
        return unmodified
    part = conditional.find_byte_range(request.headers, etag=headers["ETag"], size=size)
    start, end = part or (0, size)
    content = open_content(checkpoint, start, end, folder_url=settings.checkpoints)
    headers["Content-Length"] = str(end - start)
    if end - start == size:
        return StreamingResponse(content, 200, headers, "application/octet-stream")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(content, 206, headers, "application/octet-stream")


def open_content(checkpoint: Checkpoint, start: int, end: int, *, folder_url: str) -> Iterator[bytes]:
    """Open the file once it has been checked: it is sent in parts, and a client's pace decides how fast."""
    try:
        return files.open_chunks(stored.verify(folder_url, checkpoint), start, end)
    except FileNotFoundError as error:
        raise CheckpointNotFound("the file of this checkpoint is gone") from error
    except OSError as error:
        raise StorageUnavailable from error


def make_headers(checkpoint: Checkpoint) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(checkpoint.sha256)).decode()
    name = f"{checkpoint.job_id}-epoch-{checkpoint.epoch}.safetensors"
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{checkpoint.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
