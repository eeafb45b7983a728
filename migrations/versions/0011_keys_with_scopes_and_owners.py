"""API keys with a scope, an end and an owner; jobs and sweeps with the owner of the key that made them.

A key from before may submit, for an owner of its own name. What it made is known where it came with an Idempotency-Key,
and belongs to that owner; the rest belongs to nobody, and only an admin's key sees it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OWNED = sa.text("owner <> ''")


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("owner", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("scope", sa.String(length=16), nullable=False, server_default="submit"))
        batch.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
        batch.create_check_constraint(op.f("ck_api_keys_scope_is_known"), "scope IN ('admin', 'read', 'submit')")
    op.execute("UPDATE api_keys SET owner = name")
    for table, column in (("sweeps", "sweep_id"), ("jobs", "job_id")):
        op.add_column(table, sa.Column("owner", sa.String(length=64), nullable=False, server_default=""))
        op.execute(
            f"UPDATE {table} SET owner = "  # noqa: S608  # our own names
            f"(SELECT min(holder) FROM idempotency_keys WHERE {column} = {table}.id) "
            f"WHERE id IN (SELECT {column} FROM idempotency_keys WHERE holder <> '')"
        )
    op.execute(
        "UPDATE jobs SET owner = (SELECT owner FROM sweeps WHERE sweeps.id = jobs.sweep_id) "
        "WHERE sweep_id IN (SELECT id FROM sweeps WHERE owner <> '')"
    )
    for table, columns in (
        ("jobs", ["owner", "created_at", "id"]),
        ("jobs", ["owner", "state"]),
        ("sweeps", ["owner", "id"]),
    ):
        name = f"ix_{table}_{'_'.join(columns)}"
        op.create_index(name, table, columns, postgresql_where=OWNED, sqlite_where=OWNED)


def downgrade() -> None:
    for table, columns in (("sweeps", "owner_id"), ("jobs", "owner_state"), ("jobs", "owner_created_at_id")):
        op.drop_index(f"ix_{table}_{columns}", table_name=table)
    for table in ("jobs", "sweeps"):
        op.drop_column(table, "owner")
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_constraint(op.f("ck_api_keys_scope_is_known"), type_="check")
        for column in ("last_used_at", "expires_at", "scope", "owner"):
            batch.drop_column(column)
