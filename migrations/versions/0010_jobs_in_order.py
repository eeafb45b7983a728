"""Indexes that list jobs in the order of their times and metrics, so that a page does not sort all jobs there are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = ("started_at", "finished_at", "best_val_loss", "best_val_accuracy", "epoch_seconds")


def upgrade() -> None:
    for column in COLUMNS:
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_jobs_{column}_id", "jobs", [column, "id"], postgresql_where=given, sqlite_where=given)


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(f"ix_jobs_{column}_id", table_name="jobs")
