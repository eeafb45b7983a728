"""Jobs on their way, as their events tell it: bars on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from math import ceil
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.client import JSON
from cli.events import RESET, Event
from cli.tables import loss, percent, seconds, without_success
from jobs.text import escape_controls, shorten

ROOMY = 100  # columns; with fewer, the bar itself takes what is left
LONGEST_NAME = 40  # columns beside a bar

Show = Callable[[JSON, Event], None]
"""Takes a job and what happened to it."""


def shown(
    jobs: Sequence[JSON], console: Console, names: Mapping[str, str] | None = None
) -> AbstractContextManager[Show]:
    """The names, by id, are what tells the jobs apart; without them each is called by its activation."""
    called = {job["id"]: escape_controls(names[job["id"]] if names else job["spec"]["activation"]) for job in jobs}
    return bars(jobs, console, called) if console.is_terminal else lines(console, called)


@contextmanager
def lines(console: Console, names: Mapping[str, str]) -> Iterator[Show]:
    told_of: Event | None = None

    def show(job: JSON, event: Event) -> None:
        nonlocal told_of
        if event.kind == RESET and event is not told_of:  # once for all jobs
            told_of = event
            console.print(f"starting over: {event.data['reason']}", markup=False, highlight=False, soft_wrap=True)
        elif event.kind not in {"end", RESET}:  # the state came before the end
            print_line(console, names[job["id"]], job, event)

    yield show


def print_line(console: Console, name: str, job: JSON, event: Event) -> None:
    line = f"{name}  {escape_controls(told(job, event))}"
    console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)


@contextmanager
def bars(jobs: Sequence[JSON], console: Console, names: Mapping[str, str]) -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None if console.width < ROOMY else 40, pulse_style="bar.back"),  # a queued job stands still
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        drawn = Bars(progress, jobs, {job_id: shorten(name, LONGEST_NAME) for job_id, name in names.items()})

        def show(job: JSON, event: Event) -> None:
            if event.kind == "diagnosis":  # above the bars, to stay
                print_line(progress.console, names[job["id"]], job, event)
            else:
                drawn.move(job["id"], event)

        yield show


class Bars:
    """A bar a job, and where there are several, one for all their epochs.

    Where there are more jobs than lines, only those in training are seen.
    """

    def __init__(self, progress: Progress, jobs: Sequence[JSON], names: Mapping[str, str]) -> None:
        self.progress = progress
        self.crowded = len(jobs) + 2 > progress.console.height
        self.of_jobs = {job["id"]: self.added(names[job["id"]], job["progress"]["epochs"]) for job in jobs}
        self.pace: dict[TaskID, float] = {}
        self.ends = Counter[str]()
        self.of_all: TaskID | None = None
        if len(jobs) > 1:
            self.of_all = self.added("all", sum(job["progress"]["epochs"] for job in jobs), visible=True)

    def added(self, name: str, epochs: int, *, visible: bool | None = None) -> TaskID:
        seen = not self.crowded if visible is None else visible
        return self.progress.add_task(name, start=False, total=epochs, visible=seen, left="", note="queued")

    def move(self, job_id: str, event: Event) -> None:
        bar = self.of_jobs[job_id]
        if event.kind == RESET:
            self.start_over(bar)
            return
        move(self.progress, bar, event)
        if event.kind == "epoch":
            self.pace[bar] = event.data["epoch_seconds"]
            self.progress.update(bar, left=time_left(self.seconds_left(bar)))
        elif event.kind == "end":
            self.progress.update(bar, left="")
            self.ends[event.data["state"]] += 1
        if self.crowded and event.kind == "state":
            self.progress.update(bar, visible=event.data["state"] == "running")
        if self.of_all is not None:
            self.move_total(self.of_all)

    def start_over(self, bar: TaskID) -> None:
        """Start over: every event comes again."""
        self.pace.pop(bar, None)
        self.ends.clear()
        self.progress.reset(bar, start=False, completed=0, visible=not self.crowded, left="", note="queued")
        self.progress.tasks[bar].stop_time = None
        if self.of_all is not None:
            self.move_total(self.of_all)

    def move_total(self, total: TaskID) -> None:
        tasks = [self.progress.tasks[bar] for bar in self.of_jobs.values()]
        at_once = max(1, sum(task.started and not task.finished and task.stop_time is None for task in tasks))
        left = sum(self.seconds_left(task.id) for task in tasks if task.stop_time is None) / at_once
        if self.pace:
            self.progress.start_task(total)
        self.progress.update(
            total,
            completed=sum(task.completed for task in tasks),
            left=time_left(left),
            note=f"{self.ends.total()}/{len(tasks)} jobs ended{without_success(self.ends)}",
        )

    def seconds_left(self, bar: TaskID) -> float:
        """At its own pace, or at the others' before its first epoch."""
        task = self.progress.tasks[bar]
        pace = self.pace.get(bar) or sum(self.pace.values()) / max(1, len(self.pace))
        return ((task.total or 0) - task.completed) * pace


def time_left(seconds: float) -> str:
    return f"-{timedelta(seconds=ceil(seconds))}" if seconds else ""


def move(progress: Progress, bar: TaskID, event: Event) -> None:
    if event.kind == "epoch":
        progress.update(bar, completed=event.data["epoch"], note=figures(event.data))
    elif event.kind == "end":
        progress.stop_task(bar)
    elif event.data["state"] == "running":
        progress.start_task(bar)
        progress.update(bar, note="running")
    elif event.data["state"] != "succeeded":  # the figures of its last epoch say more
        progress.update(bar, note=escape_controls(state(event.data)))


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


def outcome_of_sweep(sweep: JSON) -> str:
    """How an ended sweep ended: `failed: 5 succeeded, 1 failed`."""
    counts = sweep["jobs"]
    ends = [f"{counts[state]} {state}" for state in ("succeeded", "failed", "cancelled") if counts[state]]
    return f"{sweep['state']}: {', '.join(ends) or 'no job is left'}"
