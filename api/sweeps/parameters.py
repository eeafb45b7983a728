"""Parameters that several endpoints of a sweep take."""

from typing import Annotated

from fastapi import Path

from api.http.samples import EXAMPLE_ID
from jobs.spec import NO_NUL

SweepId = Annotated[
    str,
    Path(description="The sweep's id.", pattern=NO_NUL, max_length=100, examples=[EXAMPLE_ID]),
]
