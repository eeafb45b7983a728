"""The activations as the article writes them, with enough digits that what cancels there leaves enough."""

from collections.abc import Callable, Mapping
from typing import Any

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
    ("tanh", {}),
    ("softplus", {}),
    ("silu", {}),
    ("mish", {}),
    ("hardswish", {}),
    ("relu6", {}),
    ("softsign", {}),
    ("celu", ELU),
    ("celu", {"alpha": 0.25}),
]

# Where a derivative is zero, found with findroot: a relative error means nothing there.
ZEROS_OF_DERIVATIVE: dict[tuple[object, ...], float] = {
    ("gelu", "tanh"): -0.7524614220710163,
    ("gelu", "none"): -0.7517915246935645,
    ("silu",): -1.2784645427610738,
    ("mish",): -1.1924312145154952,
    ("hardswish",): -1.5,
}


def zero_of_derivative(name: str, parameters: Mapping[str, Any]) -> float:
    """Infinity where there is none."""
    return ZEROS_OF_DERIVATIVE.get((name, *parameters.values()), float("inf"))


def true_value(name: str, parameters: Mapping[str, Any], x: float) -> mpf:
    with mp.workdps(DIGITS):
        return FORMULAS[name][0](mpf(x), **parameters)


def true_derivative(name: str, parameters: Mapping[str, Any], x: float) -> mpf:
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


def tanh(x: mpf) -> mpf:
    return 1 - 2 / (1 + mp.exp(2 * x))


def softplus(x: mpf) -> mpf:
    return mp.log(1 + mp.exp(x))


def mish_derivative(x: mpf) -> mpf:
    gate = tanh(softplus(x))
    return gate + x * (1 - gate**2) * logistic(x)


def hardswish_derivative(x: mpf) -> mpf:
    return mpf(int(x > 0)) if abs(x) >= 3 else (2 * x + 3) / 6


def celu(x: mpf, alpha: float) -> mpf:
    return x if x > 0 else mpf(alpha) * (mp.exp(x / mpf(alpha)) - 1)


FORMULAS: dict[str, tuple[Callable[..., mpf], Callable[..., mpf]]] = {
    "sigmoid": (logistic, lambda x: logistic(x) * (1 - logistic(x))),
    "relu": (lambda x: max(mpf(0), x), lambda x: mpf(int(x > 0))),
    "elu": (elu, elu_derivative),
    "leaky-relu": (lambda x, alpha: x if x > 0 else mpf(alpha) * x, lambda x, alpha: mpf(1) if x > 0 else mpf(alpha)),
    "selu": (selu, selu_derivative),
    "gelu": (gelu, gelu_derivative),
    "tanh": (tanh, lambda x: 1 - tanh(x) ** 2),
    "softplus": (softplus, logistic),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * (1 - logistic(x)))),
    "mish": (lambda x: x * tanh(softplus(x)), mish_derivative),
    "hardswish": (lambda x: x * min(max(x + 3, 0), 6) / 6, hardswish_derivative),
    "relu6": (lambda x: min(max(x, 0), 6), lambda x: mpf(int(0 < x < 6))),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "celu": (celu, lambda x, alpha: mpf(1) if x > 0 else mp.exp(x / mpf(alpha))),
}
