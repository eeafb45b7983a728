"""An index that counts the jobs in each state and finds those that ended lately, for /metrics."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_jobs_state_finished_at"), "jobs", ["state", "finished_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_state_finished_at"), table_name="jobs")
