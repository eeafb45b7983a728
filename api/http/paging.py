"""Parameters and fields of a list that is read page by page."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

Limit = Annotated[int, Query(ge=1, le=200, description="The number of items on a page.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the previous page.", examples=[None])]
NextCursor = Annotated[
    str | None, Field(description="Pass as `cursor` for the next page; null on the last.", examples=[None])
]
