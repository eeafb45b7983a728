"""Specs with an activation of one's own: by a formula, or by the name of a stored one."""

from typing import Any

import pytest
from pydantic import ValidationError

from activations import catalog
from activations.activation import Parameter
from activations.custom import Definition
from jobs.errors import UnsupportedSpec
from jobs.labels import label_specs
from jobs.spec import InvalidSpec, JobSpec, add_formula, parse_formula
from jobs.stored import parse_spec
from jobs.sweep import InvalidSweep, SweepSpec, expand

SWISHY = Definition(
    "swishy", "Swishy", parse_formula("x*sigmoid(b*x)", ("b",)), (Parameter("b", 1.0, "", minimum=0.0, maximum=10.0),)
)
KNOWN = {"swishy": SWISHY}


def read(**given: Any) -> JobSpec:
    return JobSpec.model_validate(given)


def test_a_formula_is_stored_in_canonical_form_and_reads_back_as_itself() -> None:
    spec = read(activation="mine", formula="a * x + max( x,0 )", parameters={"a": 2})
    assert (spec.formula, spec.parameters) == ("a*x + max(x, 0)", {"a": 2.0})
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
    assert parse_spec(spec.model_dump(mode="json")) == spec


def test_parameters_in_another_order_are_the_same_spec() -> None:
    one, other = (
        read(activation="m", formula="a*x + b", parameters=given) for given in ({"b": 1, "a": 2}, {"a": 2, "b": 1})
    )
    assert one.model_dump_json() == other.model_dump_json()


def test_the_function_of_a_spec_is_the_catalogs_or_that_of_its_formula() -> None:
    assert read(activation="elu").function is catalog.find("elu")
    spec = read(activation="mine", formula="a*x^2", parameters={"a": 3})
    assert spec.function.value([2.0], **spec.parameters).tolist() == [12.0]
    assert spec.function.derivative([2.0], **spec.parameters).tolist() == [12.0]
    assert (spec.drawn_by, spec.self_normalizing, spec.function.name) == ("glorot_uniform", False, "mine")


@pytest.mark.parametrize(
    ("given", "pointer", "column"),
    [
        ({"formula": "x*"}, "/formula", 3),
        ({"formula": ""}, "/formula", 1),
        ({"formula": "x*b"}, "/formula", 3),
        ({"formula": "x" + " " * 1000}, "/formula", 1001),
        ({"formula": "x", "parameters": {"b": 1.0}}, "/parameters/b", None),
        ({"formula": "b*x", "parameters": {"b": "tanh"}}, "/parameters/b", None),
        ({"formula": "x", "parameters": {"x": 1.0}}, "/parameters/x", None),
        ({"formula": "pi*x", "parameters": {"pi": 3.0}}, "/parameters/pi", None),
        ({"formula": "exp(x)", "parameters": {"exp": 3.0}}, "/parameters/exp", None),
        ({"formula": "B*x", "parameters": {"B": 3.0}}, "/parameters/B", None),
        ({"formula": "x", "parameters": {f"p{number}": 1.0 for number in range(9)}}, "/parameters", None),
        ({"activation": "relu", "formula": "max(x, 0)"}, "/formula", None),
        ({"activation": "Swishy", "formula": "x"}, "/activation", None),
        ({"activation": "a" * 41, "formula": "x"}, "/activation", None),
    ],
)
def test_what_is_wrong_with_a_formula_is_pointed_at(given: dict[str, Any], pointer: str, column: int | None) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**{"activation": "mine", **given})
    (error,) = refused.value.errors()
    assert (error["ctx"]["pointer"], error["ctx"].get("column")) == (pointer, column)


def test_a_canonical_form_that_is_longer_than_a_formula_may_be_is_refused() -> None:
    group = "+".join(["1e15"] * 12)  # of sixteen digits each, in canonical form
    text = "+".join([f"({group})"] * 6)
    assert len(text) < 400
    with pytest.raises(ValidationError, match="with spaces this has more than 1,000 characters"):
        read(activation="mine", formula=text)


def test_a_parameter_whose_slope_is_too_long_cannot_be_learnt() -> None:
    text = "x + " + "^".join(["p"] * 45)
    own = {"activation": "own", "formula": text, "parameters": {"p": 1}}
    assert read(**own).trainable is None
    with pytest.raises(ValidationError, match="the derivative by p of this formula has more than") as refused:
        read(**own, trainable={"parameters": ["p"]})
    assert refused.value.errors()[0]["ctx"]["pointer"] == "/trainable/parameters/0"


def test_a_stored_activation_completes_the_spec_that_names_it() -> None:
    spec = read(activation="swishy", parameters={"b": 2}, epochs=3, protocol="article", metadata={"k": "v"})
    assert not spec.is_complete
    completed = add_formula(spec, KNOWN)
    assert completed == read(**{**spec.model_dump(), "formula": "x*sigmoid(b*x)", "parameters": {"b": 2.0}})
    assert add_formula(read(activation="swishy"), KNOWN).parameters == {"b": 1.0}
    assert add_formula(completed, {}) is completed, "it has its own"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"activation": "swiglu"}, "/activation"),
        ({"activation": "swishy", "parameters": {"b": 11.0}}, "/parameters/b"),
        ({"activation": "swishy", "parameters": {"c": 1.0}}, "/parameters/c"),
        ({"activation": "swishy", "parameters": {"b": "steep"}}, "/parameters/b"),
    ],
)
def test_what_a_stored_activation_does_not_allow_is_pointed_at(given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        add_formula(read(**given), KNOWN)
    assert [*refused.value.refusals] == [pointer]


def test_a_stored_spec_without_its_formula_is_of_another_version() -> None:
    with pytest.raises(UnsupportedSpec, match="/activation: unknown activation 'snake'"):
        parse_spec(read(activation="snake").model_dump(mode="json"))


def test_a_sweep_gives_each_job_the_formula_of_its_activation() -> None:
    asked = SweepSpec(activations=["relu", "swishy"], grid={"epochs": [1, 2]})
    specs = expand(asked, KNOWN)
    assert [(spec.activation, spec.formula, spec.parameters) for spec in specs[:2]] == [
        ("relu", None, {}),
        ("swishy", "x*sigmoid(b*x)", {"b": 1.0}),
    ]
    searched = SweepSpec(activations=["swishy"], grid={"parameters.b": [0.5, 2.0]})
    assert [spec.parameters for spec in expand(searched, KNOWN)] == [{"b": 0.5}, {"b": 2.0}]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"activations": ["relu", "swiglu"]}, "/activations/1"),
        ({"activations": ["relu", "swishy"], "base": {"parameters": {"b": 1.0}}}, "/base/parameters/b"),
        ({"activations": ["swishy"], "base": {"parameters": {"b": 11.0}}}, "/base/parameters/b"),
        ({"activations": ["swishy"], "base": {"parameters": [1]}}, "/base/parameters"),
        ({"activations": ["swishy"], "grid": {"parameters.b": [1.0, 11.0]}}, "/grid/parameters.b/1"),
        ({"activations": ["swishy"], "base": {"formula": 5}}, "/base/formula"),
        ({"activations": ["swishy"], "base": {"formula": "x*"}}, "/base/formula"),
    ],
)
def test_a_sweep_points_at_what_a_stored_activation_does_not_allow(given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidSweep) as refused:
        expand(SweepSpec.model_validate(given), KNOWN)
    assert [*refused.value.refusals] == [pointer]


def test_a_label_has_a_formula_only_where_a_name_has_two() -> None:
    specs = [read(activation="relu"), read(activation="mine", formula="x^2"), read(activation="mine", formula="x^3")]
    assert label_specs(specs[:2]) == ["relu", "mine"]
    assert label_specs(specs) == ["relu", "mine, formula x^2", "mine, formula x^3"]
