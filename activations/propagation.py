"""Propagation of signals and gradients through random dense layers: the effect of depth and initial weights."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from activations.activation import Activation, Parameters
from activations.functions import Array
from activations.gradients import normalized, scaled

SATURATED = 1e-3
"""An activation whose |derivative| is below this passes almost no gradient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer; the names have the same meaning as for a job's layers (worker/training/diagnostics.py)."""

    layer: int
    """1-based, from the input."""
    activation_mean: float
    activation_variance: float
    """Mean and population variance of a_l over all samples and units."""
    gradient_norm: float
    """L2 norm of dC/dW_l and dC/db_l together."""
    dead_fraction: float
    """Fraction of units whose derivative rounds to 0 in float32 at every sample: their weights get no gradient.

    A worker computes in float32 from the start, where a sigmoid's 1 - s is 0 from 17 on already.
    """
    saturated_fraction: float
    """Fraction of all |f'(z_l)| below SATURATED."""


def propagate(
    activation: Activation,
    parameters: Parameters,
    *,
    depth: int,
    width: int,
    samples: int,
    initializer: str,
    seed: int,
) -> list[Layer]:
    """Compute a_l = f(a_(l-1) W_l) for l = 1..depth and the gradients back, in float64, for one random draw.

    a_0 [samples, width] is standard normal, W_l [width, width] is drawn by the initializer, biases are 0. The cost
    is C = sum(v * a_depth) / samples, with a standard normal v [samples, width]. The seed decides weights, a_0 and v,
    whatever the activation.

    Args:
        activation: f.
        parameters: complete.
        depth: number of layers.
        width: units in each.
        samples: rows of a_0.
        initializer: a key of INITIALIZERS.
        seed: of the generator.
    """
    weights_source, input_source, cost_source = np.random.default_rng(seed).spawn(3)
    weights = [INITIALIZERS[initializer](weights_source, width) for _ in range(depth)]
    activations, slopes = [input_source.standard_normal((samples, width))], []
    with np.errstate(
        over="ignore", under="ignore", invalid="ignore"
    ):  # figures that are not finite are returned as such
        for weight in weights:
            z = activations[-1] @ weight
            activations.append(activation.value(z, **parameters))
            slopes.append(activation.derivative(z, **parameters))
        norms = gradient_norms(weights, activations, slopes, cost_source.standard_normal((samples, width)))
        return [
            Layer(
                layer=layer,
                activation_mean=float(value.mean()),
                activation_variance=float(value.var()),
                gradient_norm=norm,
                dead_fraction=float((slope.astype(np.float32) == 0).all(axis=0).mean()),
                saturated_fraction=float((np.abs(slope) < SATURATED).mean()),
            )
            for layer, (value, slope, norm) in enumerate(zip(activations[1:], slopes, norms, strict=True), start=1)
        ]


def gradient_norms(
    weights: Sequence[Array], activations: Sequence[Array], slopes: Sequence[Array], v: Array
) -> list[float]:
    """Compute the L2 norm of [dC/dW_l, dC/db_l] for l = 1..depth; ``activations`` are a_0 .. a_depth.

    Each step back is linear, so its power of two can be kept apart: no norm within float64 is lost.
    """
    norms, arriving, exponent = [], v / len(v), 0
    for weight, entering, slope in zip(*map(reversed, (weights, activations[:-1], slopes)), strict=True):
        delta, shift = normalized(arriving * slope)  # dC/dz
        exponent += shift
        norm = math.hypot(np.linalg.norm(entering.T @ delta), np.linalg.norm(delta.sum(axis=0)))
        norms.append(scaled(norm, exponent))
        arriving = delta @ weight.T
    return norms[::-1]


def uniform(random: Generator, width: int, *, bound: float) -> Array:
    return random.uniform(-bound, bound, (width, width))


def truncated_normal(random: Generator, width: int, *, variance: float) -> Array:
    """Draw from a normal cut off at two standard deviations, as Keras does, widened to have ``variance``."""
    weights = random.standard_normal((width, width))
    while (beyond := np.abs(weights) > 2).any():
        weights[beyond] = random.standard_normal(np.count_nonzero(beyond))
    return weights * (math.sqrt(variance) / 0.87962566103423978)


# As worker/training/model.py draws them, for a layer of as many inputs as outputs.
INITIALIZERS: Mapping[str, Callable[[Generator, int], Array]] = {
    "glorot_uniform": lambda random, width: uniform(random, width, bound=math.sqrt(3 / width)),
    "lecun_normal": lambda random, width: truncated_normal(random, width, variance=1 / width),
    "he_normal": lambda random, width: truncated_normal(random, width, variance=2 / width),
    "torch_default": lambda random, width: uniform(random, width, bound=1 / math.sqrt(width)),
}
