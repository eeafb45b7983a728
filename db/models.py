"""The schema. Its constraints enforce the job protocol, so that no bug can store an invalid state."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.clock import UtcDateTime
from jobs.access import Scope
from jobs.state import TERMINAL, JobState

Json = JSON().with_variant(JSONB(), "postgresql")
NullableJson = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it once
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        float: Double(53),
        str: Text(),
    }


def get_table(model: type[Base]) -> Table:
    """Get the table of a model: statements on it skip what the ORM does for objects."""
    return cast(Table, model.__table__)


def render_in(column: str, values: Iterable[StrEnum]) -> str:
    return f"{column} IN ({', '.join(sorted(repr(value.value) for value in values))})"


SORTED_WITHOUT_NULLS = ("started_at", "finished_at", "best_val_loss", "best_val_accuracy", "epoch_seconds")
"""Columns by which jobs are listed in order, those without a value after all others."""


OWNED = text("owner <> ''")
"""A row of a service that needs no key has no owner, and costs no index."""


def make_owner_index(*columns: str) -> Index:
    return Index(None, "owner", *columns, postgresql_where=OWNED, sqlite_where=OWNED)


def make_sort_index(column: str) -> Index:
    given = text(f"{column} IS NOT NULL")
    return Index(f"ix_jobs_{column}_id", column, "id", postgresql_where=given, sqlite_where=given)


class Job(Base):
    """A training job. `attempt` is the fencing token: a claim increments it, each later write of a worker checks it."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    spec: Mapped[dict[str, Any]]
    activation: Mapped[str] = mapped_column(String(64))
    sweep_id: Mapped[str | None] = mapped_column(String(36))
    sweep_position: Mapped[int | None]
    """Its number among the jobs that the sweep was created with, from 0: their order only."""
    sweep_configuration: Mapped[int | None]
    """The number of its activation and values among those of the sweep, from 0; all seeds share it."""
    sweep_values: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    """Its own value of each of the grid's fields, by path, as the request has it; the keys have no order."""
    retry_of: Mapped[str | None] = mapped_column(String(36))
    owner: Mapped[str] = mapped_column(String(64), server_default="")
    """The owner of the API key that it came with; "" where the service needed no key."""

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    run_after: Mapped[datetime]
    hint_sent_at: Mapped[datetime | None]

    attempt: Mapped[int]
    lease_owner: Mapped[str | None] = mapped_column(String(255))
    lease_expires_at: Mapped[datetime | None]
    crashes: Mapped[int]
    crashes_without_progress: Mapped[int]
    event_seq: Mapped[int]

    epochs_total: Mapped[int]
    epochs_done: Mapped[int]
    epoch_seconds: Mapped[float | None]
    """Mean over the epochs so far."""
    epoch_progress: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    """A jobs.progress.EpochProgress of the epoch after `epochs_done`; null unless a slow one is in training."""
    best_epoch: Mapped[int | None]
    best_val_loss: Mapped[float | None]
    best_val_accuracy: Mapped[float | None]

    diagnoses: Mapped[list[dict[str, Any]] | None] = mapped_column(NullableJson)
    """The latest of each code and layer, as jobs.diagnosis records them; null before the first."""

    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None]
    test_loss: Mapped[float | None]
    test_accuracy: Mapped[float | None]
    test_binary_accuracy: Mapped[float | None]
    environment: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)

    __table_args__ = (
        CheckConstraint(render_in("state", JobState), name="state_is_known"),
        CheckConstraint(
            "(state = 'running') = (lease_owner IS NOT NULL) AND (state = 'running') = (lease_expires_at IS NOT NULL)",
            name="running_has_a_lease",
        ),
        CheckConstraint(
            f"({render_in('state', TERMINAL)}) = (finished_at IS NOT NULL)", name="terminal_has_finished_at"
        ),
        CheckConstraint("state <> 'succeeded' OR epochs_done = epochs_total", name="succeeded_has_all_epochs"),
        CheckConstraint("(state = 'failed') = (error_code IS NOT NULL)", name="failed_has_an_error"),
        CheckConstraint("epochs_done BETWEEN 0 AND epochs_total", name="epochs_within_total"),
        CheckConstraint("epochs_total >= 1 AND attempt >= 0 AND event_seq >= 1", name="counters_in_range"),
        CheckConstraint("crashes >= crashes_without_progress AND crashes_without_progress >= 0", name="crashes_add_up"),
        Index(None, "created_at", "id"),
        Index(None, "activation", "created_at"),
        Index(None, "state", "finished_at"),
        Index(None, "sweep_id"),
        make_owner_index("created_at", "id"),
        make_owner_index("state"),
        *(make_sort_index(name) for name in SORTED_WITHOUT_NULLS),
        Index(
            "ix_jobs_queue",
            "run_after",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_jobs_leases",
            "lease_expires_at",
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
    )


class Sweep(Base):
    """The request for a sweep; its progress is that of its jobs."""

    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    spec: Mapped[dict[str, Any]]
    grid_paths: Mapped[list[str]] = mapped_column(Json, server_default="[]")
    """The grid's fields in the order of the request, which stored JSON does not keep."""
    owner: Mapped[str] = mapped_column(String(64), server_default="")
    """The same as a job's."""
    created_at: Mapped[datetime]

    __table_args__ = (make_owner_index("id"),)


class CustomActivation(Base):
    """An activation that a client defined. No row is ever changed: jobs have their own copy of its formula."""

    __tablename__ = "activations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    """The same as a job's."""
    name: Mapped[str] = mapped_column(String(40))
    title: Mapped[str]
    formula: Mapped[str]
    """In canonical form."""
    parameters: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    """Their fields, in their order."""
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("name", "owner"), Index(None, "owner", "id"))


class IdempotencyKey(Base):
    """A client's key, and the job or sweep that its first request created."""

    __tablename__ = "idempotency_keys"

    holder: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The owner of the API key that it came with; "" where the service needed no key."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str | None] = mapped_column(String(64))
    """The digest of the request; null for a key older than this column."""
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    sweep_id: Mapped[str | None] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))

    __table_args__ = (
        CheckConstraint("(job_id IS NULL) <> (sweep_id IS NULL)", name="made_a_job_or_a_sweep"),
        Index(None, "job_id"),
        Index(None, "sweep_id"),
    )


class LostLease(Base):
    """An attempt whose lease expired: counted as a crash, without proof that its worker had died."""

    __tablename__ = "lost_leases"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epochs_done: Mapped[int]
    """The job's epochs when the lease was lost."""


class JobMetadata(Base):
    """The spec's metadata again, one row for each key, so that jobs can be found by it."""

    __tablename__ = "job_metadata"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(500))

    __table_args__ = (Index(None, "key", "value"),)


class Epoch(Base):
    __tablename__ = "epochs"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    loss: Mapped[float]
    accuracy: Mapped[float]
    binary_accuracy: Mapped[float]
    val_loss: Mapped[float]
    val_accuracy: Mapped[float]
    val_binary_accuracy: Mapped[float]
    learning_rate: Mapped[float]
    epoch_seconds: Mapped[float]
    images_per_second: Mapped[float]
    recorded_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("epoch >= 1", name="epoch_counts_from_one"),)


class Layer(Base):
    """Figures of one layer on the probe batch after one epoch; null where a figure has no meaning for the layer."""

    __tablename__ = "layers"

    job_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    layer: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int]
    gradient_norm: Mapped[float | None]
    update_ratio: Mapped[float | None]
    activation_mean: Mapped[float | None]
    activation_variance: Mapped[float | None]
    zero_fraction: Mapped[float | None]
    dead_fraction: Mapped[float | None]
    saturated_fraction: Mapped[float | None]
    clipped_fraction: Mapped[float | None]

    __table_args__ = (ForeignKeyConstraint(["job_id", "epoch"], ["epochs.job_id", "epochs.epoch"], ondelete="CASCADE"),)


class LearntParameter(Base):
    """The values of a learnt parameter in one layer, or in the network, after one epoch; epoch 0 is the start."""

    __tablename__ = "learnt_parameters"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    layer: Mapped[str] = mapped_column(String(32), primary_key=True)
    parameter: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int]
    mean: Mapped[float | None]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]

    __table_args__ = (CheckConstraint("epoch >= 0", name="epoch_counts_from_zero"),)


class Event(Base):
    """An event of a job's stream: `seq` counts the job's events from 1 without a gap."""

    __tablename__ = "events"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("kind IN ('diagnosis', 'end', 'epoch', 'state')", name="kind_is_known"),
        Index(
            "uq_events_one_end",
            "job_id",
            unique=True,
            postgresql_where=text("kind = 'end'"),
            sqlite_where=text("kind = 'end'"),
        ),
        Index(
            "ix_events_transitions",
            "job_id",
            "seq",
            postgresql_where=text("kind = 'state'"),
            sqlite_where=text("kind = 'state'"),
        ),
    )


class Checkpoint(Base):
    """A file of weights and optimizer state, from which the epoch after `epoch` can be trained."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    path: Mapped[str]
    """Relative to CHECKPOINTS_URL, so that the folder can be moved: <job id>/<name>."""
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    created_at: Mapped[datetime]


class Prediction(Base):
    """A request that an API process waits for, and a worker's answer to it; deleted soon after."""

    __tablename__ = "predictions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    image: Mapped[list[list[float]]] = mapped_column(Json)
    created_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    epoch: Mapped[int | None]
    """The epoch of the checkpoint used."""
    probabilities: Mapped[list[float] | None] = mapped_column(NullableJson)
    error_code: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        CheckConstraint(
            "(answered_at IS NOT NULL) = (probabilities IS NOT NULL OR error_code IS NOT NULL)",
            name="answered_has_an_answer",
        ),
    )


class Worker(Base):
    """A process that trains jobs, as it last reported."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    device: Mapped[str] = mapped_column(String(255))
    job_id: Mapped[str | None] = mapped_column(String(36))
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class ApiKey(Base):
    """An API key, of which only the digest is stored."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str] = mapped_column(String(64), server_default="")
    """Whose jobs and sweeps it works with: its own name unless it was created for another."""
    scope: Mapped[str] = mapped_column(String(16), server_default=Scope.SUBMIT)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute."""

    __table_args__ = (CheckConstraint(render_in("scope", Scope), name="scope_is_known"),)
