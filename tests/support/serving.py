"""An ASGI app behind the real server, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from stack.listening import listen
from stack.serving import make_options


@contextmanager
def serve(app: ASGIApp, *, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """Serve the app on loopback; yields its URL, without a slash at its end."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan=lifespan, **make_options()))
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
