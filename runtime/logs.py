"""One shape for all that a process logs, whoever logs it: a line for people, or a JSON object for programs.

Our code logs with the standard library, as the libraries do; `extra` becomes fields. What is bound to the context, such
as request_id and job_id, becomes fields of everything that is logged meanwhile.
"""

import logging
import re
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
DRAWN_BY_OTHERS = ("color_message", "data")
"""uvicorn's message once more, and Celery's arguments of a task."""
TRACEBACKS = frozenset({"exception", "stack"})


def start(settings: Settings, stream: IO[str]) -> None:
    """Log to the stream as the settings say; where this process logs already, it goes on as it does."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(settings.log_format, colors=stream.isatty()))
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    if settings.log_level == "info":
        for chatty in ("alembic", "httpx"):  # a line a migration step, and a line a request
            logging.getLogger(chatty).setLevel(logging.WARNING)


def formatter(log_format: Literal["console", "json"], *, colors: bool = False) -> logging.Formatter:
    renderers: list[Processor] = [JSONRenderer()]  # ASCII alone: nothing steers a terminal that shows the file
    if log_format == "console":
        console = ConsoleRenderer(colors=colors, pad_event_to=0, exception_formatter=plain_traceback)
        renderers = [one_line, console]
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            traced,
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, undrawn, format_exc_info, without_secrets, *renderers],
    )


def traced(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    trace_id = tracing.trace_id()
    return event if trace_id is None else {**event, "trace_id": trace_id}


def undrawn(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in DRAWN_BY_OTHERS:
        event.pop(name, None)
    return event


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Also out of tracebacks, which by now are text: a driver may quote the URL that it was given."""
    return {name: masked(value) if isinstance(value, str) else value for name, value in event.items()}


def one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape text of clients, so that it neither begins a line nor steers the terminal; a traceback keeps its lines."""
    return {
        name: escape_controls(value, keep="\n\t" if name in TRACEBACKS else "") if isinstance(value, str) else value
        for name, value in event.items()
    }


def masked(text: str) -> str:
    for secret, mask in SECRETS.items():
        text = secret.sub(mask, text)
    return text
