"""The catalog's statements about each activation hold."""

import subprocess
import sys

import numpy as np
import pytest

from activations import catalog
from activations.catalog import ACTIVATIONS, Activation, InvalidParameter, Parameter, Parameters, UnknownActivation
from activations.functions import SELU_ALPHA, SELU_SCALE
from jobs.spec import JobSpec
from tests.support.oracle import zero_of_derivative

GRID = np.concatenate([[-1e8], np.linspace(-60, 60, 24001), [1e8]])  # softsign is slow to reach its bounds
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)


def test_the_articles_six_come_first_in_their_order():
    assert list(ACTIVATIONS)[:6] == ["sigmoid", "relu", "elu", "leaky-relu", "selu", "gelu"]


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownActivation, match="'swiglu'; known: sigmoid, relu"):
        catalog.find("swiglu")


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("sigmoid", {}),
        ("relu", {}),
        ("elu", {"alpha": 1.0}),
        ("leaky-relu", {"alpha": 0.2}),
        ("selu", {}),
        ("gelu", {"approximate": "tanh"}),
    ],
)
def test_defaults_are_the_articles(name: str, defaults: Parameters):
    assert catalog.find(name).complete({}) == defaults


def test_a_given_parameter_replaces_its_default_as_a_float():
    alpha = catalog.find("elu").complete({"alpha": 2})["alpha"]
    assert (alpha, type(alpha)) == (2.0, float)
    assert catalog.find("gelu").complete({"approximate": "none"}) == {"approximate": "none"}


def test_bounds_themselves_are_allowed():
    assert catalog.find("leaky-relu").complete({"alpha": 0}) == {"alpha": 0.0}
    assert catalog.find("leaky-relu").complete({"alpha": 1}) == {"alpha": 1.0}


@pytest.mark.parametrize("alpha", [0, -1.0, 100.1, float("nan"), float("inf"), 10**400, True, "1", None, [1.0]])
def test_an_alpha_out_of_bounds_or_of_another_type_is_refused(alpha: object):
    with pytest.raises(InvalidParameter, match="alpha is a number") as refused:
        catalog.find("elu").complete({"alpha": alpha})
    assert refused.value.parameter == "alpha"


@pytest.mark.parametrize("given", [10**400, float("inf"), float("-inf"), float("nan")])
def test_a_parameter_without_bounds_is_finite_all_the_same(given: object):
    with pytest.raises(InvalidParameter):
        Parameter(name="beta", default=1.0, description="").check(given)


@pytest.mark.parametrize("choice", ["Tanh", "", True, None, 0.0, ["tanh"]])
def test_a_choice_is_one_of_those_offered(choice: object):
    with pytest.raises(InvalidParameter, match="approximate is one of tanh, none"):
        catalog.find("gelu").complete({"approximate": choice})


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(InvalidParameter, match="relu has no parameter 'alpha'; it has: none") as refused:
        catalog.find("relu").complete({"alpha": 1.0})
    assert refused.value.parameter == "alpha"


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_job_specification_stores_the_complete_parameters(name: str):
    assert JobSpec(activation=name).parameters == catalog.find(name).complete({})


@each_activation
def test_values_fill_the_range_and_stay_within(activation: Activation):
    parameters = activation.complete({})
    values = activation.value(GRID, **parameters)
    low, high = activation.range(parameters)
    assert values.min() == pytest.approx(low, abs=1e-5) if low is not None else values.min() < -10
    assert values.max() == pytest.approx(high, abs=1e-5) if high is not None else values.max() > 10
    assert low is None or (values >= low).all()
    assert high is None or (values <= high).all()


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("elu", {"alpha": 0.5}, (-0.5, None)),
        ("leaky-relu", {"alpha": 0.0}, (0.0, None)),
        ("leaky-relu", {"alpha": 0.1}, (None, None)),
        ("gelu", {"approximate": "none"}, (-0.16997120747990366, None)),
        ("celu", {"alpha": 0.5}, (-0.5, None)),
    ],
)
def test_the_range_follows_the_parameters(name: str, given: Parameters, expected: object):
    activation = catalog.find(name)
    assert activation.range(activation.complete(given)) == expected


@each_activation
def test_monotonic_says_whether_the_value_ever_falls(activation: Activation):
    values = activation.value(GRID, **activation.complete({}))
    assert activation.monotonic == bool((np.diff(values) >= 0).all())


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "hardswish"])
def test_the_lower_bound_of_a_dip_is_the_value_at_its_bottom(name: str):
    activation = catalog.find(name)
    parameters = activation.complete({})
    bottom = zero_of_derivative(name, parameters)
    assert activation.range(parameters)[0] == pytest.approx(float(activation.value(bottom, **parameters)), rel=1e-15)


def test_celu_with_alpha_1_is_elu():
    np.testing.assert_array_equal(
        catalog.find("celu").value(GRID, alpha=1.0), catalog.find("elu").value(GRID, alpha=1.0)
    )


def test_derivatives_at_zero_are_the_negative_branches():
    at_zero = {name: entry.derivative_at_zero(entry.complete({})) for name, entry in ACTIVATIONS.items()}
    article = {"sigmoid": 0.25, "relu": 0, "elu": 1, "leaky-relu": 0.2, "selu": 1.7580993408473768, "gelu": 0.5}
    kinked = {"relu6": 0, "celu": 1}
    smooth = {"tanh": 1, "softplus": 0.5, "silu": 0.5, "mish": 0.6, "hardswish": 0.5, "softsign": 1}
    assert at_zero == pytest.approx(article | kinked | smooth, rel=1e-15)


def test_only_selu_normalizes_itself():
    assert [name for name in ACTIVATIONS if ACTIVATIONS[name].self_normalizing] == ["selu"]


def test_the_two_forms_of_gelu_differ_by_no_more_than_the_article_says():
    gelu = catalog.find("gelu")
    value_gap = gelu.value(GRID, approximate="tanh") - gelu.value(GRID, approximate="none")
    slope_gap = gelu.derivative(GRID, approximate="tanh") - gelu.derivative(GRID, approximate="none")
    assert 4.6e-4 < np.abs(value_gap).max() < 4.8e-4
    assert 8.6e-4 < np.abs(slope_gap).max() < 8.8e-4


def test_the_slope_of_gelu_has_the_articles_extremes():
    slope = catalog.find("gelu").derivative(GRID, approximate="tanh")
    assert (slope.min(), slope.max()) == pytest.approx((-0.12899, 1.12899), abs=1e-5)


@each_activation
def test_an_entry_is_named_by_its_key_and_says_why_and_where(activation: Activation):
    assert ACTIVATIONS[activation.name] is activation
    assert activation.advantages
    assert activation.drawbacks
    assert activation.reference.url.startswith("https://")


@pytest.mark.parametrize("module", ["activations.catalog", "api.activations.endpoints"])
def test_importing_it_does_not_import_torch(module: str):
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("name", "given", "jumps"),
    [
        ("relu", {}, [(0, 0, 0, 1)]),
        ("leaky-relu", {"alpha": 0.3}, [(0, 0.3, 0.3, 1)]),
        ("leaky-relu", {"alpha": 1}, []),
        ("elu", {}, []),
        ("elu", {"alpha": 5}, [(0, 5, 5, 1)]),
        ("selu", {}, [(0, SELU_SCALE * SELU_ALPHA, SELU_SCALE * SELU_ALPHA, SELU_SCALE)]),
        ("celu", {"alpha": 0.5}, []),
        ("relu6", {}, [(0, 0, 0, 1), (6, 1, 0, 0)]),
        ("hardswish", {}, [(-3, 0, 0, -0.5), (3, 1.5, 1, 1)]),
    ],
)
def test_a_derivative_jumps_where_its_pieces_do_not_meet(
    name: str, given: Parameters, jumps: list[tuple[float, float, float, float]]
) -> None:
    activation = catalog.find(name)
    found = activation.jumps(activation.complete(given))
    assert [(jump.x, jump.below, jump.at, jump.above) for jump in found] == [
        pytest.approx(jump, rel=1e-14) for jump in jumps
    ]


def test_no_derivative_jumps_anywhere_else() -> None:
    x = np.linspace(-10, 10, 2_000_001)
    for activation in ACTIVATIONS.values():
        parameters = activation.complete({})
        steps = np.abs(np.diff(activation.derivative(x, **parameters)))
        large = {round(float(place), 4) for place in x[:-1][steps > 0.01]}
        known = [jump.x for jump in activation.jumps(parameters)]
        assert all(any(abs(place - jump) < 1e-3 for jump in known) for place in large), activation.name
