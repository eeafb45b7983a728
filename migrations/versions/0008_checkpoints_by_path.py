"""Where a checkpoint lies, relative to CHECKPOINTS_URL: an absolute URL was lost with the folder's name.

Every URL ended in the job's id and the file's name; what comes before it is dropped, wherever the folder lies today.
A row with another ending is left as it is, and what it names is never opened.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1000


def upgrade() -> None:
    op.execute("ALTER TABLE checkpoints RENAME COLUMN url TO path")
    connection = op.get_bind()
    table = sa.table("checkpoints", *map(sa.column, ("job_id", "epoch", "path")))
    shorten = (
        sa.update(table)
        .where(table.c.job_id == sa.bindparam("of_job"), table.c.epoch == sa.bindparam("of_epoch"))
        .values(path=sa.bindparam("relative"))
    )
    rows = connection.execute(sa.select(table).where(table.c.path.contains("://"))).all()
    found = [
        {"of_job": row.job_id, "of_epoch": row.epoch, "relative": relative}
        for row in rows
        if (relative := relative_path(row.path, row.job_id))
    ]
    for start in range(0, len(found), ROWS_AT_ONCE):
        connection.execute(shorten, found[start : start + ROWS_AT_ONCE])


def relative_path(url: str, job_id: str) -> str | None:
    """The job's id and the file's name, if the URL ends in both."""
    _, *folders, name = url.split("/")
    return f"{job_id}/{name}" if name and folders[-1:] == [job_id] else None


def downgrade() -> None:
    op.execute("ALTER TABLE checkpoints RENAME COLUMN path TO url")
