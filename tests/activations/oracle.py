"""The activations as the article writes them, with enough digits that what cancels there leaves enough."""

from collections.abc import Callable

import mpmath as mp
from mpmath import mpf

# Down to 1e-300, 1 - s and 1 + tanh(u) keep 50 digits.
DIGITS = 350

ELU = {"alpha": 1.0}
LEAKY = {"alpha": 0.2}
TANH = {"approximate": "tanh"}
EXACT = {"approximate": "none"}
CASES = [
    ("sigmoid", {}),
    ("relu", {}),
    ("elu", ELU),
    ("leaky-relu", LEAKY),
    ("selu", {}),
    ("gelu", TANH),
    ("gelu", EXACT),
]

# Where a derivative is zero, found with findroot: a relative error means nothing there.
ZEROS_OF_DERIVATIVE = {"tanh": -0.7524614220710163, "none": -0.7517915246935645}


def true_value(name: str, parameters: dict, x: float) -> mpf:
    with mp.workdps(DIGITS):
        return FORMULAS[name][0](mpf(x), **parameters)


def true_derivative(name: str, parameters: dict, x: float) -> mpf:
    with mp.workdps(DIGITS):
        return FORMULAS[name][1](mpf(x), **parameters)


def logistic(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def elu(x: mpf, alpha: float) -> mpf:
    return x if x > 0 else mpf(alpha) * (mp.exp(x) - 1)


def elu_derivative(x: mpf, alpha: float) -> mpf:
    return mpf(1) if x > 0 else elu(x, alpha) + mpf(alpha)


def selu_constants() -> tuple[mpf, mpf]:
    return mpf("1.0507009873554804934193349852946"), mpf("1.6732632423543772848170429916717")


def selu(x: mpf) -> mpf:
    scale, alpha = selu_constants()
    return scale * elu(x, alpha)


def selu_derivative(x: mpf) -> mpf:
    scale, alpha = selu_constants()
    return scale * elu_derivative(x, alpha)


def gelu(x: mpf, approximate: str) -> mpf:
    return x * phi_integral(x) if approximate == "none" else x / 2 * (1 + mp.tanh(inner(x)))


def gelu_derivative(x: mpf, approximate: str) -> mpf:
    if approximate == "none":
        return phi_integral(x) + x * mp.npdf(x)
    inner_slope = mp.sqrt(2 / mp.pi) * (1 + 3 * mpf("0.044715") * x**2)
    return (1 + mp.tanh(inner(x))) / 2 + x / 2 * mp.sech(inner(x)) ** 2 * inner_slope


def inner(x: mpf) -> mpf:
    return mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)


def phi_integral(x: mpf) -> mpf:
    return mp.ncdf(max(mpf(-60), min(mpf(60), x)))  # past 60 it is 0 or 1 to 700 digits, and mpmath overflows


FORMULAS: dict[str, tuple[Callable[..., mpf], Callable[..., mpf]]] = {
    "sigmoid": (logistic, lambda x: logistic(x) * (1 - logistic(x))),
    "relu": (lambda x: max(mpf(0), x), lambda x: mpf(int(x > 0))),
    "elu": (elu, elu_derivative),
    "leaky-relu": (lambda x, alpha: x if x > 0 else mpf(alpha) * x, lambda x, alpha: mpf(1) if x > 0 else mpf(alpha)),
    "selu": (selu, selu_derivative),
    "gelu": (gelu, gelu_derivative),
}
