"""Display the progress of jobs from their events: bars on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from math import ceil
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.client import JSON
from cli.events import PROGRESS, RESET, Event
from cli.tables.figures import format_loss, format_percent, format_seconds
from cli.tables.sweeps import format_unsuccessful
from jobs.text import escape_controls, shorten

WIDE = 100  # columns; with fewer, the bar takes the rest of the line
TESTING = "  testing"  # after the last epoch
MAX_NAME_WIDTH = 40  # columns beside a bar

Show = Callable[[JSON, Event], None]
"""Displays an event of a job."""


def show_sweep(events: Iterable[Event], jobs: Mapping[str, JSON], show: Show) -> None:
    """Display the events of a sweep's jobs, by their ids."""
    for event in events:
        if event.kind == RESET:  # it is about all jobs
            for every in jobs.values():
                show(every, event)
        elif job := jobs.get(event.data.get("job_id", "")):  # `sweep_end` has no job, and a job may be deleted
            show(job, event)


def open_display(
    jobs: Sequence[JSON], console: Console, names: Mapping[str, str] | None = None
) -> AbstractContextManager[Show]:
    """The names, by job id, tell the jobs apart; without them a job is named by its activation."""
    visible_names = {
        job["id"]: escape_controls(names[job["id"]] if names else job["spec"]["activation"]) for job in jobs
    }
    return show_bars(jobs, console, visible_names) if console.is_terminal else print_lines(console, visible_names)


@contextmanager
def print_lines(console: Console, names: Mapping[str, str]) -> Iterator[Show]:
    last_reset: Event | None = None

    def show(job: JSON, event: Event) -> None:
        nonlocal last_reset
        if event.kind == RESET and event is not last_reset:  # which is one event for all jobs
            last_reset = event
            console.print(f"starting over: {event.data['reason']}", markup=False, highlight=False, soft_wrap=True)
        elif event.kind not in {"end", PROGRESS, RESET}:  # the last state says the same as the end
            print_line(console, names[job["id"]], job, event)

    yield show


def print_line(console: Console, name: str, job: JSON, event: Event) -> None:
    line = f"{name}  {escape_controls(describe_event(job, event))}"
    console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)


@contextmanager
def show_bars(jobs: Sequence[JSON], console: Console, names: Mapping[str, str]) -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None if console.width < WIDE else 40, pulse_style="bar.back"),  # no animation
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        displayed = Bars(progress, jobs, {job_id: shorten(name, MAX_NAME_WIDTH) for job_id, name in names.items()})

        def show(job: JSON, event: Event) -> None:
            if event.kind == "diagnosis":  # a line above the bars
                print_line(progress.console, names[job["id"]], job, event)
            else:
                displayed.move(job["id"], event)

        yield show


class Bars:
    """A bar a job, and with several jobs a bar for all their epochs.

    With more jobs than lines on the terminal, only running jobs have a bar.
    """

    def __init__(self, progress: Progress, jobs: Sequence[JSON], names: Mapping[str, str]) -> None:
        self.progress = progress
        self.crowded = len(jobs) + 2 > progress.console.height
        self.of_jobs = {job["id"]: self.add(names[job["id"]], job["progress"]["epochs"]) for job in jobs}
        self.pace: dict[TaskID, float] = {}
        self.accuracies: dict[TaskID, str] = {}
        self.ends = Counter[str]()
        self.of_all: TaskID | None = None
        if len(jobs) > 1:
            self.of_all = self.add("all", sum(job["progress"]["epochs"] for job in jobs), visible=True)

    def add(self, name: str, epochs: int, *, visible: bool | None = None) -> TaskID:
        visible = not self.crowded if visible is None else visible
        return self.progress.add_task(name, start=False, total=epochs, visible=visible, left="", note="queued")

    def move(self, job_id: str, event: Event) -> None:
        bar = self.of_jobs[job_id]
        if event.kind == RESET:
            self.start_over(bar)
            return
        if event.kind == PROGRESS:
            self.move_within_epoch(bar, event.data)
        else:
            update_bar(self.progress, bar, event)
        if event.kind == "epoch":
            self.pace[bar] = event.data["epoch_seconds"]
            self.accuracies[bar] = f"val accuracy {format_percent(event.data['val_accuracy'])}"
        if event.kind in {"epoch", PROGRESS}:
            self.progress.update(bar, left=format_time_left(self.estimate_seconds_left(bar)))
        elif event.kind == "end":
            self.progress.update(bar, left="")
            self.ends[event.data["state"]] += 1
        if self.crowded and event.kind == "state":
            self.progress.update(bar, visible=event.data["state"] == "running")
        if self.of_all is not None:
            self.update_total(self.of_all)

    def move_within_epoch(self, bar: TaskID, progress: Mapping[str, Any]) -> None:
        epochs_done = max(progress["epoch"], progress["fraction"] * progress["epochs"])
        if progress["eta_seconds"]:
            self.pace[bar] = progress["eta_seconds"] / (progress["epochs"] - epochs_done)
        images = f"{progress['images']:,}/{progress['images_total']:,} images"
        note = f"{self.accuracies.get(bar, images)}  {progress['images_per_second']:,.0f} images/s"
        self.progress.update(bar, completed=epochs_done, note=note)

    def start_over(self, bar: TaskID) -> None:
        """Forget the events of the bar: all of them come again."""
        self.pace.pop(bar, None)
        self.accuracies.pop(bar, None)
        self.ends.clear()
        self.progress.reset(bar, start=False, completed=0, visible=not self.crowded, left="", note="queued")
        self.progress.tasks[bar].stop_time = None
        if self.of_all is not None:
            self.update_total(self.of_all)

    def update_total(self, total: TaskID) -> None:
        tasks = [self.progress.tasks[bar] for bar in self.of_jobs.values()]
        at_once = max(1, sum(task.started and not task.finished and task.stop_time is None for task in tasks))
        left = sum(self.estimate_seconds_left(task.id) for task in tasks if task.stop_time is None) / at_once
        if self.pace:
            self.progress.start_task(total)
        self.progress.update(
            total,
            completed=sum(task.completed for task in tasks),
            left=format_time_left(left),
            note=f"{self.ends.total()}/{len(tasks)} jobs ended{format_unsuccessful(self.ends)}",
        )

    def estimate_seconds_left(self, bar: TaskID) -> float:
        """Estimate from the job's own seconds an epoch, or before its first epoch from the other jobs'."""
        task = self.progress.tasks[bar]
        pace = self.pace.get(bar) or sum(self.pace.values()) / max(1, len(self.pace))
        return ((task.total or 0) - task.completed) * pace


def format_time_left(seconds: float) -> str:
    return f"-{timedelta(seconds=ceil(seconds))}" if seconds else ""


def update_bar(progress: Progress, bar: TaskID, event: Event) -> None:
    task = progress.tasks[bar]
    if event.kind == "epoch":
        testing = TESTING if event.data["epoch"] == task.total else ""
        progress.update(bar, completed=event.data["epoch"], note=format_figures(event.data) + testing)
    elif event.kind == "end":
        progress.stop_task(bar)
    elif event.data["state"] == "running":
        progress.start_task(bar)
        progress.update(bar, note="running")
    elif event.data["state"] == "succeeded":  # the figures of the last epoch stay
        progress.update(bar, note=task.fields["note"].removesuffix(TESTING))
    else:
        recorded = int(task.completed)  # of the epoch in training nothing is kept
        progress.update(bar, completed=recorded, note=escape_controls(format_state(event.data)))


def describe_event(job: JSON, event: Event) -> str:
    if event.kind == "epoch":
        return f"epoch {event.data['epoch']}/{job['progress']['epochs']}  {format_figures(event.data)}"
    return format_diagnosis(event.data) if event.kind == "diagnosis" else format_state(event.data)


def format_figures(epoch: Mapping[str, Any]) -> str:
    accuracy, seconds = format_percent(epoch["val_accuracy"]), format_seconds(epoch["epoch_seconds"])
    return f"val loss {format_loss(epoch['val_loss'])}  val accuracy {accuracy}  {seconds}"


def format_state(data: Mapping[str, Any]) -> str:
    return f"{data['state']}: {data['reason']}"


def format_diagnosis(data: Mapping[str, Any]) -> str:
    return f"diagnosis after epoch {data['epoch']}: {data['message']}"


def describe_job_end(job: JSON) -> str:
    """The state of an ended job, with its error, its reason or its figures."""
    if job["error"]:
        return f"{job['state']}: {job['error']['message']} ({job['error']['code']})"
    if job["state"] != "succeeded":
        return f"{job['state']}: {job['transitions'][-1]['reason']}"
    best, accuracy = job["best"], format_percent(job["test"]["accuracy"])
    loss = format_loss(best["val_loss"])
    return f"succeeded: best val loss {loss} in epoch {best['epoch']}, test accuracy {accuracy}"


def describe_sweep_end(sweep: JSON) -> str:
    """The state of an ended sweep, with its jobs by state: `failed: 5 succeeded, 1 failed`."""
    counts = sweep["jobs"]
    ends = [f"{counts[state]} {state}" for state in ("succeeded", "failed", "cancelled") if counts[state]]
    return f"{sweep['state']}: {', '.join(ends) or 'no job is left'}"
