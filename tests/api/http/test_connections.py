"""A client's connection, after an answer that went wrong."""

import http.client
from urllib.parse import urlsplit

from fastapi import FastAPI

from tests.support.serving import serve


def test_a_connection_lasts_beyond_a_bug(app: FastAPI) -> None:
    sessions, app.state.sessions = app.state.sessions, None
    with serve(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request("GET", "/v1/jobs")
        failed = connection.getresponse()
        failed.read()
        assert failed.status == 500
        assert failed.headers["Content-Type"] == "application/problem+json"
        assert not failed.will_close
        own = connection.sock
        app.state.sessions = sessions
        connection.request("GET", "/v1/jobs")
        assert connection.getresponse().status == 200
        assert connection.sock is own, "it was not opened again"
        connection.close()
