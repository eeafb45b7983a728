"""Serve the page at /: its files, Plotly from its wheel, and the browser's security headers."""

import functools
import gzip
from hashlib import sha256
from importlib.util import find_spec
from os import PathLike, stat_result
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import page as page_files
from api.http import conditional, negotiation, prefix
from api.jobs import figures
from api.plots import styles

STATIC = Path(page_files.__file__).parent / "static"
INDEX = STATIC / "index.html"
REVALIDATE = {"Cache-Control": "no-cache"}
PLOTLY_PATH = "/static/vendor/plotly.min.js"
WEEK_SECONDS = 7 * 24 * 3600

# Heat maps are data: images. A file fetched with an API key is saved from a blob: URL, which no directive governs.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI and ReDoc need inline scripts and styles; ReDoc searches in a blob: worker.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
)
DOCS_PATHS = ("/docs", "/redoc")
DOCS_FILES = Path(fastapi_offline.__file__).parent / "static"
DOCS_FILES_PATH = "/static-offline-docs"
REDOC_PATH = f"{DOCS_FILES_PATH}/redoc.standalone.js"
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


class PlotlyMissing(RuntimeError):
    """The page's charts need plotly.min.js from the package plotly, which is missing."""


def install(app: FastAPI) -> None:
    """Serve the page.

    Raises:
        PlotlyMissing: at start, not in a visitor's browser.
    """
    app.state.plotly = find_plotly()
    app.add_middleware(BrowserHeaders)
    app.add_route(PLOTLY_PATH, serve_plotly, include_in_schema=False)
    app.add_route("/static/looks.css", serve_looks_css, include_in_schema=False)
    app.add_route("/static/looks.json", serve_looks_json, include_in_schema=False)
    app.add_route("/static/figures.json", serve_figures_json, include_in_schema=False)
    app.mount("/static", RevalidatedFiles(directory=STATIC), name="static")
    app.add_route("/", serve_page, include_in_schema=False)
    # before fastapi_offline's mount, whose files have ReDoc's logo and Starlette's ranges
    documentation = Mount(DOCS_FILES_PATH, RevalidatedFiles(directory=DOCS_FILES), name="docs-files")
    app.router.routes[:0] = [Route(REDOC_PATH, serve_redoc), documentation]


def find_plotly() -> Path:
    """Find it in the wheel without importing plotly: an image may hold this file only."""
    spec = find_spec("plotly")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    raise PlotlyMissing("plotly.min.js, which draws the page's charts, is missing: pip install plotly")


def serve_page(request: Request) -> Response:
    """Serve index.html, with the path prefix as its base if there is one: the address may lack the final slash."""
    if not prefix.current.get():
        return RevalidatedFiles.respond_with(INDEX, INDEX.stat(), request.headers)
    content = INDEX.read_text().replace("<head>", f'<head>\n<base href="{prefix.add_prefix("/")}">', 1)
    return respond(request, content, "text/html")


def serve_looks_css(request: Request) -> Response:
    """Serve the colours of the server's drawings."""
    return respond(request, styles.write_stylesheet(), "text/css")


def serve_looks_json(request: Request) -> Response:
    return respond(request, styles.write_table(), "application/json")


def serve_figures_json(request: Request) -> Response:
    """Serve the table of the figures that the page shows."""
    return respond(request, figures.describe_for_page(), "application/json")


def respond(request: Request, content: str, media_type: str) -> Response:
    headers = {**REVALIDATE, "ETag": f'"{sha256(content.encode()).hexdigest()[:32]}"'}
    fresh = Response(content, headers=headers, media_type=media_type)
    return conditional.answer_unmodified(request.headers, headers) or fresh


class RevalidatedFiles(StaticFiles):
    """Files that a browser revalidates each time: the modules of a page must have the same version."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,  # noqa: ARG002  # for StaticFiles' error pages, unused here
    ) -> Response:
        return self.respond_with(full_path, stat_result, Headers(scope=scope))

    @staticmethod
    def respond_with(path: str | PathLike[str], stat_result: stat_result, asked: Headers) -> Response:
        whole = RangedFile(path, headers=REVALIDATE, stat_result=stat_result)
        return conditional.answer_unmodified(asked, whole.headers) or whole


class RangedFile(FileResponse):
    """Ignores an invalid Range (RFC 9110, 14.2), which Starlette answers with 400, or with 416 without a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, answered = Headers(scope=scope), self.headers
        several = len(conditional.parse_ranges(asked.get("range", ""))) > 1
        size = int(answered["content-length"])
        found = conditional.find_byte_range(asked, etag=answered["etag"], modified=answered["last-modified"], size=size)
        if found is None and not several:
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        await super().__call__(scope, receive, send)


async def serve_plotly(request: Request) -> Response:
    """Serve 5 MB, compressed to 1.5 MB. The version changes only with our releases."""
    plain, compressed, digest = await run_in_threadpool(read_compressed, request.app.state.plotly)
    zipped = accepts_gzip(", ".join(request.headers.getlist("accept-encoding")))
    headers = {
        "Cache-Control": f"public, max-age={WEEK_SECONDS}",
        "ETag": f'"{digest}-gzip"' if zipped else f'"{digest}"',
        "Vary": "Accept-Encoding",
    }
    if unmodified := conditional.answer_unmodified(request.headers, headers):
        return unmodified
    if zipped:
        return Response(compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type="text/javascript")
    return Response(plain, headers=headers, media_type="text/javascript")


def accepts_gzip(header: str) -> bool:
    """Read Accept-Encoding as RFC 9110 (12.5.3) defines it."""
    qualities = dict(negotiation.parse_qualities(header))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


@functools.cache
def read_compressed(file: Path) -> tuple[bytes, bytes, str]:
    """Read a file; return its bytes, the same compressed, and their digest."""
    plain = file.read_bytes()
    return plain, gzip.compress(plain, 6), sha256(plain).hexdigest()[:16]


def serve_redoc(request: Request) -> Response:
    """Serve ReDoc without the logo that it would fetch from another host."""
    script = read_redoc()
    headers = {**REVALIDATE, "ETag": f'"{sha256(script).hexdigest()[:32]}"'}
    unmodified = conditional.answer_unmodified(request.headers, headers)
    return unmodified or Response(script, headers=headers, media_type="text/javascript")


@functools.cache
def read_redoc() -> bytes:
    return (DOCS_FILES / "redoc.standalone.js").read_bytes().replace(REDOC_LOGO, b"data:,")


class BrowserHeaders:
    """ASGI middleware that adds the security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = DOCS_POLICY if prefix.remove_prefix(scope).startswith(DOCS_PATHS) else PAGE_POLICY
        if prefix.current.get():
            policy = policy.replace("base-uri 'none'", "base-uri 'self'")  # see serve_page()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)
