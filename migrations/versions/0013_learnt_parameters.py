"""The values of learnt parameters by epoch, layer and parameter.

They belong to the job and not to its epochs, because they have an epoch 0: the start.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learnt_parameters",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.String(length=32), nullable=False),
        sa.Column("parameter", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("mean", sa.Double(precision=53), nullable=True),
        sa.Column("minimum", sa.Double(precision=53), nullable=True),
        sa.Column("maximum", sa.Double(precision=53), nullable=True),
        sa.CheckConstraint("epoch >= 0", name=op.f("ck_learnt_parameters_epoch_counts_from_zero")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_learnt_parameters_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "epoch", "layer", "parameter", name=op.f("pk_learnt_parameters")),
    )


def downgrade() -> None:
    op.drop_table("learnt_parameters")
