"""Streams are bounded: from one address, and in all."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException

from api.main import create_app
from api.streams.places import StreamPlaces
from jobs.errors import Busy
from runtime.settings import Settings
from tests.support.serving import serve
from tests.support.waiting import wait_for


def test_an_address_has_no_more_places_than_it_may_and_gets_them_back() -> None:
    places = StreamPlaces(per_address=2, most=10)
    with places.take("a"), places.take("b"):
        with places.take("a"), pytest.raises(HTTPException) as refused, places.take("a"):
            pass
        assert refused.value.status_code == 429
        with places.take("a"):
            pass


def test_all_together_have_no_more_places_than_there_are() -> None:
    places = StreamPlaces(per_address=2, most=3)
    with ExitStack() as held:
        for address in ("a", None, None):
            held.enter_context(places.take(address))
        with pytest.raises(Busy), places.take("b"):
            pass
    with places.take("b"):
        pass


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        ({"max_streams_per_address": 3}, 429, "too_many_requests"),
        ({"max_streams": 3}, 503, "busy"),
    ],
)
def test_one_stream_too_many_is_told_to_come_back_and_comes_when_another_is_closed(
    database_url: str, tmp_path: Path, limits: dict[str, int], status: int, code: str
) -> None:
    app = create_app(Settings(database_url=database_url, data_dir=tmp_path, reconcile_seconds=60, **limits))
    with serve(app, lifespan="on") as url, httpx.Client(base_url=url, timeout=30) as client:
        job_id = client.post("/v1/jobs", json={"activation": "relu"}).json()["id"]
        sweep_id = client.post("/v1/sweeps", json={"activations": ["relu"]}).json()["id"]
        paths = [f"/v1/jobs/{job_id}/stream", f"/v1/sweeps/{sweep_id}/stream", f"/v1/stream?jobs={job_id}"]
        with ExitStack() as held:
            for path in paths:
                assert held.enter_context(client.stream("GET", path)).status_code == 200
            for path in paths:
                refused = client.get(path)
                assert (refused.status_code, refused.json()["code"]) == (status, code)
                assert int(refused.headers["Retry-After"]) > 0
            assert client.get("/healthz").status_code == 200

        def is_open() -> bool:
            with client.stream("GET", paths[0]) as response:
                return response.status_code == 200

        wait_for(is_open, seconds=60)
