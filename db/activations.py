"""Activations that clients define: each owner has their own, and a stored one is never changed, only deleted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, true
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from activations.activation import Parameter
from activations.custom import Definition
from db import cursors
from db.clock import now
from db.models import CustomActivation, Job
from db.new_jobs import UNFINISHED, lock_quota
from jobs.access import Holder
from jobs.errors import ActivationExists, ActivationInUse, InvalidCursor, TooManyActivations
from jobs.spec import Spec, add_formula, list_custom_names, parse_formula

PARAMETER_FIELDS = ("name", "default", "minimum", "maximum", "description")


@dataclass(frozen=True, slots=True)
class Stored:
    id: str
    owner: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Page:
    activations: Sequence[Stored]
    next_cursor: str | None


def create(session: Session, definition: Definition, *, owner: str, most: int) -> tuple[Definition, bool]:
    """Store a definition, or find that it is stored already, under whatever title (then the flag is true).

    Raises:
        ActivationExists: this owner has another activation of this name.
        TooManyActivations: this owner has `most` of them.
    """
    lock_quota(session)  # whoever stores the same name at once waits here
    of_owner = CustomActivation.owner == owner
    row = session.scalar(select(CustomActivation).where(of_owner, CustomActivation.name == definition.name))
    if row is not None:
        stored = read(row).definition
        refuse_other(stored, definition)
        return stored, True
    if session.scalars(select(func.count()).select_from(CustomActivation).where(of_owner)).one() >= most:
        raise TooManyActivations(f"{most} activations are stored; delete one first")
    columns = {"id": str(uuid7()), "owner": owner, "created_at": now(), **make_columns(definition)}
    session.execute(insert(CustomActivation).values(columns))
    return definition, False


def refuse_other(stored: Definition, given: Definition) -> None:
    if (stored.formula.text, sort_parameters(stored)) != (given.formula.text, sort_parameters(given)):
        raise ActivationExists(f"{given.name} is another activation, {stored.formula.text}; choose another name")


def sort_parameters(definition: Definition) -> list[Parameter]:
    return sorted(definition.parameters, key=attrgetter("name"))


def make_columns(definition: Definition) -> dict[str, Any]:
    fields = [{name: asdict(each)[name] for name in PARAMETER_FIELDS} for each in definition.parameters]
    return {
        "name": definition.name,
        "title": definition.title,
        "formula": definition.formula.text,
        "parameters": fields,
    }


def read(row: CustomActivation) -> Stored:
    parameters = tuple(map(read_parameter, row.parameters))
    formula = parse_formula(row.formula, tuple(sorted(parameter.name for parameter in parameters)))
    return Stored(row.id, row.owner, Definition(row.name, row.title, formula, parameters))


def complete(session: Session, spec: Spec, holder: Holder) -> Spec:
    """Add its formula to a spec that names a stored activation.

    Raises:
        InvalidSpec: the holder sees none of this name, or it does not have these parameters.
    """
    return spec if spec.is_complete else add_formula(spec, find_definitions(session, [spec.activation], holder))


def find_definitions(session: Session, names: Iterable[str], holder: Holder) -> Mapping[str, Definition]:
    """Find the definitions of those names that are not of the catalog, as `find_all` does."""
    return {name: found.definition for name, found in find_all(session, list_custom_names(names), holder).items()}


def find(session: Session, name: str, holder: Holder) -> Stored | None:
    return find_all(session, [name], holder).get(name)


def read_parameter(fields: Mapping[str, Any]) -> Parameter:
    """Read the fields; PostgreSQL returns 1e300 as an integer."""
    minimum, maximum = (None if fields[name] is None else float(fields[name]) for name in ("minimum", "maximum"))
    return Parameter(fields["name"], float(fields["default"]), fields["description"], minimum, maximum)


def find_all(session: Session, names: Collection[str], holder: Holder) -> Mapping[str, Stored]:
    """Find the activations of these names by one statement; those that are unknown are left out.

    Who sees everybody's finds, of several with one name, their own, else the oldest.
    """
    if not names:
        return {}
    statement = select(CustomActivation).where(CustomActivation.name.in_(names), is_visible(holder.sees))
    rows = session.scalars(statement.order_by(CustomActivation.owner == holder.owner, CustomActivation.id.desc()))
    return {row.name: read(row) for row in rows}  # of several the last


def is_visible(sees: str | None) -> ColumnElement[bool]:
    return true() if sees is None else CustomActivation.owner == sees


def read_page(session: Session, *, sees: str | None, limit: int, cursor: str | None) -> Page:
    """Read `limit` activations, oldest first, after the cursor: the id of the last one seen.

    Raises:
        InvalidCursor: the cursor is no id.
    """
    statement = select(CustomActivation).where(is_visible(sees)).order_by(CustomActivation.id).limit(limit + 1)
    if cursor is not None:
        if not cursors.is_id(cursor):
            raise InvalidCursor
        statement = statement.where(CustomActivation.id > cursor)
    rows = session.scalars(statement).all()
    shown = [read(row) for row in rows[:limit]]
    return Page(shown, shown[-1].id if len(rows) > limit else None)


def remove(session: Session, name: str, holder: Holder) -> bool:
    """Delete the activation that `find` finds; returns whether there is one.

    A job that is submitted at the same time has its own copy of the formula, or is refused.

    Raises:
        ActivationInUse: a queued or running job of its owner, or of the holder, names it.
    """
    found = find(session, name, holder)
    if found is None:
        return False
    if session.scalars(select(is_in_use(name, owners={found.owner, holder.owner}))).one():
        raise ActivationInUse(f"a queued or running job has the activation {name}; delete it once they have ended")
    session.execute(delete(CustomActivation).where(CustomActivation.id == found.id))
    return True


def is_in_use(name: str, *, owners: Collection[str]) -> ColumnElement[bool]:
    named = select(Job.id).where(Job.activation == name, Job.owner.in_(owners))
    return or_(*(named.where(Job.state == state).exists() for state in sorted(UNFINISHED)))
