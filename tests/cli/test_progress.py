import io
from typing import Any

import pytest
from rich.console import Console

from cli.events import Event
from cli.progress import open_display

JOB: dict[str, Any] = {"id": "j", "spec": {"activation": "selu"}, "progress": {"epoch": 0, "epochs": 2}}
STORY: list[tuple[str, dict[str, Any]]] = [
    ("state", {"state": "queued", "reason": "accepted"}),
    ("state", {"state": "running", "reason": "claimed by worker-1"}),
    ("epoch", {"epoch": 1, "val_loss": 0.05, "val_accuracy": 0.95, "epoch_seconds": 2.5}),
    ("state", {"state": "queued", "reason": "its worker was lost"}),
    ("state", {"state": "running", "reason": "claimed by worker-2"}),
    ("diagnosis", {"epoch": 1, "message": "half of conv1 is dead"}),
    ("epoch", {"epoch": 2, "val_loss": 0.04, "val_accuracy": 0.96, "epoch_seconds": 2.25}),
    ("state", {"state": "succeeded", "reason": "all epochs done"}),
    ("end", {"state": "succeeded"}),
]


PROGRESS = {
    "epoch": 0, "epochs": 2, "fraction": 0.25, "images": 4200, "images_total": 6000, "images_per_second": 650.4,
    "eta_seconds": 18.0,
}  # fmt: skip


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100)


def told(console: Console, *, until: int | None = None) -> str:
    with open_display([JOB], console) as show:
        for number, (kind, data) in enumerate(STORY[:until], 1):
            show(JOB, Event(str(number), kind, data))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_elsewhere_every_event_but_the_end_is_a_plain_line():
    lines = told(Console(file=io.StringIO(), width=20)).splitlines()
    assert lines == [
        "selu  queued: accepted",
        "selu  running: claimed by worker-1",
        "selu  epoch 1/2  val loss 0.05000  val accuracy 95.00 %  2.5 s",
        "selu  queued: its worker was lost",
        "selu  running: claimed by worker-2",
        "selu  diagnosis after epoch 1: half of conv1 is dead",
        "selu  epoch 2/2  val loss 0.04000  val accuracy 96.00 %  2.2 s",
        "selu  succeeded: all epochs done",
    ]


@pytest.mark.parametrize(
    ("until", "epochs", "note"),
    [
        (1, "0/2", "queued: accepted"),
        (3, "1/2", "val loss 0.05000  val accuracy 95.00 %  2.5 s"),
        (4, "1/2", "queued: its worker was lost"),
        (5, "1/2", "running"),
        (6, "1/2", "running"),
        (7, "2/2", "val loss 0.04000  val accuracy 96.00 %  2.2 s  testing"),
        (None, "2/2", "val loss 0.04000  val accuracy 96.00 %  2.2 s"),
    ],
)
def test_on_a_terminal_a_bar_stands_where_its_job_does(terminal: Console, until: int | None, epochs: str, note: str):
    last = [line for line in told(terminal, until=until).splitlines() if "selu" in line][-1]
    assert epochs in last
    assert last.rstrip().endswith(note)


def test_on_a_terminal_a_diagnosis_stays_above_the_bars(terminal: Console):
    assert "selu  diagnosis after epoch 1: half of conv1 is dead\n" in told(terminal)


RESET = Event("0", "reset", {"reason": "there is no event 9 of this job, the last is 1"})


def test_elsewhere_a_reset_is_told_once_for_all_jobs():
    console = Console(file=io.StringIO(), width=20)
    jobs = [{**JOB, "id": name} for name in ("relu", "gelu")]
    with open_display(jobs, console) as show:
        for job in jobs:
            show(job, RESET)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "starting over: there is no event 9 of this job, the last is 1\n"


def test_on_a_terminal_a_reset_throws_away_what_was_drawn(terminal: Console):
    jobs = [{**JOB, "id": name, "spec": {"activation": name}} for name in ("relu", "gelu")]
    with open_display(jobs, terminal) as show:
        for kind, data in STORY:
            show(jobs[0], Event("1", kind, data))
        for job in jobs:
            show(job, RESET)
        show(jobs[0], Event("1", *STORY[0]))
    assert isinstance(terminal.file, io.StringIO)
    lines = terminal.file.getvalue().splitlines()
    relu, total = ([line for line in lines if name in line][-1] for name in ("relu", "all"))
    assert "0/2" in relu
    assert relu.rstrip().endswith("queued: accepted")
    assert "0/4" in total
    assert total.rstrip().endswith("0/2 jobs ended")


def two_jobs(console: Console, *story: tuple[str, str, dict[str, Any]]) -> str:
    jobs = [{**JOB, "id": name, "spec": {"activation": name}} for name in ("relu", "gelu")]
    with open_display(jobs, console) as show:
        for number, (name, kind, data) in enumerate(story):
            show(next(job for job in jobs if job["id"] == name), Event(str(number), kind, data))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_several_jobs_have_a_total_of_their_epochs_with_the_time_that_is_left(terminal: Console):
    epoch = {"epoch": 1, "val_loss": 0.05, "val_accuracy": 0.95, "epoch_seconds": 10.0}
    lines = two_jobs(terminal, ("relu", *STORY[1]), ("relu", "epoch", epoch)).splitlines()
    relu, gelu, total = ([line for line in lines if name in line][-1] for name in ("relu", "gelu", "all"))
    assert "1/2" in relu
    assert "-0:00:10" in relu
    assert "0/2" in gelu
    assert "1/4" in total
    assert "-0:00:30" in total
    assert total.rstrip().endswith("0/2 jobs ended")


def test_elsewhere_progress_within_an_epoch_is_not_told():
    plain = Console(file=io.StringIO(), width=100)
    assert two_jobs(plain, ("relu", *STORY[1]), ("relu", "progress", PROGRESS)).count("\n") == 1


def test_on_a_terminal_a_bar_moves_within_an_epoch(terminal: Console):
    lines = two_jobs(terminal, ("relu", *STORY[1]), ("relu", "progress", PROGRESS)).splitlines()
    relu, total = ([line for line in lines if name in line][-1] for name in ("relu", "all"))
    assert relu.rstrip().endswith("4,200/6,000 images  650 images/s")
    assert "0/2" in relu
    assert relu.count("━") == 10, "a quarter of its 40 columns"
    assert "-0:00:18" in relu
    assert "-0:00:42" in total, "the other job at the same pace: 1.5 and 2 epochs of 12 s"


def test_a_bar_that_moves_keeps_the_accuracy_of_the_last_epoch(terminal: Console):
    within = {**PROGRESS, "epoch": 1, "fraction": 0.75, "eta_seconds": 1.25}
    lines = two_jobs(terminal, ("relu", *STORY[1]), ("relu", *STORY[2]), ("relu", "progress", within)).splitlines()
    relu = [line for line in lines if "relu" in line][-1]
    assert "1/2" in relu
    assert relu.rstrip().endswith("val accuracy 95.00 %  650 images/s")


def test_a_job_that_goes_back_to_the_queue_loses_the_epoch_in_training(terminal: Console):
    lines = two_jobs(terminal, ("relu", *STORY[1]), ("relu", "progress", PROGRESS), ("relu", *STORY[3])).splitlines()
    relu = [line for line in lines if "relu" in line][-1]
    assert relu.count("━") == 0


def test_the_total_tells_how_jobs_ended(terminal: Console):
    ends = [("relu", "end", {"state": "cancelled"}), ("gelu", "end", {"state": "succeeded"})]
    total = [line for line in two_jobs(terminal, *ends).splitlines() if "all" in line][-1]
    assert total.rstrip().endswith("2/2 jobs ended (1 cancelled)")


def test_where_the_jobs_outnumber_the_lines_only_those_in_training_have_a_bar():
    low = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100, height=3)
    shown_lines = two_jobs(low, ("relu", *STORY[1])).splitlines()
    assert not [line for line in shown_lines if "gelu" in line]
    assert [line for line in shown_lines if "relu" in line]
    assert [line for line in shown_lines if "all" in line]
