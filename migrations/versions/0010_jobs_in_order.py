"""Indexes that list jobs in the order of their times and metrics, and find their transitions.

So that a page neither sorts all jobs there are nor reads all events of those that it shows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = ("started_at", "finished_at", "best_val_loss", "best_val_accuracy", "epoch_seconds")

TRANSITION = sa.text("kind = 'state'")


def upgrade() -> None:
    for column in COLUMNS:
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_jobs_{column}_id", "jobs", [column, "id"], postgresql_where=given, sqlite_where=given)
    columns = ["job_id", "seq"]
    op.create_index("ix_events_transitions", "events", columns, postgresql_where=TRANSITION, sqlite_where=TRANSITION)


def downgrade() -> None:
    op.drop_index("ix_events_transitions", table_name="events")
    for column in COLUMNS:
        op.drop_index(f"ix_jobs_{column}_id", table_name="jobs")
