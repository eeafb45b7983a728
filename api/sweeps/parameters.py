"""Parameters that several endpoints of a sweep take."""

from typing import Annotated

from fastapi import Path

from jobs.spec import NO_NUL

SweepId = Annotated[
    str,
    Path(
        description="The sweep's id.", pattern=NO_NUL, max_length=100, examples=["0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"]
    ),
]
