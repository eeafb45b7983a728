"""Arguments and options that several commands have."""

from typing import Annotated

import typer

from cli.commands import completion

LOCAL = completion.LOCAL

Url = Annotated[str, typer.Option(envvar="ACTIVATION_LAB_URL", help="URL of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts: one JSON object a line.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.", autocompletion=completion.complete_jobs)]
JobIds = Annotated[
    list[str], typer.Argument(metavar="ID...", help="The ids of jobs.", autocompletion=completion.complete_jobs)
]
AnyId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The id of a job or of a sweep.", autocompletion=completion.complete_jobs_and_sweeps
    ),
]
Name = Annotated[str | None, typer.Option(help="A name, shown in lists and tables.")]
Note = Annotated[str | None, typer.Option(help="A note, such as the reason for the training.")]
Activation = Annotated[
    str, typer.Argument(help="A name of `activations`, such as gelu.", autocompletion=completion.complete_activation)
]
