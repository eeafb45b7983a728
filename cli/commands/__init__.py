"""The commands for the HTTP API. Each imports what it needs when it runs, so that --help is quick."""

import typer

from cli.commands import activations, checkpoints, export, history, jobs, operation, sweeps

app = typer.Typer()
PANELS = {
    "Jobs": [jobs, history, checkpoints, export],
    "Sweeps": [sweeps],
    "Activations": [activations],
    "Workers": [operation],
}
for title, part in ((title, part) for title, parts in PANELS.items() for part in parts):
    for command in part.app.registered_commands:
        command.rich_help_panel = title  # of `activation-lab --help`
    app.add_typer(part.app)
