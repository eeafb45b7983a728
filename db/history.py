"""A job's history: its epochs and its layers."""

import math
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from db import jobs
from db.models import Epoch, Layer
from jobs.diagnosis import VANISHING_EPOCHS, History, Losses
from jobs.metrics import ALWAYS_MEASURED, LayerMetrics
from jobs.spec import JobSpec


def read_epochs(session: Session, job_id: str, *, after_epoch: int = 0) -> Sequence[Epoch]:
    """Read the epochs, oldest first. Raises JobNotFound."""
    jobs.find(session, job_id)
    return session.scalars(
        select(Epoch).where(Epoch.job_id == job_id, Epoch.epoch > after_epoch).order_by(Epoch.epoch)
    ).all()


def read_metric(session: Session, job_id: str, metric: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Read the number, the seconds and the metric of every epoch, oldest first."""
    return session.execute(
        select(Epoch.epoch, Epoch.epoch_seconds, getattr(Epoch, metric))
        .where(Epoch.job_id == job_id)
        .order_by(Epoch.epoch)
    ).all()


def read_layers(session: Session, job_id: str, *, epoch: int | None = None, after_epoch: int = 0) -> Sequence[Layer]:
    """Read layer metrics by epoch, from the input to the output. Raises JobNotFound."""
    jobs.find(session, job_id)
    of_epoch = Layer.epoch > after_epoch if epoch is None else Layer.epoch == epoch
    return session.scalars(
        select(Layer).where(Layer.job_id == job_id, of_epoch).order_by(Layer.epoch, Layer.position)
    ).all()


def read_for_diagnosis(session: Session, job_id: str, spec: JobSpec) -> History:
    """Read the figures that the rules of jobs.diagnosis need."""
    epochs = session.execute(
        select(Epoch.loss, Epoch.val_loss, Epoch.val_accuracy).where(Epoch.job_id == job_id).order_by(Epoch.epoch)
    )
    losses = [Losses(*row) for row in epochs]
    rows = session.execute(
        select(*(getattr(Layer, field.name) for field in fields(LayerMetrics)))
        .where(Layer.job_id == job_id, Layer.epoch > len(losses) - VANISHING_EPOCHS)
        .order_by(Layer.epoch, Layer.position)
    )
    by_epoch = groupby(map(to_layer_metrics, rows), key=attrgetter("epoch"))
    return History(spec, losses, [list(layers) for _, layers in by_epoch])


def to_layer_metrics(row: Row[Any] | Layer) -> LayerMetrics:
    """Restore NaN, which SQLite stores as NULL: a figure that always has a value was NaN where it is NULL."""
    figures = {field.name: getattr(row, field.name) for field in fields(LayerMetrics)}
    return LayerMetrics(**{**figures, **{name: math.nan for name in ALWAYS_MEASURED if figures[name] is None}})
