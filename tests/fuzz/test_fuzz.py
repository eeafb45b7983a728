"""The API does what its OpenAPI document says, whatever it is asked. `make fuzz` takes a longer look."""

from functools import partial

import pytest

from bench.postgres import is_installed
from tests.api.http.test_openapi import OPERATION_IDS
from tests.fuzz.odd import try_odd_requests
from tests.fuzz.schema import try_schema
from tests.fuzz.target import serve_on

SERVICES = {
    "sqlite": partial(serve_on, "sqlite"),
    "postgres": partial(serve_on, "postgres"),
    "keys": partial(serve_on, "sqlite", keys=True),
}
LONGEST_SECONDS = 900


@pytest.mark.timeout(LONGEST_SECONDS)
def test_requests_that_schemathesis_makes_are_answered_as_documented() -> None:
    with serve_on("sqlite") as target:  # PostgreSQL by `make fuzz`
        tried = try_schema(target, "--max-examples", "2", "--generation-deterministic")
    assert tried.is_sound, tried
    assert (tried.untested, tried.operations) == (0, len(OPERATION_IDS))
    assert tried.cases > 1000


@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize("service", SERVICES)
def test_requests_that_no_schema_describes_are_answered_as_documented(service: str) -> None:
    if service == "postgres" and not is_installed():
        pytest.skip("there is no PostgreSQL")
    with SERVICES[service]() as target:
        asked = try_odd_requests(target, examples=8, derandomize=True)
    assert len(asked) == len(OPERATION_IDS)
    assert min(asked.values()) >= 8
