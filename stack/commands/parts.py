"""The commands that run one part of the service, or prepare its database."""

import logging
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import fail
from runtime.garbage import postpone_collection
from runtime.settings import Settings
from stack.configuration import RootPath, allow_host, configure
from stack.errors import CannotStart
from stack.gate import wait_for_gate
from stack.listening import open_listener, refuse_exposure

if TYPE_CHECKING:
    from db.session import Sessions

log = logging.getLogger(__name__)
app = typer.Typer()


@app.command("api")
def run_api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    fd: Annotated[int | None, typer.Option(help="An inherited listening socket, in place of both.")] = None,
    root_path: RootPath = None,
    gate: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the API alone."""
    # Before NumPy is imported: beside a worker on the same cores, more threads would wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    settings = allow_host(configure(root_path=root_path), host)
    try:
        with open_listener(host, port) if fd is None else socket.socket(fileno=fd) as listener:
            refuse_exposure(listener, settings)
            serve_api(listener, settings, gate)
    except CannotStart as error:
        raise fail(error) from error


def serve_api(listener: socket.socket, settings: Settings, gate: int | None) -> None:
    with postpone_collection():
        import uvicorn

        from api.main import create_app
        from stack.serving import make_options

        service = create_app(settings)
    if gate is not None:
        wait_for_gate(gate)
    refuse_wrong_schema(service.state.sessions)
    uvicorn.run(service, fd=listener.fileno(), **make_options())


def refuse_wrong_schema(sessions: "Sessions") -> None:
    """Raise WrongSchema; a database that is away is no reason not to start."""
    from db import schema
    from jobs.errors import DatabaseUnavailable, WrongSchema

    try:
        schema.check(sessions)
    except WrongSchema:
        raise
    except DatabaseUnavailable as error:
        log.warning("starting without the database: %s", error)


@app.command("worker")
def run_worker() -> None:
    """Run a worker alone."""
    with postpone_collection():
        from worker.main import main

    main(configure())


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from db import schema

    schema.migrate(configure().database)
