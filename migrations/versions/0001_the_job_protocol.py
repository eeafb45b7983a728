"""The job protocol: jobs with their lease and fencing token, epochs, layers, events, checkpoints, workers, keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
RUNNING = sa.text("state = 'running'")
QUEUED = sa.text("state = 'queued'")
END = sa.text("kind = 'end'")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("activation", sa.String(length=64), nullable=False),
        sa.Column("sweep_id", sa.String(length=36), nullable=True),
        sa.Column("retry_of", sa.String(length=36), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hint_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("crashes_without_progress", sa.Integer(), nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("epochs_total", sa.Integer(), nullable=False),
        sa.Column("epochs_done", sa.Integer(), nullable=False),
        sa.Column("epoch_seconds", sa.Double(53), nullable=True),
        sa.Column("best_epoch", sa.Integer(), nullable=True),
        sa.Column("best_val_loss", sa.Double(53), nullable=True),
        sa.Column("best_val_accuracy", sa.Double(53), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("test_loss", sa.Double(53), nullable=True),
        sa.Column("test_accuracy", sa.Double(53), nullable=True),
        sa.Column("test_binary_accuracy", sa.Double(53), nullable=True),
        sa.Column("environment", JSON, nullable=True),
        sa.CheckConstraint("(state = 'failed') = (error_code IS NOT NULL)", name=op.f("ck_jobs_failed_has_an_error")),
        sa.CheckConstraint(
            "(state = 'running') = (lease_owner IS NOT NULL) AND (state = 'running') = (lease_expires_at IS NOT NULL)",
            name=op.f("ck_jobs_running_has_a_lease"),
        ),
        sa.CheckConstraint(
            "(state IN ('cancelled', 'failed', 'succeeded')) = (finished_at IS NOT NULL)",
            name=op.f("ck_jobs_terminal_has_finished_at"),
        ),
        sa.CheckConstraint(
            "state <> 'succeeded' OR epochs_done = epochs_total", name=op.f("ck_jobs_succeeded_has_all_epochs")
        ),
        sa.CheckConstraint(
            "state IN ('cancelled', 'failed', 'queued', 'running', 'succeeded')", name=op.f("ck_jobs_state_is_known")
        ),
        sa.CheckConstraint(
            "crashes >= crashes_without_progress AND crashes_without_progress >= 0", name=op.f("ck_jobs_crashes_add_up")
        ),
        sa.CheckConstraint("epochs_done BETWEEN 0 AND epochs_total", name=op.f("ck_jobs_epochs_within_total")),
        sa.CheckConstraint(
            "epochs_total >= 1 AND attempt >= 0 AND event_seq >= 1", name=op.f("ck_jobs_counters_in_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_jobs_idempotency_key")),
    )
    op.create_index(op.f("ix_jobs_activation_created_at"), "jobs", ["activation", "created_at"])
    op.create_index(op.f("ix_jobs_created_at_id"), "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_leases", "jobs", ["lease_expires_at"], postgresql_where=RUNNING, sqlite_where=RUNNING)
    op.create_index("ix_jobs_queue", "jobs", ["run_after", "id"], postgresql_where=QUEUED, sqlite_where=QUEUED)
    op.create_index(op.f("ix_jobs_sweep_id"), "jobs", ["sweep_id"])

    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_checkpoints_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "epoch", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "epochs",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Double(53), nullable=False),
        sa.Column("accuracy", sa.Double(53), nullable=False),
        sa.Column("binary_accuracy", sa.Double(53), nullable=False),
        sa.Column("val_loss", sa.Double(53), nullable=False),
        sa.Column("val_accuracy", sa.Double(53), nullable=False),
        sa.Column("val_binary_accuracy", sa.Double(53), nullable=False),
        sa.Column("learning_rate", sa.Double(53), nullable=False),
        sa.Column("epoch_seconds", sa.Double(53), nullable=False),
        sa.Column("images_per_second", sa.Double(53), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_epochs_epoch_counts_from_one")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_epochs_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "epoch", name=op.f("pk_epochs")),
    )
    op.create_table(
        "events",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('diagnosis', 'end', 'epoch', 'state')", name=op.f("ck_events_kind_is_known")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_events_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_events")),
    )
    op.create_index("uq_events_one_end", "events", ["job_id"], unique=True, postgresql_where=END, sqlite_where=END)

    op.create_table(
        "job_metadata",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_metadata_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "key", name=op.f("pk_job_metadata")),
    )
    op.create_index(op.f("ix_job_metadata_key_value"), "job_metadata", ["key", "value"])

    op.create_table(
        "layers",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("gradient_norm", sa.Double(53), nullable=True),
        sa.Column("update_ratio", sa.Double(53), nullable=True),
        sa.Column("activation_mean", sa.Double(53), nullable=True),
        sa.Column("activation_variance", sa.Double(53), nullable=True),
        sa.Column("zero_fraction", sa.Double(53), nullable=True),
        sa.Column("dead_fraction", sa.Double(53), nullable=True),
        sa.Column("saturated_fraction", sa.Double(53), nullable=True),
        sa.Column("clipped_fraction", sa.Double(53), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id", "epoch"],
            ["epochs.job_id", "epochs.epoch"],
            name=op.f("fk_layers_job_id_epoch_epochs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "epoch", "layer", name=op.f("pk_layers")),
    )


def downgrade() -> None:
    for table in ("layers", "job_metadata", "events", "epochs", "checkpoints", "workers", "jobs", "api_keys"):
        op.drop_table(table)
