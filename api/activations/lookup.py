"""Activations by their names: of the catalog, else one of those that the request's holder sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, HTTPException, Path

from activations import catalog
from activations.activation import Activation
from activations.custom import make_activation
from api import dependencies
from api.http.auth import LOOKUPS, RequestHolder
from db import activations
from db.session import Sessions
from jobs.access import NOBODY, Holder
from jobs.spec import Spec, list_custom_names


@dataclass(frozen=True, slots=True)
class Known:
    """An activation, and the owner of one that a client defined."""

    activation: Activation
    owner: str = NOBODY


async def find_known(
    name: Annotated[str, Path(description="A name of GET /v1/activations.", examples=["gelu"])],
    sessions: dependencies.Sessions,
    holder: RequestHolder,
) -> Known:
    if name in catalog.ACTIVATIONS:
        return Known(catalog.find(name))
    stored = await find_stored(sessions, [name], holder)
    if name not in stored:
        raise HTTPException(404, str(catalog.UnknownActivation(name)))
    return stored[name]


async def find_stored(sessions: Sessions, names: Sequence[str], holder: Holder) -> Mapping[str, Known]:
    """Find the stored activations of these names by one statement; a name that the holder sees none of is left out."""
    asked = list_custom_names(names)
    return await to_thread.run_sync(read_stored, sessions, asked, holder, limiter=LOOKUPS) if asked else {}


def read_stored(sessions: Sessions, names: Sequence[str], holder: Holder) -> Mapping[str, Known]:
    with sessions.read() as session:
        found = activations.find_all(session, names, holder)
    return {name: Known(make_activation(stored.definition), stored.owner) for name, stored in found.items()}


async def find_activation(known: Annotated[Known, Depends(find_known)]) -> Activation:
    return known.activation


KnownActivation = Annotated[Activation, Depends(find_activation)]


def complete(spec: Spec, sessions: Sessions, holder: Holder) -> Spec:
    """Add the formula to a spec that names a stored activation.

    Raises:
        InvalidSpec: the holder sees none of this name, or it does not have these parameters.
    """
    if spec.is_complete:
        return spec
    with sessions.read() as session:
        return activations.complete(session, spec, holder)
