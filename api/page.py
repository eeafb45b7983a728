"""The page at /: its files, Plotly out of its wheel, and what a browser may do with them."""

import functools
import gzip
from hashlib import sha256
from importlib.util import find_spec
from os import PathLike, stat_result
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"
PLOTLY_PATH = "/static/vendor/plotly.min.js"
WEEK_SECONDS = 7 * 24 * 3600

# Heat maps are drawn as data: images; a file that is fetched with an API key is saved from a blob:, which no
# directive governs.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI and ReDoc are started by a script in their page, and style themselves; ReDoc searches in a blob: worker.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
)
DOCS_PATHS = ("/docs", "/redoc")
REDOC_PATH = "/static-offline-docs/redoc.standalone.js"
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


class PlotlyMissing(RuntimeError):
    """The page's charts need plotly.min.js out of the package plotly, which is not installed whole."""


def install(app: FastAPI) -> None:
    """Serve the page.

    Raises:
        PlotlyMissing: better now than in a visitor's browser.
    """
    app.state.plotly = plotly_file()
    app.add_middleware(BrowserHeaders)
    app.add_route(PLOTLY_PATH, plotly, include_in_schema=False)
    app.mount("/static", Revalidated(directory=STATIC), name="static")
    app.add_route("/", page, include_in_schema=False)
    app.router.routes.insert(0, Route(REDOC_PATH, redoc))  # before the mount that has the same file with its logo


def plotly_file() -> Path:
    """Where the wheel has it; found without importing plotly, which an image may lack but for this file."""
    spec = find_spec("plotly")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    raise PlotlyMissing("plotly.min.js is not here, which the page's charts are drawn with: pip install plotly")


def page(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


class Revalidated(StaticFiles):
    """A browser asks each time whether a file has changed: the modules of a page must be of one version."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def plotly(request: Request) -> Response:
    """It is 5 MB, and 1.5 MB compressed. Its version changes with a release of ours at most."""
    plain, compressed, digest = await run_in_threadpool(loaded, request.app.state.plotly)
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {
        "Cache-Control": f"public, max-age={WEEK_SECONDS}",
        "ETag": f'"{digest}-gzip"' if zipped else f'"{digest}"',
        "Vary": "Accept-Encoding",
    }
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    if zipped:
        return Response(compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type="text/javascript")
    return Response(plain, headers=headers, media_type="text/javascript")


@functools.cache
def loaded(file: Path) -> tuple[bytes, bytes, str]:
    """As it is, compressed, and its digest."""
    plain = file.read_bytes()
    return plain, gzip.compress(plain, 6), sha256(plain).hexdigest()[:16]


def redoc(_: Request) -> Response:
    """ReDoc, without the logo that it would fetch from its maker's host."""
    return Response(offline_redoc(), headers={"Cache-Control": "no-cache"}, media_type="text/javascript")


@functools.cache
def offline_redoc() -> bytes:
    script = Path(fastapi_offline.__file__).parent / "static" / "redoc.standalone.js"
    return script.read_bytes().replace(REDOC_LOGO, b"data:,")


class BrowserHeaders:
    """ASGI middleware: what a browser may do with an answer, whatever answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        policy = DOCS_POLICY if path.startswith(DOCS_PATHS) else PAGE_POLICY

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)
