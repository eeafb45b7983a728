"""API keys to test with, and settings changed in a service that runs."""

from typing import Any

from fastapi import FastAPI

from db import keys

Headers = dict[str, str]


def change_settings(app: FastAPI, **changed: Any) -> None:
    app.state.settings = app.state.settings.model_copy(update=changed)


def make_key(app: FastAPI, name: str, **options: Any) -> Headers:
    """The headers of a request with a new key."""
    with app.state.sessions.begin() as session:
        return {"Authorization": f"Bearer {keys.create(session, name, **options)}"}
