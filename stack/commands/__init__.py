"""The commands that are clients of the HTTP API. What they import for it they import when they run."""

import typer

from stack.commands import activations, jobs, operation, sweeps

app = typer.Typer()
for title, part in {"Jobs": jobs, "Sweeps": sweeps, "Activations": activations, "Workers": operation}.items():
    for command in part.app.registered_commands:
        command.rich_help_panel = title  # of `activation-lab --help`
    app.add_typer(part.app)
