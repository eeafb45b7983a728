"""Jobs on their way, as their events tell it: bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from stack.client import JSON
from stack.events import Event
from stack.tables import loss, percent, seconds

Show = Callable[[JSON, Event], None]
"""Takes a job and what happened to it."""


def shown(jobs: Sequence[JSON], console: Console) -> AbstractContextManager[Show]:
    return bars(jobs, console) if console.is_terminal else lines(console)


@contextmanager
def lines(console: Console) -> Iterator[Show]:
    def show(job: JSON, event: Event) -> None:
        if event.kind != "end":  # its state came before
            print_line(console, job, event)

    yield show


def print_line(console: Console, job: JSON, event: Event) -> None:
    text = f"{job['spec']['activation']}  {told(job, event)}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bars(jobs: Sequence[JSON], console: Console) -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(pulse_style="bar.back"),  # a queued job does not move
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        bars = {job["id"]: add(progress, job) for job in jobs}

        def show(job: JSON, event: Event) -> None:
            if event.kind == "diagnosis":  # above the bars, to stay
                print_line(progress.console, job, event)
            else:
                move(progress, bars[job["id"]], event)

        yield show


def add(progress: Progress, job: JSON) -> TaskID:
    return progress.add_task(job["spec"]["activation"], start=False, total=job["progress"]["epochs"], note="queued")


def move(progress: Progress, bar: TaskID, event: Event) -> None:
    if event.kind == "epoch":
        progress.update(bar, completed=event.data["epoch"], note=figures(event.data))
    elif event.kind == "end":
        progress.stop_task(bar)
    elif event.data["state"] == "running":
        progress.start_task(bar)
        progress.update(bar, note="running")
    elif event.data["state"] != "succeeded":  # the figures of its last epoch say more
        progress.update(bar, note=state(event.data))


def told(job: JSON, event: Event) -> str:
    if event.kind == "epoch":
        return f"epoch {event.data['epoch']}/{job['progress']['epochs']}  {figures(event.data)}"
    return diagnosis(event.data) if event.kind == "diagnosis" else state(event.data)


def figures(epoch: Mapping[str, Any]) -> str:
    accuracy, took = percent(epoch["val_accuracy"]), seconds(epoch["epoch_seconds"])
    return f"val loss {loss(epoch['val_loss'])}  val accuracy {accuracy}  {took}"


def state(data: Mapping[str, Any]) -> str:
    return f"{data['state']}: {data['reason']}"


def diagnosis(data: Mapping[str, Any]) -> str:
    return f"diagnosis after epoch {data['epoch']}: {data['message']}"


def outcome(job: JSON) -> str:
    """How an ended job ended."""
    if job["error"]:
        return f"{job['state']}: {job['error']['message']} ({job['error']['code']})"
    if job["state"] != "succeeded":
        return f"{job['state']}: {job['transitions'][-1]['reason']}"
    best, accuracy = job["best"], percent(job["test"]["accuracy"])
    return f"succeeded: best val loss {loss(best['val_loss'])} in epoch {best['epoch']}, test accuracy {accuracy}"
