"""Invariants of every job that has ended, whatever happened to its workers, its broker and its database."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from db import history, jobs
from db.models import Event
from db.session import Sessions
from jobs.diagnosis import VANISHING_EPOCHS, Record, update_records
from jobs.metrics import EPOCH_FIGURES
from jobs.spec import JobSpec
from jobs.state import JobState
from tests.support.figures import NOT_REPEATABLE

History = list[dict[str, Any]]


def read_history(sessions: Sessions, job_id: str) -> History:
    """Each epoch's figures and learnt parameters, without what names an attempt or measures time."""
    with sessions.read() as session:
        rows = history.read_epochs(session, job_id)
        learnt = history.read_parameters(session, job_id)
    figures = [name for name in EPOCH_FIGURES if name not in NOT_REPEATABLE]
    return [
        {name: getattr(row, name) for name in figures}
        | {"parameters": [tuple(values) for values in learnt if values.epoch == row.epoch]}
        for row in rows
    ]


def retold(sessions: Sessions, job_id: str) -> tuple[list[Record], list[Record]]:
    """The diagnoses to be told on the way, and those to be known at the end, by the rules alone."""
    with sessions.read() as session:
        whole = history.read_for_diagnosis(session, job_id, JobSpec.model_validate(jobs.find(session, job_id).spec))
        rows = [history.read_layers(session, job_id, epoch=epoch) for epoch in range(1, whole.epoch + 1)]
    layers = [list(map(history.to_layer_metrics, measured)) for measured in rows]
    told: list[Record] = []
    known: list[Record] = []
    for epoch in range(1, whole.epoch + 1):
        seen = replace(whole, epochs=whole.epochs[:epoch], layers=layers[max(0, epoch - VANISHING_EPOCHS) : epoch])
        known, new = update_records(known, seen)
        told += new
    return told, known


def violations(
    sessions: Sessions, job_id: str, reference: History, *, ends: Sequence[JobState] = (JobState.SUCCEEDED,)
) -> list[str]:
    """The promises that were not kept; `reference` is the history of the same spec, trained without any fault."""
    with sessions.read() as session:
        job = jobs.find(session, job_id)
        epochs = history.read_epochs(session, job_id)
        learnt = {row.epoch for row in history.read_parameters(session, job_id)}
        events = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.seq)).all()
    recorded = read_history(sessions, job_id)
    diagnoses = [event.data for event in events if event.kind == "diagnosis"], job.diagnoses or []
    learns = job.spec["trainable"] is not None and job.environment is not None
    told = [event.data["epoch"] for event in events if event.kind == "epoch"]
    promises = {
        "it ends as it should": job.state in ends,
        "it has one end": [event.kind for event in events].count("end") == 1,
        "its end is its last event": events[-1].kind == "end",
        "its events have no gap": [event.seq for event in events] == list(range(1, job.event_seq + 1)),
        "its epochs are there once each": [row.epoch for row in epochs] == list(range(1, job.epochs_done + 1)),
        "each epoch was told once": told == list(range(1, job.epochs_done + 1)),
        "it succeeds with all its epochs": job.state != JobState.SUCCEEDED or job.epochs_done == job.epochs_total,
        "the attempt never falls": all(before.attempt <= after.attempt for before, after in pairwise(epochs)),
        "its diagnoses are what its figures say, each told once": diagnoses == retold(sessions, job_id),
        "it has its learnt parameters of the start and of every epoch": learnt
        == {*range(job.epochs_done + 1 if learns else 0)},
        "it has no lease": job.lease_owner is None and job.lease_expires_at is None,
        "its history is the reference's, bit for bit": recorded == reference[: len(recorded)],
    }
    return [promise for promise, kept in promises.items() if not kept]
