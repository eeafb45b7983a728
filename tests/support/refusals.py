"""Refusals of requests, as problems."""

from httpx2 import Response


def refused_pointers(response: Response) -> list[str]:
    """The places in the request that a 422 names."""
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json"), response.text
    return [entry["pointer"] for entry in response.json()["errors"]]
