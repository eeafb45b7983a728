"""What endpoints ask for by type; create_app puts it on the app."""

from typing import Annotated

from fastapi import Depends, Request

from api.streams.poller import News
from broker.hints import Queue
from db.session import Sessions as DatabaseSessions
from runtime.settings import Settings as ServiceSettings


def sessions(request: Request) -> DatabaseSessions:
    return request.app.state.sessions  # type: ignore[no-any-return]  # State has no types


def queue(request: Request) -> Queue:
    return request.app.state.queue  # type: ignore[no-any-return]  # State has no types


def news(request: Request) -> News:
    return request.app.state.news  # type: ignore[no-any-return]  # State has no types


def settings(request: Request) -> ServiceSettings:
    return request.app.state.settings  # type: ignore[no-any-return]  # State has no types


Sessions = Annotated[DatabaseSessions, Depends(sessions)]
Hints = Annotated[Queue, Depends(queue)]
Bulletin = Annotated[News, Depends(news)]
Settings = Annotated[ServiceSettings, Depends(settings)]
