"""The options and arguments that several commands have."""

from typing import Annotated

import typer

LOCAL = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option(envvar="ACTIVATION_LAB_URL", help="Where the service is.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts: one JSON object a line.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
