"""What can go wrong between a client and the service."""

from collections.abc import Mapping

import httpx

PASSING = frozenset({502, 503, 504})
ABSENT = frozenset({"job_not_found", "sweep_not_found"})


class ClientError(Exception):
    """What was asked for did not come; the message says why."""


class Unusable(ClientError):
    """It was not even sent: the URL, the key or the body cannot be used."""


class Unreachable(ClientError):
    """Nobody answered, or the connection was cut."""


class ServiceError(ClientError):
    """The service answered with an error; the message is its `detail`, with the field errors that lacks."""

    def __init__(
        self, status: int, detail: str, *, code: str = "error", fields: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.detail, self.code, self.fields = status, detail, code, fields or {}
        more = [f"{pointer}: {message}" for pointer, message in self.fields.items() if message not in detail]
        super().__init__("; ".join([detail, *more]))


class NotFound(ServiceError):
    """It says that there is no such job or sweep."""


def service_error(response: httpx.Response) -> ServiceError:
    """What the problem+json says; less, where something in between answered."""
    try:
        problem = response.json()
        fields = {str(entry["pointer"]): str(entry["message"]) for entry in problem.get("errors", [])}
        kind = NotFound if problem["code"] in ABSENT else ServiceError
        return kind(response.status_code, problem["detail"], code=problem["code"], fields=fields)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ServiceError(response.status_code, f"{response.url} answered {response.status_code}")


def unreachable(url: str, error: httpx.RequestError) -> Unreachable:
    return Unreachable(f"no answer from {url} ({reason(error)}); is the service running there?")


def reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def passing(error: BaseException) -> bool:
    """Whether it may well go better the next time."""
    return isinstance(error, Unreachable) or (isinstance(error, ServiceError) and error.status in PASSING)
