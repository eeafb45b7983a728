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

# Heat maps are drawn as data: images; a file that is fetched with an API key is saved from a blob:, which no
# directive governs.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI and ReDoc are started by a script in their page, and style themselves; ReDoc searches in a blob: worker.
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
    """The page's charts need plotly.min.js out of the package plotly, which is not installed whole."""


def install(app: FastAPI) -> None:
    """Serve the page.

    Raises:
        PlotlyMissing: better now than in a visitor's browser.
    """
    app.state.plotly = plotly_file()
    app.add_middleware(BrowserHeaders)
    app.add_route(PLOTLY_PATH, plotly, include_in_schema=False)
    app.add_route("/static/looks.css", looks_css, include_in_schema=False)
    app.add_route("/static/looks.json", looks_json, include_in_schema=False)
    app.add_route("/static/figures.json", figures_json, include_in_schema=False)
    app.mount("/static", Revalidated(directory=STATIC), name="static")
    app.add_route("/", page, include_in_schema=False)
    # before fastapi_offline's mount, whose files have ReDoc's logo and Starlette's ranges
    documentation = Mount(DOCS_FILES_PATH, Revalidated(directory=DOCS_FILES), name="docs-files")
    app.router.routes[:0] = [Route(REDOC_PATH, redoc), documentation]


def plotly_file() -> Path:
    """Where the wheel has it; found without importing plotly, which an image may lack but for this file."""
    spec = find_spec("plotly")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    raise PlotlyMissing("plotly.min.js is not here, which the page's charts are drawn with: pip install plotly")


def page(request: Request) -> Response:
    """With the prefix as its base where there is one: its own address may lack the slash at the end."""
    if not prefix.current.get():
        return Revalidated.served(INDEX, INDEX.stat(), request.headers)
    content = INDEX.read_text().replace("<head>", f'<head>\n<base href="{prefix.add_prefix("/")}">', 1)
    return revalidated(request, content, "text/html")


def looks_css(request: Request) -> Response:
    """The colours of the server's drawings, for the page."""
    return revalidated(request, styles.write_stylesheet(), "text/css")


def looks_json(request: Request) -> Response:
    return revalidated(request, styles.write_table(), "application/json")


def figures_json(request: Request) -> Response:
    """Which figures the page draws, and how."""
    return revalidated(request, figures.describe_for_page(), "application/json")


def revalidated(request: Request, content: str, media_type: str) -> Response:
    headers = {**REVALIDATE, "ETag": f'"{sha256(content.encode()).hexdigest()[:32]}"'}
    fresh = Response(content, headers=headers, media_type=media_type)
    return conditional.answer_unmodified(request.headers, headers) or fresh


class Revalidated(StaticFiles):
    """A browser asks each time whether a file has changed: the modules of a page must be of one version."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,  # noqa: ARG002  # another is for StaticFiles' own pages, which this has not
    ) -> Response:
        return self.served(full_path, stat_result, Headers(scope=scope))

    @staticmethod
    def served(path: str | PathLike[str], stat_result: stat_result, asked: Headers) -> Response:
        whole = RangedFile(path, headers=REVALIDATE, stat_result=stat_result)
        return conditional.answer_unmodified(asked, whole.headers) or whole


class RangedFile(FileResponse):
    """Starlette's, which answers 400 to a Range that RFC 9110 (14.2) wants ignored, and 416 without a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, answered = Headers(scope=scope), self.headers
        several = len(conditional.parse_ranges(asked.get("range", ""))) > 1
        size = int(answered["content-length"])
        found = conditional.find_byte_range(asked, etag=answered["etag"], modified=answered["last-modified"], size=size)
        if found is None and not several:
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        await super().__call__(scope, receive, send)


async def plotly(request: Request) -> Response:
    """It is 5 MB, and 1.5 MB compressed. Its version changes with a release of ours at most."""
    plain, compressed, digest = await run_in_threadpool(loaded, request.app.state.plotly)
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
    """As RFC 9110 (12.5.3) reads Accept-Encoding."""
    qualities = dict(negotiation.parse_qualities(header))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


@functools.cache
def loaded(file: Path) -> tuple[bytes, bytes, str]:
    """As it is, compressed, and its digest."""
    plain = file.read_bytes()
    return plain, gzip.compress(plain, 6), sha256(plain).hexdigest()[:16]


def redoc(request: Request) -> Response:
    """ReDoc, without the logo that it would fetch from its maker's host."""
    script = offline_redoc()
    headers = {**REVALIDATE, "ETag": f'"{sha256(script).hexdigest()[:32]}"'}
    unmodified = conditional.answer_unmodified(request.headers, headers)
    return unmodified or Response(script, headers=headers, media_type="text/javascript")


@functools.cache
def offline_redoc() -> bytes:
    return (DOCS_FILES / "redoc.standalone.js").read_bytes().replace(REDOC_LOGO, b"data:,")


class BrowserHeaders:
    """ASGI middleware: what a browser may do with an answer, whatever answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = DOCS_POLICY if prefix.remove_prefix(scope).startswith(DOCS_PATHS) else PAGE_POLICY
        if prefix.current.get():
            policy = policy.replace("base-uri 'none'", "base-uri 'self'")  # see page()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)
