"""The commands that are clients of the HTTP API. What they import for it they import when they run."""

import typer

from cli.commands import activations, export, jobs, operation, sweeps

app = typer.Typer()
PANELS = {"Jobs": [jobs, export], "Sweeps": [sweeps], "Activations": [activations], "Workers": [operation]}
for title, part in ((title, part) for title, parts in PANELS.items() for part in parts):
    for command in part.app.registered_commands:
        command.rich_help_panel = title  # of `activation-lab --help`
    app.add_typer(part.app)
