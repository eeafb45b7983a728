import io
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from runtime import logs

KEY = "al_" + "A1b2-_" * 7 + "Z"


class Log:
    """A logger of its own, and its output."""

    def __init__(self, log_format: Any) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logs.make_formatter(log_format))
        self.logger = logging.getLogger(f"test.{log_format}")
        self.logger.handlers, self.logger.propagate = [handler], False
        self.logger.setLevel(logging.DEBUG)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


def fail(secret: str) -> None:
    raise ValueError(len(secret))


def refuse(text: str) -> None:
    raise OSError(text)


@pytest.fixture
def as_json() -> Log:
    return Log("json")


@pytest.fixture(params=["json", "console"])
def either(request: pytest.FixtureRequest) -> Log:
    return Log(request.param)


def test_a_line_is_an_object_with_time_level_and_logger(as_json: Log) -> None:
    as_json.logger.warning("%d hints wait", 3, extra={"queue": "jobs"})
    (found,) = as_json.objects()
    at = datetime.fromisoformat(found.pop("timestamp"))
    assert at.utcoffset() is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert found == {"event": "3 hints wait", "level": "warning", "logger": "test.json", "queue": "jobs"}


def test_a_bound_variable_is_in_every_line_until_it_is_unbound(as_json: Log) -> None:
    with bound_contextvars(job_id="one", attempt=2):
        as_json.logger.info("within")
    as_json.logger.info("after")
    within, after = as_json.objects()
    assert (within["job_id"], within["attempt"]) == ("one", 2)
    assert "job_id" not in after


def test_an_exception_is_one_field_and_its_locals_are_not_in_it(as_json: Log) -> None:
    try:
        fail("not to be seen")
    except ValueError:
        as_json.logger.exception("it broke")
    (found,) = as_json.objects()
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: 14")
    assert "not to be seen" not in found["exception"].replace('fail("not to be seen")', "")


def test_a_line_for_people_has_no_colours_in_a_file() -> None:
    log = Log("console")
    with bound_contextvars(job_id="one"):
        log.logger.info("job started")
    (line,) = log.lines()
    assert re.fullmatch(r"\S+Z \[info +\] job started +\[test.console\] +job_id=one", line)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("cannot reach redis://:hunter2@127.0.0.1:6379/0", "hunter2"),
        ("cannot reach postgresql+psycopg://lab:hunter2@db:5432/lab", "hunter2"),
        ("cannot reach redis://user:p@ss:word@host/0", "ss:word"),
        ("host=db password=hunter2 dbname=lab", "hunter2"),
        ("Authorization: Bearer hunter2", "hunter2"),
        (f"somebody sent {KEY} again", KEY),
    ],
)
def test_no_secret_is_written(either: Log, text: str, secret: str) -> None:
    either.logger.error("%s", text)
    either.logger.error("a field", extra={"url": text})
    with bound_contextvars(url=text):
        either.logger.error("bound")
    try:
        refuse(text)
    except OSError:
        either.logger.exception("a traceback")
    written = either.stream.getvalue()
    assert written.count("***") >= 4
    # The line of code in a traceback names the variable, not what it holds.
    assert secret not in written


@pytest.mark.parametrize("text", ["http://127.0.0.1:8000/v1/jobs", "mail me@host", "10:30 at a@b", "file:///a:b"])
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert logs.mask(text) == text


def test_fields_of_uvicorn_and_celery_are_dropped(as_json: Log) -> None:
    as_json.logger.info("started", extra={"color_message": "\x1b[1mstarted", "data": {"args": object()}})
    assert set(as_json.objects()[0]) == {"event", "level", "logger", "timestamp"}


@pytest.mark.parametrize(
    "odd", ["\x1b[2J", "a\nERROR forged", "\x07", "\x7f", "\x9b", "\u202e", "\u2028", "\ud83d"], ids=ascii
)
def test_what_a_client_sent_neither_controls_a_terminal_nor_begins_a_line(either: Log, odd: str) -> None:
    either.logger.info("asked for %s", f"{odd}.", extra={"note": f"{odd}."})
    (line,) = either.stream.getvalue().removesuffix("\n").split("\n")
    assert line.isprintable()


def test_what_a_client_sent_begins_no_line_in_a_traceback_either(either: Log) -> None:
    try:
        refuse("a\n2026-11-26T00:00:00.000000Z [info] forged\x1b[31m\x07\r")
    except OSError:
        either.logger.exception("it failed", extra={"a\nforged\x07": 1})
    lines = either.stream.getvalue().splitlines()
    assert [line for line in lines if not line.startswith(" ")] == lines[:1]
    assert all(line.isprintable() for line in lines)


def test_a_traceback_keeps_its_lines_on_the_console() -> None:
    log = Log("console")
    try:
        refuse("\x1b[2J")
    except OSError:
        log.logger.exception("it failed")
    assert len(log.lines()) > 3
    assert "\x1b" not in log.stream.getvalue()
