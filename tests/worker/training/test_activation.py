from collections.abc import Callable

import numpy as np
import pytest
import torch

from activations.catalog import ACTIVATIONS
from activations.formula.catalog import CATALOG_FORMULAS
from activations.formula.formula import Formula
from activations.formula.table import CONSTANTS, FUNCTIONS
from tests.activations.formula.naive import PARAMETERS, UNSTABLE
from worker.training import kernel
from worker.training.activation import FormulaActivation, LearntActivation
from worker.training.model import build_activation

Function = Callable[[torch.Tensor], torch.Tensor]
SHAPES = [(3, 4, 5, 6), (7, 4), (11,)]


def make(text: str, learnt: tuple[str, ...] = (), **parameters: float) -> FormulaActivation:
    return FormulaActivation(Formula.read(text, [*parameters]), parameters, learnt)


def make_both(key: str) -> tuple[FormulaActivation, Function]:
    """The catalog's activation as a formula, and torch's own."""
    name, _, approximate = key.partition("-") if key.startswith("gelu") else (key, "", "")
    parameters = ACTIVATIONS[name].complete({"approximate": approximate} if approximate else {})
    formula = Formula.read(CATALOG_FORMULAS[key])
    return FormulaActivation(formula, parameters), build_activation(name, parameters)


def draw(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    drawn = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn.to(dtype, memory_format=torch.channels_last if len(shape) == 4 else torch.contiguous_format)


def differentiate(function: Function, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.detach().clone().requires_grad_()
    value = function(x)
    return value.detach(), *torch.autograd.grad(value, x, torch.ones_like(value))


@pytest.mark.parametrize("key", CATALOG_FORMULAS)
def test_the_catalog_as_formulas_is_what_torch_computes_and_differentiates(key: str) -> None:
    formula, plain = make_both(key)
    x = torch.cat([torch.linspace(-30, 30, 6001), torch.zeros(1)]).double()

    for ours, expected in zip(differentiate(formula, x), differentiate(plain, x), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("key", CATALOG_FORMULAS)
def test_far_from_zero_nothing_overflows(key: str, dtype: torch.dtype) -> None:
    formula, _ = make_both(key)

    value, slope = differentiate(formula, torch.tensor([-1e30, -200.0, -88.0, 88.0, 200.0, 1e30], dtype=dtype))

    assert value.isfinite().all()
    assert slope.isfinite().all()
    assert value.dtype == slope.dtype == dtype


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"<", "<=", ">", ">=", "where"}))
def test_each_function_of_the_language_is_numpys(function: str) -> None:
    known = FUNCTIONS[function]
    arguments = ["x", "a", "2"][: known.arity]
    text = {1: f"{function}({arguments[0]})", 2: f"{function}(x, a)"}.get(known.arity, f"{function}(x, a, 2)")
    if not function.isidentifier():
        text = "-x" if function == "neg" else f"x {function} a"
    stable = {"neg": "-x", "hypot": "sqrt(x^2 + a^2)", "logaddexp": "log(exp(x) + exp(a))"}
    formula = Formula.read(stable.get(function, text), ["a"])
    x = torch.linspace(0.1, 3, 100, dtype=torch.float64)

    value, slope = differentiate(FormulaActivation(formula, {"a": 0.7}), x)

    expected = formula.evaluate(x.numpy(), {"a": 0.7})
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("text", UNSTABLE)
def test_what_is_written_naively_keeps_float32s_precision_in_the_tails(text: str) -> None:
    formula = Formula.read(text)
    parameters = {name: PARAMETERS[name] for name in formula.parameters}
    distances = torch.tensor([1e-3, 0.3, 1.0, 2.5, 5.0, 9.0, 12.0, 17.0, 20.0, 44.5, 60.0, 88.5, 89.0, 104.0, 1e3, 1e5])
    x = torch.cat([distances, -distances])

    got = differentiate(FormulaActivation(formula, parameters), x)

    expected = formula.evaluate(x.double().numpy(), parameters)
    for ours, true in zip(got, expected, strict=True):
        held = (np.abs(true) > 1e-36) & (np.abs(true) < 1e38)
        np.testing.assert_allclose(ours.numpy()[held], true[held], rtol=3e-5)
        assert not ours.isnan().any()


@pytest.mark.parametrize("exponent", [-3, -1, 0, 0.5, 1, 2, 3, 7, 2.5, -64])
def test_powers_are_powers(exponent: float) -> None:
    x = torch.linspace(0.5, 2, 50, dtype=torch.float64)

    value, slope = differentiate(make(f"x^({exponent})"), x)

    np.testing.assert_allclose(value, x**exponent, rtol=1e-13)
    np.testing.assert_allclose(slope, exponent * x ** (exponent - 1), rtol=1e-13)


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">="])
def test_a_branch_that_is_not_taken_has_no_effect(comparison: str) -> None:
    x = torch.tensor([-2.0, 0.0, 3.0])
    taken = {"<": x < 0, "<=": x <= 0, ">": x > 0, ">=": x >= 0}[comparison]

    value, slope = differentiate(make(f"where(x {comparison} 0, 2*x, log(where(x {comparison} 0, -1, 4*x + 9)))"), x)

    assert torch.equal(value.isfinite(), torch.ones(3, dtype=torch.bool))
    assert torch.equal(value, torch.where(taken, 2 * x, (4 * x + 9).log()))
    torch.testing.assert_close(slope, torch.where(taken, 2.0, 4 / (4 * x + 9)))


def test_where_a_formula_is_undefined_it_is_nan() -> None:
    value, slope = differentiate(make("log(x)"), torch.tensor([-1.0, 2.0]))

    assert value.isnan().tolist() == [True, False]
    assert slope[1] == 0.5


@pytest.mark.parametrize("text", ["3", "x", "a", "where(1 < a, x, 2*x)", "where(x > 0, 1, 0)"])
def test_a_formula_may_be_next_to_nothing(text: str) -> None:
    formula = Formula.read(text, ["a"])

    for learnt in ((), ("a",)):
        parameters = [torch.tensor(2.0, requires_grad=True) for _ in learnt]
        function = FormulaActivation(formula, {"a": 2.0}, learnt)
        value, slope = differentiate(lambda x, f=function, p=parameters: f(x, *p), draw(5))
        expected = formula.evaluate(draw(5).numpy(), {"a": 2.0})
        np.testing.assert_allclose(value, expected[0], rtol=1e-6)
        np.testing.assert_allclose(slope, expected[1], rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_are_the_whole_and_keep_its_memory_order(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    function, x = make("x*tanh(log(1 + exp(x)))"), draw(*shape)
    whole = differentiate(function, x)
    monkeypatch.setitem(kernel.BLOCK, "cpu", 16)

    blocked = differentiate(function, x)

    for part, expected in zip(blocked, whole, strict=True):
        torch.testing.assert_close(part, expected)  # torch's vectors and their remainders differ in the last bit
        assert part.stride() == x.stride()
    with torch.no_grad():
        assert torch.equal(function(x), blocked[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tensor_in_another_memory_order_is_computed_as_well(shape: tuple[int, ...]) -> None:
    function, x = make("x*sigmoid(x)"), draw(*shape)
    turned = (
        x.flip(0).as_strided(shape, x.flip(0).stride())
        if len(shape) == 1
        else draw(*shape[::-1]).permute(*reversed(range(len(shape))))
    )

    for ours, expected in zip(
        differentiate(function, turned), differentiate(torch.nn.functional.silu, turned), strict=True
    ):
        torch.testing.assert_close(ours, expected)


def test_bfloat16_is_widened_inside() -> None:
    function, x = make("x*tanh(log(1 + exp(x)))"), draw(7, 4, dtype=torch.bfloat16)

    for narrow, wide in zip(differentiate(function, x), differentiate(function, x.float()), strict=True):
        assert torch.equal(narrow, wide.bfloat16())


@pytest.mark.parametrize("block", [12, 2**19])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (7, 4)])
@pytest.mark.parametrize("channels", [None, 4])
def test_gradients_of_learnt_parameters_are_autograds(
    channels: int | None, shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kernel.BLOCK, "cpu", block)
    start = {"alpha": 0.3, "beta": 1.5}
    function = make("where(x > 0, x, alpha*expm1(beta*x))", ("alpha", "beta"), **start)
    module = LearntActivation(function, start, () if channels is None else (channels,)).double()
    x, gradient = draw(*shape, dtype=torch.float64).requires_grad_(), draw(*shape, dtype=torch.float64)

    def plain(alpha: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        around = [-1 if dimension == 1 else 1 for dimension in range(len(shape))]
        return torch.where(x > 0, x, alpha.view(around) * torch.expm1(beta.view(around) * x.clamp(max=0)))

    value = module(x)
    ours = torch.autograd.grad(value, [x, *module.parameters()], gradient)
    expected = torch.autograd.grad(plain(*module.parameters()), [x, *module.parameters()], gradient)

    with torch.no_grad():
        assert torch.equal(module(x), value)
    for found, wanted in zip(ours, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_parameter_may_have_the_name_of_a_modules_attribute() -> None:
    names = {"half": 0.5, "training": 0.25, "weight": 2.0}
    module = LearntActivation(make("half*x + training + weight", tuple(names), **names), names)

    assert module(torch.ones(1)).item() == 2.75
    assert {name: tensor.item() for name, tensor in module.state_dict().items()} == names


def test_constants_are_folded() -> None:
    function = make("(a^2 + sqrt(2/pi))*x", a=3.0)

    assert len(function.value.steps) == 1
    assert function(torch.ones(1, dtype=torch.float64)).item() == 9 + np.sqrt(2 / CONSTANTS["pi"])
