"""A job's checkpoints: which there are, and their files, whole or in part."""

import base64
import re
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Path, Response
from pydantic import Field

from api.dependencies import Sessions
from api.errors import declared
from api.formats import BINARY
from api.jobs import MAX_NUMBER, JobId
from api.out import Out
from api.routing import Route
from api.times import Time
from db import files, queries
from db.models import Checkpoint
from jobs.errors import CheckpointNotFound, DatabaseUnavailable, JobNotFound, StorageUnavailable

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

ONE_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class CheckpointOut(Out):
    """Weights and optimizer state after an epoch: training goes on from here after a crash."""

    epoch: int = Field(description="After which epoch.", examples=[3])
    attempt: int = Field(description="The attempt that wrote it.", examples=[1])
    size_bytes: int = Field(description="Size of the file.", examples=[14401672])
    sha256: str = Field(
        description="Digest of the file, in hex.",
        examples=["07920c3e5dfc9aaac7d88c79c2d392dc940c082b7f74b04c54c2ad1cc56a104a"],
    )
    created_at: Time = Field(description="When it was recorded, UTC.")


class Checkpoints(Out):
    job_id: str = Field(description="Whose they are.", examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"])
    checkpoints: list[CheckpointOut] = Field(description="Newest first: the last two, and the best epoch's.")


@router.get("/{job_id}/checkpoints", responses=declared(JobNotFound, 422, DatabaseUnavailable))
def list_checkpoints(job_id: JobId, sessions: Sessions) -> Checkpoints:
    """The checkpoints that are kept."""
    with sessions.read() as session:
        found = queries.checkpoints(session, job_id)
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
            "description": "The part that Range asked for.",
        },
        **declared(JobNotFound, CheckpointNotFound, 416, 422, DatabaseUnavailable, StorageUnavailable),
    },
)
def download(
    job_id: JobId,
    epoch: Annotated[int, Path(ge=1, le=MAX_NUMBER, description="After which epoch.", examples=[3])],
    sessions: Sessions,
    wanted: Annotated[
        str | None, Header(alias="Range", description="One range of bytes (RFC 9110, 14.2).", examples=["bytes=0-1023"])
    ] = None,
) -> Response:
    """The file (safetensors), its SHA-256 in Repr-Digest (RFC 9530)."""
    with sessions.read() as session:
        checkpoint = queries.checkpoint(session, job_id, epoch)
    start, end = bounds(wanted, checkpoint.size_bytes)
    content = content_of(checkpoint, start, end)
    headers = headers_of(checkpoint)
    if end - start == checkpoint.size_bytes:
        return Response(content, 200, headers, "application/octet-stream")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{checkpoint.size_bytes}"
    return Response(content, 206, headers, "application/octet-stream")


def bounds(wanted: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last; a Range that is no single range of bytes asks for the whole."""
    match = ONE_RANGE.fullmatch(wanted or "")
    if match is None or match[1] + match[2] == "":
        return 0, size
    if match[1] == "":  # the last so many bytes
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(int(match[2] or size) + 1, size)
    if start >= end:
        raise HTTPException(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return start, end


def content_of(checkpoint: Checkpoint, start: int, end: int) -> bytes:
    try:
        return files.read(checkpoint.url, start=start, end=end)
    except FileNotFoundError as error:
        raise CheckpointNotFound("the file of this checkpoint is gone") from error
    except OSError as error:
        raise StorageUnavailable from error


def headers_of(checkpoint: Checkpoint) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(checkpoint.sha256)).decode()
    name = f"{checkpoint.job_id}-epoch-{checkpoint.epoch}.safetensors"
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{checkpoint.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
