"""The commands for a job's trained weights."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.arguments import LOCAL, AsJson, JobId, Url
from cli.commands.output import print_answer, write
from cli.commands.service import connect
from cli.exits import fail, say
from cli.tables.jobs import tabulate_checkpoints, tabulate_prediction

app = typer.Typer()


@app.command()
def predict(
    job_id: JobId,
    image: Annotated[Path, typer.Argument(help="28 x 28: a PNG, or JSON, CSV or plain numbers from 0 to 255.")],
    invert: Annotated[bool, typer.Option("--invert", help="The digit is dark on a light background.")] = False,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Classify a digit with a job's last checkpoint. The digit is light on a dark background, as in MNIST.

    Example: activation-lab predict 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b seven.png
    """
    from cli import images

    try:
        levels = images.read(image)
    except OSError as error:
        raise fail(f"cannot read {image}: {error.strerror}") from error
    except images.NotADigit as error:
        raise fail(error) from error
    with connect(url) as client:
        answer = client.predict(job_id, images.invert(levels) if invert else levels)
        print_answer(answer, tabulate_prediction, as_json=as_json)


@app.command("checkpoints")
def list_checkpoints(
    job_id: JobId,
    epoch: Annotated[int | None, typer.Argument(help="The epoch of the checkpoint to download.")] = None,
    file: Annotated[Path | None, typer.Argument(help="The file to write (safetensors).")] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List a job's checkpoints, or download one: weights and optimizer state.

    Example: activation-lab checkpoints 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b

    Example: activation-lab checkpoints 0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b 2 epoch-2.safetensors
    """
    if (epoch is None) != (file is None):
        raise fail("to download a checkpoint, name its epoch and a file")
    with connect(url) as client:
        path = f"{client.make_path(job_id)}/checkpoints"
        if file is not None:
            write(client.download(f"{path}/{epoch}"), file, binary=True)
            say(f"wrote {file}")
            return
        answer = client.read(path, holding="checkpoints")
        print_answer(answer, tabulate_checkpoints, as_json=as_json)
