"""What is known of each job's ailments, on its row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("diagnoses", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "diagnoses")
