"""Propagation of signals and gradients through random dense layers: the effect of depth and initial weights."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from activations.activation import Activation, Parameters
from activations.functions import Array
from activations.gradients import normalized, scaled

SATURATED = 1e-3
"""An activation whose |derivative| is below this passes almost no gradient."""
BLOCK = 32_768
"""Numbers of a block: with what a function makes of it, it stays in a core's cache."""

Step = tuple[Array, Array, Array]
"""Of one layer: W_l, a_(l-1) and f'(z_l)."""
Multiply = Callable[[Array, Array], Array]


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
    weights = Weights(weights_source, lambda random: INITIALIZERS[initializer](random, width), depth)
    entering = a_0 = input_source.standard_normal((samples, width))
    v = cost_source.standard_normal((samples, width))
    value, derivative = partial(activation.value, **parameters), partial(activation.derivative, **parameters)
    inputs: list[Array] = []  # z_1 .. z_depth: all that is held
    forward, backward = [], []
    with Threads() as threads, ignore_what_is_not_finite():
        for weight in weights.forward():
            inputs.append(threads.multiply(entering, weight))
            entering = threads.apply(value, inputs[-1])
            forward.append((float(entering.mean()), float(entering.var())))

        def step_back() -> Iterator[Step]:
            for at, weight in zip(range(depth)[::-1], weights.backward(), strict=True):
                slope = threads.apply(derivative, inputs.pop())
                backward.append((find_dead(slope), float((np.abs(slope) < SATURATED).mean())))
                yield weight, threads.apply(value, inputs[-1]) if at else a_0, slope

        norms = gradient_norms(step_back(), v, multiply=threads.multiply)
    return [
        Layer(
            layer=layer,
            activation_mean=mean,
            activation_variance=variance,
            gradient_norm=norm,
            dead_fraction=dead,
            saturated_fraction=saturated,
        )
        for layer, ((mean, variance), norm, (dead, saturated)) in enumerate(
            zip(forward, norms, reversed(backward), strict=True), start=1
        )
    ]


def find_dead(slope: Array) -> float:
    """Find the fraction of units whose slope is 0 in float32 at every sample."""
    return float((slope.astype(np.float32) == 0).all(axis=0).mean())


def gradient_norms(steps: Iterable[Step], v: Array, *, multiply: Multiply = np.matmul) -> list[float]:
    """Compute the L2 norm of [dC/dW_l, dC/db_l] for l = 1..depth; the steps are those of l = depth..1.

    Each step back is linear, so its power of two can be kept apart: no norm within float64 is lost.
    """
    norms, arriving, exponent = [], v / len(v), 0
    for weight, entering, slope in steps:
        delta, shift = normalized(arriving * slope)  # dC/dz
        exponent += shift
        norm = math.hypot(np.linalg.norm(multiply(entering.T, delta)), np.linalg.norm(delta.sum(axis=0)))
        norms.append(scaled(norm, exponent))
        arriving = multiply(delta, weight.T)
    return norms[::-1]


class Weights:
    """W_1 .. W_depth, drawn again for the way back: they would take 1.7 GB. Each is drawn ahead."""

    def __init__(self, random: Generator, draw: Callable[[Generator], Array], depth: int) -> None:
        self._random, self._draw, self._depth = random, draw, depth
        self._states: list[Any] = []  # of the generator, before each

    def forward(self) -> Iterator[Array]:
        return draw_ahead(1, (self._draw_next for _ in range(self._depth)))

    def backward(self) -> Iterator[Array]:
        return draw_ahead(2, (partial(self._draw_at, state) for state in reversed(self._states)))

    def _draw_next(self) -> Array:
        self._states.append(self._random.bit_generator.state)
        return self._draw(self._random)

    def _draw_at(self, state: Any) -> Array:  # noqa: ANN401  # as the generator describes it
        bits = type(self._random.bit_generator)()
        bits.state = state
        return self._draw(Generator(bits))


def draw_ahead(count: int, draws: Iterable[Callable[[], Array]]) -> Iterator[Array]:
    """Draw so many in other threads while the one before is used."""
    with ThreadPoolExecutor(count) as threads:
        waiting: deque[Future[Array]] = deque()
        for draw in draws:
            waiting.append(threads.submit(draw))
            if len(waiting) > count:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


class Threads(ThreadPoolExecutor):
    """Threads for large arrays, by blocks of rows."""

    def __init__(self) -> None:
        super().__init__(max_workers=2)

    def apply(self, function: Callable[[Array], Array], array: Array) -> Array:
        """Apply a function of each number, to blocks that stay in a core's cache."""
        result = np.empty_like(array)

        def apply_to(rows: slice) -> None:
            with ignore_what_is_not_finite():
                result[rows] = function(array[rows])

        self._over_rows(apply_to, len(array), -(-BLOCK // array.shape[1]))
        return result

    def multiply(self, left: Array, right: Array) -> Array:
        result = np.empty((len(left), right.shape[1]))

        def multiply_by(rows: slice) -> None:
            with ignore_what_is_not_finite():
                np.matmul(left[rows], right, out=result[rows])

        self._over_rows(multiply_by, len(left), max(64, -(-len(left) // 2)))
        return result

    def _over_rows(self, step: Callable[[slice], None], length: int, size: int) -> None:
        deque(self.map(step, [slice(at, at + size) for at in range(0, length, size)]), maxlen=0)


def ignore_what_is_not_finite() -> np.errstate:
    """Return figures that are not finite as such, in this thread."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore")


def uniform(random: Generator, width: int, *, bound: float) -> Array:
    """Draw as random.uniform does, a third faster."""
    weights = random.random((width, width))
    weights *= 2 * bound
    weights -= bound
    return weights


def truncated_normal(random: Generator, width: int, *, variance: float) -> Array:
    """Draw from a normal cut off at two standard deviations, as Keras does, widened to have ``variance``."""
    weights = np.empty(width * width)
    found = []
    for at in range(0, len(weights), BLOCK):
        block = weights[at : at + BLOCK]
        random.standard_normal(out=block)
        found.append(at + np.flatnonzero(np.abs(block) > 2))
    beyond = np.concatenate(found)
    while len(beyond):
        again = random.standard_normal(len(beyond))
        weights[beyond] = again
        beyond = beyond[np.abs(again) > 2]
    weights *= math.sqrt(variance) / 0.87962566103423978
    return weights.reshape(width, width)


# As worker/training/model.py draws them, for a layer of as many inputs as outputs.
INITIALIZERS: Mapping[str, Callable[[Generator, int], Array]] = {
    "glorot_uniform": lambda random, width: uniform(random, width, bound=math.sqrt(3 / width)),
    "lecun_normal": lambda random, width: truncated_normal(random, width, variance=1 / width),
    "he_normal": lambda random, width: truncated_normal(random, width, variance=2 / width),
    "torch_default": lambda random, width: uniform(random, width, bound=1 / math.sqrt(width)),
}
