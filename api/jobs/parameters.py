"""Parameters that several endpoints of a job take."""

from typing import Annotated

from fastapi import Path, Query

from api.http.samples import EXAMPLE_ID
from jobs.spec import NO_NUL

JobId = Annotated[
    str,
    Path(description="The job's id.", pattern=NO_NUL, max_length=100, examples=[EXAMPLE_ID]),
]
MAX_NUMBER = 2**31 - 1
"""The largest number of an epoch or an event: the database's largest integer."""
AfterEpoch = Annotated[int, Query(ge=0, le=MAX_NUMBER, description="Only later epochs.")]
