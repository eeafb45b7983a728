"""The catalog's activations as formulas, with the names of their parameters.

They are what a client would write: naive where the stable forms have to help.
"""

import functools
from collections.abc import Mapping

from activations.formula.formula import Formula
from activations.functions import GELU_CUBIC, SELU_ALPHA, SELU_SCALE

# GELU has two, of which its parameter ``approximate`` chooses one.
CATALOG_FORMULAS: Mapping[str, str] = {
    "sigmoid": "1/(1 + exp(-x))",
    "relu": "relu(x)",
    "elu": "where(x > 0, x, alpha*(exp(x) - 1))",
    "leaky-relu": "where(x > 0, x, alpha*x)",
    "selu": f"{SELU_SCALE}*where(x > 0, x, {SELU_ALPHA}*(exp(x) - 1))",
    "gelu-tanh": f"0.5*x*(1 + tanh(sqrt(2/pi)*(x + {GELU_CUBIC}*x^3)))",
    "gelu-none": "x*Phi(x)",
    "tanh": "tanh(x)",
    "softplus": "log(1 + exp(x))",
    "silu": "x*sigmoid(x)",
    "mish": "x*tanh(log(1 + exp(x)))",
    "hardswish": "x*(clip(x + 3, 0, 6)/6)",
    "relu6": "clip(x, 0, 6)",
    "softsign": "x/(1 + abs(x))",
    "celu": "where(x > 0, x, alpha*(exp(x/alpha) - 1))",
}


def find_formula(name: str, parameters: Mapping[str, float | str]) -> Formula:
    """Find the formula of the catalog's activation, for complete parameters."""
    return read(f"{name}-{parameters['approximate']}" if name == "gelu" else name)


@functools.cache
def read(key: str) -> Formula:
    return Formula.read(CATALOG_FORMULAS[key])
