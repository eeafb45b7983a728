from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from stack.main import app
from tests.support.recorded_runs import Lab, Service, started


@pytest.fixture
def service(sqlite_url: str) -> Iterator[Service]:
    with started(sqlite_url) as service:
        yield service


@pytest.fixture
def lab(service: Service, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """`activation-lab`, for which the service is the one of ACTIVATION_LAB_URL."""
    monkeypatch.setenv("ACTIVATION_LAB_URL", service.url)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)
