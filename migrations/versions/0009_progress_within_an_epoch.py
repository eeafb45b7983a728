"""The progress of the epoch in training, so that a client sees a slow epoch move.

One column of JSON, because its figures are written, read and forgotten together, by the statement that renews a lease.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
    op.add_column("jobs", sa.Column("epoch_progress", json, nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "epoch_progress")
