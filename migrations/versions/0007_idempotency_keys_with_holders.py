"""Idempotency keys in a table of their own, each with its holder, for all that a request can make; lost leases.

Keys from before have no holder and no digest: their request is compared with what it made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("sweep_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint(
            "(job_id IS NULL) <> (sweep_id IS NULL)", name=op.f("ck_idempotency_keys_made_a_job_or_a_sweep")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_idempotency_keys_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sweep_id"], ["sweeps.id"], name=op.f("fk_idempotency_keys_sweep_id_sweeps"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("holder", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_job_id"), "idempotency_keys", ["job_id"])
    op.create_index(op.f("ix_idempotency_keys_sweep_id"), "idempotency_keys", ["sweep_id"])
    op.create_table(
        "lost_leases",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epochs_done", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_lost_leases_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "attempt", name=op.f("pk_lost_leases")),
    )
    # A key that had made both, which was possible, stays with its job.
    op.execute(
        "INSERT INTO idempotency_keys (holder, key, job_id) "
        "SELECT '', idempotency_key, id FROM jobs WHERE idempotency_key IS NOT NULL"
    )
    op.execute(
        "INSERT INTO idempotency_keys (holder, key, sweep_id) "
        "SELECT '', idempotency_key, id FROM sweeps WHERE idempotency_key IS NOT NULL "
        "AND idempotency_key NOT IN (SELECT key FROM idempotency_keys)"
    )
    for table in ("jobs", "sweeps"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"uq_{table}_idempotency_key", type_="unique")
            batch.drop_column("idempotency_key")
            batch.drop_column("request_sha256")


def downgrade() -> None:
    op.drop_table("lost_leases")
    for table, column in (("jobs", "job_id"), ("sweeps", "sweep_id")):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("idempotency_key", sa.String(length=255), nullable=True))
            batch.add_column(sa.Column("request_sha256", sa.String(length=64), nullable=True))
            batch.create_unique_constraint(f"uq_{table}_idempotency_key", ["idempotency_key"])
        op.execute(
            f"UPDATE {table} SET idempotency_key = "  # noqa: S608  # our own names
            f"(SELECT min(key) FROM idempotency_keys WHERE {column} = {table}.id AND holder = '')"
        )
    op.drop_table("idempotency_keys")
