"""The commands for a job's figures by epoch; history and plot take a sweep's id too."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.arguments import LOCAL, AnyId, AsJson, JobId, JobIds, Url
from cli.commands.output import choose_drawing_format, choose_table_format, output_table, print_answer, write
from cli.commands.service import connect
from cli.exits import fail, say
from cli.tables.epochs import tabulate_curves, tabulate_epochs, tabulate_histories, tabulate_layers, tabulate_parameters

app = typer.Typer()

File = Annotated[Path | None, typer.Argument(help="The file for --csv or --parquet; without it, stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="As CSV.")]
Parquet = Annotated[bool, typer.Option("--parquet", help="As Parquet.")]


@app.command("history")
def show_history(
    any_id: AnyId,
    file: File = None,
    csv: Csv = False,
    parquet: Parquet = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show every epoch of a job or of a sweep's jobs, or write them to a file.

    Example: activation-lab history 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --csv history.csv
    """
    file_format = choose_table_format(file, csv=csv, parquet=parquet, as_json=as_json)
    with connect(url) as client:
        noun, _ = client.find(any_id)
        holding, tabulate = ("epochs", tabulate_epochs) if noun == "jobs" else ("jobs", tabulate_histories)
        path = f"{client.make_path(any_id, noun)}/history"
        output_table(client, path, file_format, file, holding=holding, as_json=as_json, tabulate=tabulate)


@app.command("layers")
def show_layers(
    job_id: JobId,
    file: File = None,
    csv: Csv = False,
    parquet: Parquet = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show each layer's figures after every epoch (gradients, activations, dead units), or write them to a file.

    Example: activation-lab layers 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --parquet layers.parquet
    """
    file_format = choose_table_format(file, csv=csv, parquet=parquet, as_json=as_json)
    with connect(url) as client:
        path = f"{client.make_path(job_id)}/layers"
        output_table(client, path, file_format, file, holding="layers", as_json=as_json, tabulate=tabulate_layers)


@app.command("parameters")
def show_parameters(
    job_id: JobId,
    file: File = None,
    csv: Csv = False,
    parquet: Parquet = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show the learnt parameters of the activation at the start and after every epoch, or write them to a file.

    Example: activation-lab parameters 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --csv parameters.csv
    """
    file_format = choose_table_format(file, csv=csv, parquet=parquet, as_json=as_json)
    with connect(url) as client:
        path = f"{client.make_path(job_id)}/parameters"
        output_table(
            client, path, file_format, file, holding="parameters", as_json=as_json, tabulate=tabulate_parameters
        )


@app.command()
def plot(
    any_id: AnyId,
    file: Annotated[Path, typer.Argument(help="The file to write; .svg or .png.")],
    of_layers: Annotated[bool, typer.Option("--layers", help="Of a job: its layers' figures.")] = False,
    of_parameters: Annotated[bool, typer.Option("--parameters", help="Of a job: its learnt parameters.")] = False,
    metric: Annotated[str | None, typer.Option(help="Of a sweep: the figure to draw, such as val_accuracy.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Of a sweep: activations to leave out, with commas.")] = None,
    url: Url = LOCAL,
) -> None:
    """Draw a job's loss and accuracy by epoch, or a sweep's with a line for each configuration.

    Example: activation-lab plot 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b curves.svg
    """
    file_format = choose_drawing_format(file)
    if of_layers and of_parameters:
        raise fail("choose one of --layers and --parameters")
    of_part = "/layers" if of_layers else "/parameters" if of_parameters else ""
    query: dict[str, str | int] = {name: text for name, text in (("metric", metric), ("exclude", exclude)) if text}
    with connect(url) as client:
        noun, _ = client.find(any_id)
        if (of_part and noun == "sweeps") or (query and noun == "jobs"):
            raise fail("--layers and --parameters are for a job; --metric and --exclude are for a sweep")
        path = f"{client.make_path(any_id, noun)}{of_part}/plot.{file_format}"
        write(client.download(path, query), file, binary=True)
    say(f"wrote {file}")


@app.command()
def compare(
    job_ids: JobIds,
    metric: Annotated[str, typer.Option(help="A figure such as val_loss, val_accuracy or epoch_seconds.")] = "val_loss",
    x: Annotated[str, typer.Option("--x", help="The x axis of a drawing: epoch or seconds.")] = "epoch",
    output: Annotated[Path | None, typer.Option(help="The file for the curves: .csv, .svg or .png.")] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Compare a metric of several jobs: in a table, or in a file with every epoch.

    Example: activation-lab compare 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b --metric val_accuracy --output compare.svg
    """
    query = {"jobs": ",".join(job_ids), "metric": metric, "x": x}
    file_format = choose_curves_format(output) if output else ""
    with connect(url) as client:
        if output:
            write(client.download("/v1/compare", {**query, "format": file_format}), output, binary=True)
            say(f"wrote {output}")
            return
        answer = client.read("/v1/compare", query, holding="jobs")
        print_answer(answer, tabulate_curves, as_json=as_json)


def choose_curves_format(file: Path) -> str:
    return "csv" if file.suffix == ".csv" else choose_drawing_format(file)
