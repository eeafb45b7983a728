"""Checks every request under /v1 before its endpoint sees it: readable text, and known parameters."""

import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.http import strict_json
from api.http.numbers import DECIMAL, INTEGER
from api.http.validation import make_refusal

UNUSABLE_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
SHORT_BODY_BYTES = 4096
"""Parsed in less time than a thread takes to answer."""
NUMBERS: Mapping[type, tuple[re.Pattern[str], str]] = {
    int: (INTEGER, "a whole number in the digits 0 to 9"),
    float: (DECIMAL, "a number such as -1.5 or 1e-3, in the digits 0 to 9"),
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Refusal = dict[str, Any]


class Route(APIRoute):
    """Refuses a request that could be read in two ways, before the endpoint and its dependencies see it.

    It answers 422 to text that is not UTF-8 or holds a NUL, to a query parameter that the endpoint does not know or
    that is given twice and is no list, and to a number that is not written in ASCII digits; then the body is parsed by
    api.http.strict_json.
    """

    @cached_property
    def parameters(self) -> "Parameters":
        return Parameters.of(self.dependant)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_strictly(given: Request) -> Response:
            refuse([*find_unusable_text(given), *self.parameters.find_refusals(given)])
            request = ReadRequest(given.scope, given.receive)
            if self.body_field is not None and is_json(request):
                await request.read()
            return await handle(request)

        return handle_strictly


async def read_undeclared(request: Request) -> dict[str, str]:
    """Read the query parameters that neither the endpoint nor a dependency of it declares.

    A dependency that asks for them refuses those it does not know; without one, Route refuses them all.
    """
    route: Route = request.scope["route"]
    return {name: text for name, text in request.query_params.items() if name not in route.parameters.query}


Undeclared = Annotated[dict[str, str], Depends(read_undeclared)]


class ReadRequest(Request):
    """A request whose JSON is parsed strictly, and once."""

    document: Any = None  # any JSON

    async def read(self) -> None:
        try:
            body = await self.body()
        except ClientDisconnect as error:
            raise HTTPException(400, "the body was cut off") from error
        if body:
            short = len(body) <= SHORT_BODY_BYTES
            self.document = strict_json.parse(body) if short else await run_in_threadpool(strict_json.parse, body)

    async def json(self) -> Any:  # noqa: ANN401  # any JSON
        return self.document


def is_json(request: Request) -> bool:
    """Whether FastAPI takes the body for JSON."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))


def refuse(refusals: list[Refusal]) -> None:
    if refusals:
        raise RequestValidationError(refusals)


def find_unusable_text(request: Request) -> Iterator[Refusal]:
    try:
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError:
        yield make_refusal(("query",), "the query is not UTF-8", None)
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if found := strict_json.UNUSABLE.search(name + value):
            place = "path" if name in request.path_params else "query"
            yield make_refusal((place, name), strict_json.describe_unusable(found[0]), None)
    for name, value in request.headers.items():
        if UNUSABLE_IN_A_HEADER.search(value):
            yield make_refusal(("header", name), "holds a control character", None)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters that an endpoint and its dependencies declare, in query, path and headers."""

    numbers: tuple[tuple[str, str, type], ...]
    """Place, name and type of each."""
    query: frozenset[str]
    lists: frozenset[str]
    any_query: bool
    """Whether a dependency reads the undeclared ones."""

    @classmethod
    def of(cls, dependant: Dependant) -> "Parameters":
        parts = [*flatten(dependant)]
        query = {field.alias: field.field_info.annotation for part in parts for field in part.query_params}
        fields = [field for part in parts for field in (*part.path_params, *part.query_params, *part.header_params)]
        return cls(
            numbers=tuple(
                (field.field_info.in_.value, field.alias, kind)  # type: ignore[attr-defined]  # these are all Params
                for field in fields
                if (kind := find_number_type(field.field_info.annotation)) is not None
            ),
            query=frozenset(query),
            lists=frozenset(name for name, annotation in query.items() if get_origin(annotation) is list),
            any_query=any(part.call is read_undeclared for part in parts),
        )

    def find_refusals(self, request: Request) -> Iterator[Refusal]:
        counts = Counter(name for name, _ in request.query_params.multi_items())
        for name, count in counts.items():
            if name not in self.query and not self.any_query:
                yield make_refusal(("query", name), describe_unknown(self.query), None)
            elif count > 1 and name not in self.lists:
                yield make_refusal(("query", name), "given more than once, and only one value counts", None)
        given = {"query": request.query_params, "path": request.path_params, "header": request.headers}
        for place, name, kind in self.numbers:
            pattern, description = NUMBERS[kind]
            text = given[place].get(name)
            if text is not None and not pattern.fullmatch(text):
                yield make_refusal((place, name), f"Input should be {description}", text)


def describe_unknown(known: frozenset[str]) -> str:
    return f"unknown query parameter; known: {', '.join(sorted(known)) or 'none'}"


def flatten(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for sub_dependant in dependant.dependencies:
        yield from flatten(sub_dependant)


def find_number_type(annotation: Any) -> type | None:  # noqa: ANN401  # any annotation
    """Find `int` or `float` in either of them, also with None; None in anything else."""
    choices = {*(get_args(annotation) or (annotation,))} - {type(None)}
    return next(iter(choices)) if len(choices) == 1 and choices <= {int, float} else None
