"""A sweep: one base of a JobSpec, trained with every activation, every point of a grid and every seed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf, prod
from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, JsonValue, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails

from activations import catalog
from activations.custom import Definition
from jobs.bounds import find_excess, find_sweep_excess
from jobs.pointers import resolve, to_pointer
from jobs.spec import InvalidSpec, JobSpec, Seed, SpecModel, complete, make_field_error, refuse_unknown
from jobs.values import format_value

MAX_JOBS = 512
ARTICLE_ACTIVATIONS = list(catalog.ACTIVATIONS)[:6]
NO_DEFINITIONS: Mapping[str, Definition] = {}
BESIDE_THE_GRID = {"activation": "activations", "seed": "seeds"}


class InvalidSweep(InvalidSpec):
    """A job of the sweep is invalid."""


class WithoutActivation:
    """Describes the base in OpenAPI by the fields of JobSpec."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(JobSpec.__pydantic_core_schema__))
        properties = {name: field for name, field in whole["properties"].items() if name != "activation"}
        return {**handler(schema), "properties": properties, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A row of a sweep's table: an activation at a point of the grid; its seeds are its repetitions."""

    number: int
    """Its number within the sweep, from 0."""
    activation: str
    values: Mapping[str, JsonValue]
    """By dotted path, as the request has them."""

    @property
    def label(self) -> str:
        return ", ".join([self.activation, *(f"{path} {format_value(value)}" for path, value in self.values.items())])


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for one field of a JobSpec, and its place in the request."""

    path: Sequence[str]
    value: JsonValue
    pointer: str


class SweepSpec(SpecModel):
    """Its jobs are ordered by seed, within a seed by point of the grid, within a point by activation."""

    base: Annotated[dict[str, Any], WithoutActivation()] = Field(
        {}, description="What all jobs share: a JobSpec without `activation`.", examples=[{"epochs": 5}]
    )
    activations: list[str] = Field(
        ARTICLE_ACTIVATIONS,
        min_length=1,
        max_length=MAX_JOBS,
        description="Names of GET /v1/activations; default: the article's.",
        examples=[["relu", "gelu"]],
    )
    seeds: list[Seed] = Field(
        [0],
        min_length=1,
        max_length=MAX_JOBS,
        description="Every configuration is trained once with each of them.",
        examples=[[0, 1, 2]],
    )
    grid: dict[str, Annotated[list[JsonValue], Field(min_length=1, max_length=MAX_JOBS)]] = Field(
        {},
        max_length=16,
        description="Values by the dotted path of a JobSpec's field; every combination of them is trained.",
        examples=[{"optimizer.learning_rate": [0.001, 0.01], "dropout.dense": [0.0, 0.5]}],
    )

    @model_validator(mode="after")
    def each_field_is_named_once(self) -> Self:
        for field, instead in BESIDE_THE_GRID.items():
            if field in self.base:
                raise make_field_error(f"/base/{field}", f"use `{instead}`")
            if field in self.grid:
                raise make_field_error(f"/grid/{field}", f"use `{instead}`")
        paths = sorted(path.split(".") for path in self.grid)
        for path, other in pairwise(paths):
            if other[: len(path)] == path:
                raise make_field_error(to_pointer(["grid", ".".join(other)]), f"{'.'.join(path)} already contains it")
        return self

    @model_validator(mode="after")
    def not_too_many_jobs(self) -> Self:
        if self.jobs > MAX_JOBS:
            raise make_field_error("", f"this makes {self.jobs} jobs, and a sweep has at most {MAX_JOBS}")
        return self

    @model_validator(mode="after")
    def no_job_is_asked_for_twice(self) -> Self:
        for axis in self.axes:
            for index, choice in enumerate(axis):
                if any(is_same(choice.value, earlier.value) for earlier in axis[:index]):
                    raise make_field_error(choice.pointer, f"{format_value(choice.value)} is given twice")
        return self

    @property
    def axes(self) -> list[list[Choice]]:
        """Seeds, the grid's fields and activations: the last varies fastest."""
        grid = [make_choices(path.split("."), values, ["grid", path]) for path, values in self.grid.items()]
        return [
            make_choices(["seed"], self.seeds, ["seeds"]),
            *grid,
            make_choices(["activation"], self.activations, ["activations"]),
        ]

    @property
    def jobs(self) -> int:
        return prod(map(len, self.axes))

    @property
    def points(self) -> int:
        """The number of points of the grid."""
        return prod(map(len, self.grid.values()))

    @property
    def configurations(self) -> list[Configuration]:
        """The configuration of each job, in the order of a new sweep; a stored job has its own."""
        points = [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        of_a_seed = [(activation, point) for point in points for activation in self.activations]
        return [Configuration(number, *place) for number, place in enumerate(of_a_seed)] * len(self.seeds)


def is_same(value: JsonValue, other: JsonValue) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def make_choices(path: Sequence[str], values: Iterable[JsonValue], place: Sequence[str]) -> list[Choice]:
    return [Choice(path, value, to_pointer([*place, index])) for index, value in enumerate(values)]


def expand(
    sweep: SweepSpec, definitions: Mapping[str, Definition] = NO_DEFINITIONS, *, max_training_mb: float = inf
) -> list[JobSpec]:
    """Make the specs of all its jobs, in their order; `definitions` are those of its activations by their names.

    Raises:
        InvalidSweep: a job is invalid or too large, the first of which is reported; they are too large together; or
            some equal others.
    """
    axes = sweep.axes
    combinations = [*product(*axes)]
    specs = []
    for combination in combinations:
        specs.append(make_spec(sweep.base, combination, definitions))
        refuse_excess(find_excess(specs[-1], max_training_mb=max_training_mb), combination)
    refuse_excess(find_sweep_excess(specs), combinations[-1])
    if refusals := find_equivalent_choices(axes, combinations, specs):
        raise InvalidSweep(refusals)
    return specs


def make_spec(base: Mapping[str, Any], combination: Sequence[Choice], definitions: Mapping[str, Definition]) -> JobSpec:
    """Make the spec of one job. Raises InvalidSweep."""
    given = assemble(base, combination)
    try:
        spec = JobSpec.model_validate(complete(given, definitions))
        refuse_unknown(spec)
    except ValidationError as error:
        refusals = {find_pointer(locate(entry, given), combination): entry["msg"] for entry in error.errors()}
        raise InvalidSweep(refusals) from error
    except catalog.InvalidParameter as error:
        raise InvalidSweep({find_pointer(["parameters", error.parameter], combination): str(error)}) from error
    except InvalidSpec as error:
        raise InvalidSweep(
            {find_pointer(["activation"], combination): text for text in error.refusals.values()}
        ) from error
    return spec


def refuse_excess(excess: Mapping[str, str], combination: Sequence[Choice]) -> None:
    if excess:
        raise InvalidSweep({find_pointer([field], combination): message for field, message in excess.items()})


def find_equivalent_choices(
    axes: Sequence[Sequence[Choice]], combinations: Sequence[Sequence[Choice]], specs: Sequence[JobSpec]
) -> dict[str, str]:
    """Find choices equivalent to an earlier one, by pointer.

    Two choices are equivalent if a job's spec is the same with either once the defaults are filled in, or if the
    training of every job is, as with null and the number that it stands for.
    """
    pairs = [*find_same_specs(combinations, specs)]
    trainings = [spec.model_copy(update=spec.resolve()).model_dump_json(exclude={"protocol"}) for spec in specs]
    for number, axis in enumerate(axes):
        pairs += find_same_trainings(axis, [combination[number] for combination in combinations], trainings)
    return {later.pointer: f"this is equivalent to {earlier.pointer}" for earlier, later in reversed(pairs)}


def find_same_specs(
    combinations: Sequence[Sequence[Choice]], specs: Sequence[JobSpec]
) -> Iterator[tuple[Choice, Choice]]:
    """Find, for each repeated spec, the first choice in which both differ: the earlier one, and the later."""
    first: dict[str, Sequence[Choice]] = {}
    for combination, spec in zip(combinations, specs, strict=True):
        earlier = first.setdefault(spec.model_dump_json(exclude={"protocol"}), combination)
        yield from [pair for pair in zip(earlier, combination, strict=True) if pair[0] is not pair[1]][:1]


def find_same_trainings(
    axis: Sequence[Choice], chosen: Sequence[Choice], trainings: Sequence[str]
) -> Iterator[tuple[Choice, Choice]]:
    """Find choices of one axis that make no difference to any job; `chosen` has the choice of each job."""
    first: dict[tuple[str, ...], Choice] = {}
    for choice in axis:
        of_its_jobs = tuple(training for one, training in zip(chosen, trainings, strict=True) if one is choice)
        earlier = first.setdefault(of_its_jobs, choice)
        if earlier is not choice:
            yield earlier, choice


def assemble(base: Mapping[str, Any], combination: Iterable[Choice]) -> dict[str, Any]:
    spec: dict[str, Any] = deepcopy(dict(base))
    for choice in combination:
        *parents, field = choice.path
        holder = spec
        for parent in parents:
            if not isinstance(holder.get(parent), dict):  # missing, null, or a value that JobSpec refuses
                holder[parent] = {}
            holder = holder[parent]
        holder[field] = choice.value
    return spec


def locate(entry: ErrorDetails, given: Mapping[str, Any]) -> list[str]:
    """Locate the error in a JobSpec; a validator of a whole model names the field in its context."""
    below = str(entry.get("ctx", {}).get("pointer", "")).split("/")[1:]
    return [*map(str, resolve(entry["loc"], given)), *below]


def find_pointer(parts: Sequence[str], combination: Iterable[Choice]) -> str:
    """Find the pointer into the request: to the value chosen for this field, its parent or child, else to the base."""
    for choice in combination:
        if parts and all(part == other for part, other in zip(parts, choice.path, strict=False)):
            return choice.pointer
    return to_pointer(["base", *parts])
