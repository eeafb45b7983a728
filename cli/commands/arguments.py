"""The arguments and options that several commands have."""

from typing import Annotated

import typer

from cli.commands import completion

LOCAL = completion.LOCAL

Url = Annotated[str, typer.Option(envvar="ACTIVATION_LAB_URL", help="Where the service is.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts: one JSON object a line.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.", autocompletion=completion.jobs)]
AnyId = Annotated[
    str, typer.Argument(metavar="ID", help="Of a job or of a sweep.", autocompletion=completion.jobs_and_sweeps)
]
Name = Annotated[str | None, typer.Option(help="What to call it, wherever it is shown.")]
Note = Annotated[str | None, typer.Option(help="A remark to go with it, such as why it is trained.")]
Activation = Annotated[
    str, typer.Argument(help="A name of the catalog, such as gelu.", autocompletion=completion.activations)
]
