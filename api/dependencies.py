"""Dependencies that endpoints name by type; create_app puts the objects on the app.

They are coroutines although they wait for nothing: FastAPI calls a plain function on another thread.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.streams.poller import EventPoller
from api.streams.reader import EventReader
from broker.hints import HintQueue
from db.session import Sessions as DatabaseSessions
from runtime.settings import Settings as ServiceSettings


async def get_sessions(request: Request) -> DatabaseSessions:
    return request.app.state.sessions  # type: ignore[no-any-return]  # State has no types


async def get_hints(request: Request) -> HintQueue:
    return request.app.state.hints  # type: ignore[no-any-return]  # State has no types


async def get_poller(request: Request) -> EventPoller:
    return request.app.state.poller  # type: ignore[no-any-return]  # State has no types


async def get_reader(request: Request) -> EventReader:
    return request.app.state.reader  # type: ignore[no-any-return]  # State has no types


async def get_settings(request: Request) -> ServiceSettings:
    return request.app.state.settings  # type: ignore[no-any-return]  # State has no types


Sessions = Annotated[DatabaseSessions, Depends(get_sessions)]
Hints = Annotated[HintQueue, Depends(get_hints)]
Poller = Annotated[EventPoller, Depends(get_poller)]
Reader = Annotated[EventReader, Depends(get_reader)]
Settings = Annotated[ServiceSettings, Depends(get_settings)]
