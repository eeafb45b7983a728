"""Each job of a sweep carries its configuration, and a sweep the order of its grid's fields.

Until now both were counted in the order of the keys of the sweep's grid, which JSONB does not keep: on PostgreSQL rows
named hyperparameters that their jobs were not trained with. A job's own spec says what it was trained with.
"""

from collections.abc import Mapping, Sequence
from math import inf, prod
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NULLABLE_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

sweeps = sa.table("sweeps", sa.column("id"), sa.column("spec", JSON), sa.column("grid_paths", JSON))
jobs = sa.table(
    "jobs",
    sa.column("id"),
    sa.column("spec", JSON),
    sa.column("activation"),
    sa.column("sweep_id"),
    sa.column("sweep_position"),
    sa.column("sweep_configuration"),
    sa.column("sweep_values", NULLABLE_JSON),
)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("sweep_configuration", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("sweep_values", NULLABLE_JSON, nullable=True))
    op.add_column("sweeps", sa.Column("grid_paths", JSON, server_default="[]", nullable=False))
    connection = op.get_bind()
    for sweep_id in connection.scalars(sa.select(sweeps.c.id)).all():
        repair(connection, sweep_id)


def repair(connection: sa.Connection, sweep_id: str) -> None:
    spec = connection.scalars(sa.select(sweeps.c.spec).where(sweeps.c.id == sweep_id)).one()
    grid, activations = spec["grid"], spec["activations"]
    configurations = len(activations) * prod(map(len, grid.values()))  # in whatever order
    found = [
        {
            "at": row.id,
            "activation": row.activation,
            "number": row.sweep_position % configurations,
            "values": {path: value_of(row.spec, path, choices) for path, choices in grid.items()},
        }
        for row in connection.execute(
            sa.select(jobs.c.id, jobs.c.spec, jobs.c.activation, jobs.c.sweep_position)
            .where(jobs.c.sweep_id == sweep_id)
            .order_by(jobs.c.sweep_position)
        )
    ]
    for job in found:
        carried = {"sweep_configuration": job["number"], "sweep_values": job["values"]}
        connection.execute(sa.update(jobs).where(jobs.c.id == job["at"]).values(carried))
    as_text = connection.dialect.name == "sqlite"  # which keeps the order
    paths = list(grid) if as_text else by_pace(list(grid), found)
    connection.execute(sa.update(sweeps).where(sweeps.c.id == sweep_id).values(grid_paths=paths))


def value_of(spec: Mapping[str, Any], path: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401  # JSON
    """The job's value as the request had it, where only one of the grid's can have led to it; else as the spec has it.

    A spec has the defaults filled in, which the request may have left out.
    """
    trained: Any = spec
    for field in path.split("."):
        trained = trained.get(field) if isinstance(trained, Mapping) else None
    equal = [choice for choice in choices if same(choice, trained)]
    possible = equal or [choice for choice in choices if holds(trained, choice)]
    return possible[0] if len(possible) == 1 else trained


def same(value: Any, other: Any) -> bool:  # noqa: ANN401  # JSON
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def holds(whole: Any, part: Any) -> bool:  # noqa: ANN401  # JSON
    """Whether the part is the whole with some fields of objects left out."""
    if isinstance(whole, Mapping) and isinstance(part, Mapping):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    return same(whole, part)


def by_pace(paths: Sequence[str], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The grid's fields as the request named them: the first turns slowest from one configuration to the next."""
    if not found:
        return list(paths)
    first = found[0]

    def stride(path: str) -> float:
        alone = (
            job["number"] - first["number"]
            for job in found
            if job["activation"] == first["activation"]
            and [name for name in paths if job["values"][name] != first["values"][name]] == [path]
        )
        return min((distance for distance in alone if distance > 0), default=inf)

    strides = {path: stride(path) for path in paths}
    return sorted(paths, key=lambda path: -strides[path])


def downgrade() -> None:
    op.drop_column("sweeps", "grid_paths")
    op.drop_column("jobs", "sweep_values")
    op.drop_column("jobs", "sweep_configuration")
