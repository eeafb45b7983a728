"""Activations made of formulas."""

import pytest

from activations.activation import Parameter
from activations.custom import Definition, make_activation
from activations.formula.formula import Formula


def swishy() -> Definition:
    beta = Parameter(name="b", default=1.0, description="The gate's steepness.")
    return Definition("swishy", "Swishy", Formula.read("x*sigmoid(b*x)", ["b"]), (beta,))


def test_a_definition_makes_an_activation_with_its_value_and_derivative():
    activation = make_activation(swishy())
    assert activation.custom
    assert activation.value([0.0, 2.0], **activation.complete({"b": 0.5})).tolist() == [0.0, 1.4621171572600098]
    assert activation.derivative_at_zero({"b": 0.5}) == 0.5


def test_an_activation_has_the_properties_of_its_formula():
    activation = make_activation(swishy())
    assert activation.range({"b": 1.0}) == (pytest.approx(-0.2784645427610738), None)
    assert (activation.monotonic, activation.warnings) == (False, ())


def test_range_and_jumps_follow_the_parameters():
    edge = Parameter(name="b", default=1.0, description="Where it begins.")
    activation = make_activation(Definition("step", "Step", Formula.read("where(x > b, 2*x, x)", ["b"]), (edge,)))
    assert activation.warnings == ("The value jumps at x = 1, from 1 to 2.",)
    assert [(jump.x, jump.below, jump.above) for jump in activation.jumps({"b": 3.0})] == [(3.0, 1.0, 2.0)]
    assert activation.range({"b": 3.0}) == (None, None)


def test_equal_definitions_make_one_activation():
    assert make_activation(swishy()) is make_activation(swishy())
