"""A job's history: its epochs, its layers and its learnt parameters."""

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from db import jobs
from db.models import Epoch, Layer, LearntParameter, get_table
from jobs.diagnosis import VANISHING_EPOCHS, History, Losses
from jobs.metrics import ALWAYS_MEASURED, EPOCH_FIGURES, LAYER_FIGURES, PARAMETER_FIGURES, LayerMetrics
from jobs.spec import JobSpec

FigureRow = Row[*tuple[Any, ...]]
"""A row with its figures by name, and in the order of their table in jobs.metrics."""

EPOCHS, LAYERS, PARAMETERS = get_table(Epoch), get_table(Layer), get_table(LearntParameter)
SELECT_EPOCHS = (
    select(*(EPOCHS.c[name] for name in EPOCH_FIGURES))
    .where(EPOCHS.c.job_id == bindparam("job_id"), EPOCHS.c.epoch > bindparam("after_epoch"))
    .order_by(EPOCHS.c.epoch)
)
SELECT_LAYERS = select(*(LAYERS.c[name] for name in LAYER_FIGURES)).order_by(LAYERS.c.epoch, LAYERS.c.position)
SELECT_PARAMETERS = select(*(PARAMETERS.c[name] for name in PARAMETER_FIGURES)).order_by(
    PARAMETERS.c.epoch, PARAMETERS.c.position
)


def read_epochs(session: Session, job_id: str, *, after_epoch: int = 0) -> Sequence[FigureRow]:
    """Read the EPOCH_FIGURES of each epoch, oldest first. Raises JobNotFound."""
    rows = session.execute(SELECT_EPOCHS, {"job_id": job_id, "after_epoch": after_epoch}).all()
    return rows or refuse_unknown(session, job_id)


def refuse_unknown(session: Session, job_id: str) -> Sequence[FigureRow]:
    """Tell a job without such rows from one that there is not. Raises JobNotFound."""
    jobs.find(session, job_id)
    return []


def read_metric(session: Session, job_id: str, metric: str) -> Sequence[FigureRow]:
    """Read the number, the seconds and the metric of every epoch, oldest first."""
    return session.execute(
        select(Epoch.epoch, Epoch.epoch_seconds, getattr(Epoch, metric))
        .where(Epoch.job_id == job_id)
        .order_by(Epoch.epoch)
    ).all()


def read_layers(
    session: Session, job_id: str, *, epoch: int | None = None, after_epoch: int = 0
) -> Sequence[FigureRow]:
    """Read the LAYER_FIGURES by epoch, from the input to the output. Raises JobNotFound."""
    of_epoch = LAYERS.c.epoch > after_epoch if epoch is None else LAYERS.c.epoch == epoch
    rows = session.execute(SELECT_LAYERS.where(LAYERS.c.job_id == job_id, of_epoch)).all()
    return rows or refuse_unknown(session, job_id)


def read_parameters(
    session: Session, job_id: str, *, epoch: int | None = None, after_epoch: int | None = None
) -> Sequence[FigureRow]:
    """Read the PARAMETER_FIGURES by epoch from 0, from the input to the output; none where nothing is learnt.

    Raises:
        JobNotFound: there is no such job.
    """
    conditions = [PARAMETERS.c.job_id == job_id]
    if epoch is not None:
        conditions.append(PARAMETERS.c.epoch == epoch)
    elif after_epoch is not None:
        conditions.append(PARAMETERS.c.epoch > after_epoch)
    rows = session.execute(SELECT_PARAMETERS.where(*conditions)).all()
    return rows or refuse_unknown(session, job_id)


SELECT_LOSSES = (
    select(*(EPOCHS.c[name] for name in Losses._fields))
    .where(EPOCHS.c.job_id == bindparam("job_id"), EPOCHS.c.epoch >= bindparam("first_epoch"))
    .order_by(EPOCHS.c.epoch)
)
SELECT_LAST_LAYERS = SELECT_LAYERS.where(
    LAYERS.c.job_id == bindparam("job_id"), LAYERS.c.epoch > bindparam("after_epoch")
)


def read_for_diagnosis(session: Session, job_id: str, spec: JobSpec, *, first_epoch: int = 1) -> History:
    """Read the figures that the rules of jobs.diagnosis need, from the first epoch or from the best."""
    rows = session.execute(SELECT_LOSSES, {"job_id": job_id, "first_epoch": first_epoch}).all()
    losses = [Losses(*row) for row in rows]
    after_epoch = first_epoch + len(losses) - 1 - VANISHING_EPOCHS
    layers = session.execute(SELECT_LAST_LAYERS, {"job_id": job_id, "after_epoch": after_epoch}).all()
    by_epoch = groupby(map(to_layer_metrics, layers), key=attrgetter("epoch"))
    return History(spec, losses, [list(layers) for _, layers in by_epoch], first_epoch)


def to_layer_metrics(row: FigureRow) -> LayerMetrics:
    """Restore NaN, which SQLite stores as NULL: a figure that always has a value was NaN where it is NULL."""
    figures = dict(zip(LAYER_FIGURES, row, strict=True))
    lost = {name: math.nan for name in ALWAYS_MEASURED & LAYER_FIGURES.keys() if figures[name] is None}
    return LayerMetrics(**{**figures, **lost})
