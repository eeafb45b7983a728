"""One format for all logs of a process, libraries' too: a line for people, or a JSON object for programs.

This project logs with the standard library, as the libraries do; `extra` becomes fields. Variables bound to the
context, such as request_id and job_id, become fields of everything that is logged meanwhile.
"""

import logging
import re
from textwrap import indent
from typing import IO, Literal

from structlog.contextvars import merge_contextvars
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from jobs.text import escape_controls
from runtime import tracing
from runtime.settings import Settings

SECRETS: dict[re.Pattern[str], str] = {
    # user:password@ of a URL, to the last @ before a slash: a password may hold one.
    re.compile(r"(://[^\s:/@]*:)[^\s/]+@"): r"\1***@",
    re.compile(r"(?i)(password=)[^\s,&'\")]+"): r"\1***",
    re.compile(r"\bal_[\w-]{43}"): "al_***",
    re.compile(r"(?i)(bearer )\S+"): r"\1***",
}
DROPPED_FIELDS = ("color_message", "data")
"""uvicorn's copy of its message, and Celery's arguments of a task."""
TRACEBACKS = frozenset({"exception", "stack"})
"""Fields that keep their line breaks."""
MARGIN = "    "


def start(settings: Settings, stream: IO[str]) -> None:
    """Log to the stream as the settings say; a process that logs already keeps its configuration."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(make_formatter(settings.log_format, colors=stream.isatty()))
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    if settings.log_level == "info":
        for chatty in ("alembic", "httpx"):  # a line for each migration step, and for each request
            logging.getLogger(chatty).setLevel(logging.WARNING)


def make_formatter(log_format: Literal["console", "json"], *, colors: bool = False) -> logging.Formatter:
    renderers: list[Processor] = [JSONRenderer()]  # only ASCII: nothing can control a terminal that shows the file
    if log_format == "console":
        console = ConsoleRenderer(colors=colors, pad_event_to=0, exception_formatter=plain_traceback)
        renderers = [escape, console]
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            add_trace_id,
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, drop_fields, format_exc_info, mask_secrets, *renderers],
    )


def add_trace_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    trace_id = tracing.get_trace_id()
    return event if trace_id is None else {**event, "trace_id": trace_id}


def drop_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in DROPPED_FIELDS:
        event.pop(name, None)
    return event


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets, also in tracebacks, which are text by now: a driver may quote the URL that it was given."""
    return {name: mask(value) if isinstance(value, str) else value for name, value in event.items()}


def escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, so that a client's text neither begins a line nor controls the terminal."""
    return {escape_controls(name): escape_field(name, value) for name, value in event.items()}


def escape_field(name: str, value: object) -> object:
    """Escape text; a traceback, whose exceptions may quote a client, keeps its lines and begins none at the margin."""
    if not isinstance(value, str):
        return value
    return indent(escape_controls(value, keep="\n\t"), MARGIN) if name in TRACEBACKS else escape_controls(value)


def mask(text: str) -> str:
    for secret, mask in SECRETS.items():
        text = secret.sub(mask, text)
    return text
