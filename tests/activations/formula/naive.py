"""Formulas as people write them, and mpmath's functions to evaluate their trees with."""

from collections.abc import Callable, Mapping
from typing import Any

import mpmath as mp

from activations.formula.program import Program
from activations.formula.tree import Node

PARAMETERS = {"a": 0.75, "b": 1.5, "alpha": 0.25}

# The first are wrong in float64 somewhere as they are written.
UNSTABLE = """
log(1 + exp(x))
log(exp(x) + 1)
log1p(exp(x))
1/(1 + exp(-x))
1/(exp(-x) + 1)
1/(exp(x) + 1)
exp(x) - 1
-1 + exp(x)
1 - exp(-x)
a*exp(x) - a
1 + tanh(x)
tanh(x) - 1
0.5 + 0.5*tanh(x)
(1 + tanh(x/2))/2
1 - sigmoid(x)
x*sigmoid(b*x)
sigmoid(x)*(1 - sigmoid(x))
x - x*sigmoid(x)
exp(x)/(1 + exp(x))
exp(-x)/(1 + exp(-x))^2
erf(x) + 1
1 - erf(x)
0.5*(1 + erf(x/sqrt(2)))
x/2*(erf(x/sqrt(2)) + 1)
1 - Phi(x)
Phi(x) - 0.5
x*tanh(log(1 + exp(x)))
x*tanh(softplus(x))
x*((1 + exp(x))^2 - 1)/((1 + exp(x))^2 + 1)
x*exp(x)*(exp(x) + 2)/(exp(x)*(exp(x) + 2) + 2)
x*(1 - 2/((1 + exp(x))^2 + 1))
x*tanh(exp(x))
x*exp(x)/(1 + exp(x))
(exp(x) - exp(-x))/(exp(x) + exp(-x))
(exp(2*x) - 1)/(exp(2*x) + 1)
(1 - exp(-x))/(1 + exp(-x))
2/(1 + exp(-2*x)) - 1
1 - 2/(exp(2*x) + 1)
1/(1 + b*exp(-x))
x/(2 + exp(-x))
exp(x)/(b + exp(x))
atan(exp(x))
atan(sinh(x))
exp(-exp(-x))
1 - exp(-exp(x))
log(sigmoid(x))
log(1/(1 + exp(-x)))
log(cosh(x))
log(exp(x) + exp(-x))
log(exp(x) + exp(b*x))
log((1 + exp(x))/2)
log(1 + exp(x)) - log(2)
log(1 - exp(-abs(x)))
x/sqrt(1 + x^2)
(x + sqrt(x^2 + 4))/2
0.5*(x + sqrt(x^2 + b^2))
log(x + sqrt(x^2 + 1))
x^2*exp(-x)
x^3*exp(-abs(x))
x^2*exp(-x^2/2)
0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))
abs(x)/(1 + abs(x))
(x/(1 + abs(x)) + 1)/2
0.5 + atan(x)/pi
1 - tanh(x)^2
1/cosh(x)^2
x*(1 - exp(-x))/(1 + exp(-x))
softplus(x) - x
softplus(x) - softplus(-x)
x*log(1 + tanh(exp(x)))
exp(x)/(exp(x) + exp(-x))
x*exp(x)/(exp(x) + exp(-x))
1/(exp(x) + exp(-x))
exp(-x)/(1 - exp(-x))
sqrt(1/(1 + exp(-x)))
(1 + exp(-x))^(-a)
2^x - 1
2^x/(1 + 2^x)
log(1 + 2^x)
(e^x - e^(-x))/(e^x + e^(-x))
exp(x)*sigmoid(-2*x)
exp(log(1 + exp(x)))
where(x > 0, x, alpha*(exp(x) - 1))
max(0, x) + min(0, alpha*(exp(x/alpha) - 1))
""".strip().splitlines()

PLAIN = """
x
-x
3
pi*x
x^3 - 2*x + 1
(x + 1)/(x^2 + 1)
x^a
x^x
2^-x
b/x
sqrt(abs(x) + 1)
sin(x)*cos(x)
sinh(x) - cosh(b*x)
asinh(a*x)*atan(x)
log1p(x^2)
expm1(sin(x))
erfc(x)*erf(a*x)
Phi(b*x + 1)
relu(x - 1)^2
max(x, x^2)
min(x, a)
max(min(x, 2), -1)
clip(x, -1, b)
clip(x^2, x, 3)
clip(2*x, -1, x)
where(x <= 1, x^2, 2*x - 1)
where(sin(x) >= a, where(x < 0, -x, x^2), b*x)
abs(x - 1)*abs(b*x)
x*abs(x)
x*abs(-2*x)
abs(x)*abs(-x)*x
x/(1 + abs(b*x))
softplus(a*x)/a
sigmoid(sigmoid(x))
""".strip().splitlines()

MP: Mapping[str, Callable[..., Any]] = {
    "+": lambda u, v: u + v,
    "-": lambda u, v: u - v,
    "*": lambda u, v: u * v,
    "/": lambda u, v: u / v,
    "^": mp.power,
    "neg": lambda u: -u,
    "<": lambda u, v: u < v,
    "<=": lambda u, v: u <= v,
    ">": lambda u, v: u > v,
    ">=": lambda u, v: u >= v,
    "where": lambda condition, u, v: u if condition else v,
    "abs": abs,
    "min": min,
    "max": max,
    "clip": lambda u, low, high: min(max(u, low), high),
    "relu": lambda u: max(u, mp.mpf(0)),
    "expm1": mp.expm1,
    "log1p": mp.log1p,
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
    "softplus": lambda u: mp.log1p(mp.exp(u)),
    "Phi": lambda u: mp.erfc(-u / mp.sqrt(2)) / 2,
    "hypot": mp.hypot,
    "logaddexp": lambda u, v: mp.log(mp.exp(u) + mp.exp(v)),
    **{name: getattr(mp, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "sinh", "cosh")},
    **{name: getattr(mp, name) for name in ("asinh", "atan", "erf", "erfc")},
}


def evaluate(x: Any, *nodes: Node, parameters: Mapping[str, Any] = PARAMETERS) -> tuple[Any, ...]:
    """Evaluate trees with mpmath, at its present precision."""
    names = {"x": mp.mpf(x), "pi": +mp.pi, "e": +mp.e, **{name: mp.mpf(value) for name, value in parameters.items()}}
    return Program.compile(*nodes).run(MP, names, mp.mpf)
