"""The mathematics: each function and its derivative, elementwise over float64.

Values and derivatives keep a relative error below 1e-12 wherever the true result exceeds 1e-300 in magnitude; within
0.01 of a zero of a derivative the error is below 1e-15 absolute instead. At the kink, x = 0, the negative branch
counts, as in torch (ATen's threshold, leaky_relu and elu backward kernels); at the other kinks of hardswish and relu6
their straight outer pieces count, as there.
"""

import functools
import math
from collections.abc import Callable
from typing import Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
P = ParamSpec("P")

# Klambauer et al., "Self-Normalizing Neural Networks" (2017): mean 0 and variance 1 are a fixed point for these.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016), section 2: x s(2u) with u = sqrt(2/pi) (x + 0.044715 x^3).
GELU_CUBIC = 0.044715
GELU_SLOPE = 2 * math.sqrt(2 / math.pi)  # of 2u at 0

GELU_NEGLIGIBLE = 40.0  # beyond it both forms' tails are below exp(-800), which float64 cannot hold


def elementwise(function: Callable[Concatenate[Array, P], Array]) -> Callable[Concatenate[ArrayLike, P], Array]:
    """Take anything like an array of finite numbers; return float64 of the same shape.

    A result too small or too large for float64 is 0 or inf, as it should be, and nothing to warn about; an invalid
    operation would be our mistake, so that warning stays.
    """

    @functools.wraps(function)
    def over_array(x: ArrayLike, /, *args: P.args, **kwargs: P.kwargs) -> Array:
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(function(np.asarray(x, dtype=np.float64), *args, **kwargs))

    return over_array


def mirrored(x: Array, tail: Array) -> Array:
    """f(x) for an f with f(-x) = 1 - f(x), given ``tail`` = f(-|x|): the half where nothing cancels."""
    return np.where(x < 0, tail, 1 - tail)


@elementwise
def sigmoid(x: Array) -> Array:
    return mirrored(x, logistic_tail(np.abs(x)))


@elementwise
def sigmoid_derivative(x: Array) -> Array:
    """The product s(-|x|) s(|x|): for large x, 1 - s(x) would lose every digit."""
    tail = logistic_tail(np.abs(x))
    return tail * (1 - tail)


def logistic_tail(distance: Array) -> Array:
    """Sigmoid at -distance."""
    decay = np.exp(-distance)
    return np.asarray(decay / (1 + decay))


@elementwise
def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


@elementwise
def relu_derivative(x: Array) -> Array:
    return np.where(x > 0, 1.0, 0.0)


@elementwise
def leaky_relu(x: Array, *, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * x)


@elementwise
def leaky_relu_derivative(x: Array, *, alpha: float) -> Array:
    return np.where(x > 0, 1.0, alpha)


@elementwise
def elu(x: Array, *, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@elementwise
def elu_derivative(x: Array, *, alpha: float) -> Array:
    """For x <= 0, alpha e^x itself: ELU(x) + alpha would lose it against alpha."""
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))


@elementwise
def selu(x: Array) -> Array:
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


@elementwise
def selu_derivative(x: Array) -> Array:
    return SELU_SCALE * elu_derivative(x, alpha=SELU_ALPHA)


@elementwise
def gelu(x: Array, *, approximate: str) -> Array:
    """The gated input x g(x): the gate g is Phi (``none``) or 0.5 (1 + tanh u) = s(2u) (``tanh``)."""
    tail, _ = GELU_FORMS[approximate]
    return x * mirrored(x, tail(distance(x)))


@elementwise
def gelu_derivative(x: Array, *, approximate: str) -> Array:
    """g(x) + x g'(x), which mirrors as g itself does: g' is even."""
    _, slope = GELU_FORMS[approximate]
    return mirrored(x, slope(distance(x)))


def distance(x: Array) -> Array:
    """From 0, as far as float64 can tell the tails there from 0."""
    return np.minimum(np.abs(x), GELU_NEGLIGIBLE)


def tanh_tail(distance: Array) -> Array:
    """0.5 (1 + tanh u) at -distance."""
    return logistic_tail(GELU_SLOPE * distance * (1 + GELU_CUBIC * distance**2))


def tanh_slope(distance: Array) -> Array:
    """d/dx of x s(2u), at x = -distance: s(2u) (1 + x s(-2u) 2u')."""
    tail = tanh_tail(distance)
    growth = GELU_SLOPE * (1 + 3 * GELU_CUBIC * distance**2)
    return tail * (1 - distance * (1 - tail) * growth)


def normal_tail(distance: Array) -> Array:
    """Phi at -distance."""
    return normal_density(distance) * mills_ratio(distance)


def normal_slope(distance: Array) -> Array:
    """d/dx of x Phi(x), at x = -distance: Phi(x) + x phi(x)."""
    return normal_density(distance) * (mills_ratio(distance) - distance)


def normal_density(x: Array) -> Array:
    """phi(x) = exp(-x^2 / 2) / sqrt(2 pi). Rounding x^2 costs 8e-14 at worst, at 37, where phi is 1e-298."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def mills_ratio(x: Array) -> Array:
    """(1 - Phi(x)) / phi(x); erfcx keeps its relative precision where erfc underflows."""
    from scipy import special  # noqa: PLC0415  # a fifth of the time that the API needs to start

    return math.sqrt(math.pi / 2) * special.erfcx(x / math.sqrt(2))


# The value of `approximate` -> the gate and the derivative, both at -distance.
GELU_FORMS = {"tanh": (tanh_tail, tanh_slope), "none": (normal_tail, normal_slope)}


@elementwise
def tanh(x: Array) -> Array:
    return np.tanh(x)


@elementwise
def tanh_derivative(x: Array) -> Array:
    """sech^2(x) as 4 s(-2|x|) s(2|x|): for large x, 1 - tanh^2(x) would lose every digit."""
    return 4 * sigmoid_derivative(2 * x)


@elementwise
def softplus(x: Array) -> Array:
    """log(1 + e^x), with an exponential that does not overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@elementwise
def silu(x: Array) -> Array:
    return x * sigmoid(x)


@elementwise
def silu_derivative(x: Array) -> Array:
    """s(x) + x s'(x), which mirrors as the gate s itself does."""
    distance = np.abs(x)
    tail = logistic_tail(distance)
    return mirrored(x, tail * (1 - distance * (1 - tail)))


@elementwise
def mish(x: Array) -> Array:
    return x * mish_gate(x, np.exp(-np.abs(x)))


@elementwise
def mish_derivative(x: Array) -> Array:
    decay = np.exp(-np.abs(x))
    return mish_gate(x, decay) + x * mish_slope(x, decay)


def mish_gate(x: Array, decay: Array) -> Array:
    """tanh(log(1 + e^x)) as a quotient in e^-|x|, the decay, which neither cancels nor overflows.

    With q = e^x it is q (q + 2) / (q^2 + 2q + 2), and its derivative 4q (q + 1) / (q^2 + 2q + 2)^2; for x > 0 both
    sides of each quotient are divided by the highest power of q.
    """
    left, right = mish_denominators(decay)
    return np.where(x < 0, decay * (2 + decay) / left, (1 + 2 * decay) / right)


def mish_slope(x: Array, decay: Array) -> Array:
    left, right = mish_denominators(decay)
    return np.asarray(4 * decay * (1 + decay) * np.where(x < 0, 1 / left**2, decay / right**2))


def mish_denominators(decay: Array) -> tuple[Array, Array]:
    """The denominator q^2 + 2q + 2, for x < 0, and for x > 0, where it is divided by q^2."""
    return 2 + decay * (2 + decay), 1 + 2 * decay * (1 + decay)


@elementwise
def hardswish(x: Array) -> Array:
    return x * (np.clip(x + 3, 0, 6) / 6)


@elementwise
def hardswish_derivative(x: Array) -> Array:
    return np.where(x <= -3, 0.0, np.where(x < 3, (2 * x + 3) / 6, 1.0))


@elementwise
def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


@elementwise
def relu6_derivative(x: Array) -> Array:
    return np.where((x > 0) & (x < 6), 1.0, 0.0)


@elementwise
def softsign(x: Array) -> Array:
    return np.asarray(x / (1 + np.abs(x)))


@elementwise
def softsign_derivative(x: Array) -> Array:
    return np.asarray((1 / (1 + np.abs(x))) ** 2)


@elementwise
def celu(x: Array, *, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


@elementwise
def celu_derivative(x: Array, *, alpha: float) -> Array:
    return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0) / alpha))
