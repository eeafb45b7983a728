"""The commands that are clients of the HTTP API. What they import for it they import when they run."""

import typer

from stack.commands import activations, jobs

app = typer.Typer()
for title, part in {"Jobs": jobs, "Activations": activations}.items():
    for command in part.app.registered_commands:
        command.rich_help_panel = title
    app.add_typer(part.app)
