"""Errors of the client of the HTTP API."""

from collections.abc import Mapping

import httpx

TRANSIENT = frozenset({502, 503, 504})
NOT_FOUND = frozenset({"job_not_found", "sweep_not_found"})


class ClientError(Exception):
    """A request failed; the message gives the reason."""


class Unusable(ClientError):
    """The request was not sent: the URL, the key or the body is not valid."""


class Unreachable(ClientError):
    """There was no answer, or the connection was cut."""


class ServiceError(ClientError):
    """The service answered with an error; the message is its `detail`, and the field errors that are not in it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "error",
        fields: Mapping[str, str] | None = None,
        columns: Mapping[str, int] | None = None,
    ) -> None:
        """Take messages by JSON pointer, and the columns, from 1, where a field is a formula."""
        self.status, self.detail, self.code = status, detail, code
        self.fields, self.columns = fields or {}, columns or {}
        more = [f"{pointer}: {message}" for pointer, message in self.fields.items() if message not in detail]
        super().__init__("; ".join([detail, *more]))


class NotFound(ServiceError):
    """The service has no such job or sweep."""


def read_service_error(response: httpx.Response) -> ServiceError:
    """The error of a problem+json, or of the status alone where a proxy answered."""
    try:
        problem = response.json()
        entries = problem.get("errors", [])
        fields = {str(entry["pointer"]): str(entry["message"]) for entry in entries}
        columns = {str(entry["pointer"]): int(entry["column"]) for entry in entries if entry.get("column")}
        error = NotFound if problem["code"] in NOT_FOUND else ServiceError
        return error(response.status_code, problem["detail"], code=problem["code"], fields=fields, columns=columns)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ServiceError(response.status_code, f"{response.url} answered {response.status_code}")


def make_unreachable(url: str, error: httpx.RequestError) -> Unreachable:
    return Unreachable(f"no answer from {url} ({describe(error)}); is the service running there?")


def describe(error: Exception) -> str:
    return str(error) or type(error).__name__


def is_transient(error: BaseException) -> bool:
    """Tell whether the request may succeed when it is sent again."""
    return isinstance(error, Unreachable) or (isinstance(error, ServiceError) and error.status in TRANSIENT)
