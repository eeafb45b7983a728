"""A reverse proxy in front of a service, which shows it below a path, as nginx or Traefik do; streams pass through."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.support.serving import serve

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "upgrade"}


@contextmanager
def proxy(inner: Callable[[], str], prefix: str, *, strips: bool, tells: bool) -> Iterator[str]:
    """The URL, without a slash at its end, below which the service is shown; anything else is 404.

    It names itself to the service as its host. Whether it strips the prefix, and tells of it, is the caller's choice.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw: str = scope["raw_path"].decode()
        if not f"{raw}/".startswith(f"{prefix}/"):
            await Response("the proxy has nothing here", 404)(scope, receive, send)
            return
        path = (raw.removeprefix(prefix) or "/") if strips else raw
        url = f"{inner()}{path}?{request.url.query}".rstrip("?")
        headers = [(name, text) for name, text in request.headers.items() if name not in HOP_BY_HOP]
        if tells:
            headers += [
                ("X-Forwarded-Prefix", prefix),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", request.headers["host"]),
                ("X-Forwarded-For", "203.0.113.7"),
            ]
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            asked = client.build_request(request.method, url, headers=headers, content=await request.body())
            answer = await client.send(asked, stream=True)
            passed = [(name, text) for name, text in answer.headers.multi_items() if name not in HOP_BY_HOP]
            response = StreamingResponse(raw_body(answer), answer.status_code)
            response.raw_headers = [(name.encode(), text.encode("latin-1")) for name, text in passed]
            await response(scope, receive, send)
            await answer.aclose()

    with serve(app) as url:
        yield url + prefix


async def raw_body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for part in answer.aiter_raw():
        yield part
