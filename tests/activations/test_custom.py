"""Activations made of formulas."""

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


def test_equal_definitions_make_one_activation():
    assert make_activation(swishy()) is make_activation(swishy())
