"""One entry an activation: value, derivative, formulas, parameters, reference.

A new activation is a pair of functions and an entry in ``ACTIVATIONS``; everything else reads it from here.
"""

from collections.abc import Mapping

from activations import functions
from activations.activation import Activation, InvalidParameter, Parameter, Parameters, Range, Reference
from activations.functions import SELU_ALPHA, SELU_SCALE, Array

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Array",
    "InvalidParameter",
    "Parameter",
    "Parameters",
    "Range",
    "Reference",
    "UnknownActivation",
    "find",
]


class UnknownActivation(LookupError):
    """No activation has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown activation {name!r}; known: {', '.join(ACTIVATIONS)}")
        self.name = name


def find(name: str) -> Activation:
    """The catalog's entry of this name.

    Raises:
        UnknownActivation: there is none.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise UnknownActivation(name) from None


# Found with 25 digits as the zeros of the derivatives, at x = -0.752461 (tanh) and x = -0.751792 (none).
GELU_MINIMUM = {"tanh": -0.17004075057125405, "none": -0.16997120747990366}

_ENTRIES = (
    Activation(
        name="sigmoid",
        title="Sigmoid",
        value=functions.sigmoid,
        derivative=functions.sigmoid_derivative,
        formula_latex=r"\sigma(x) = \frac{1}{1 + e^{-x}}",
        derivative_latex=r"\sigma'(x) = \sigma(x) \left(1 - \sigma(x)\right)",
        bounds=lambda: (0.0, 1.0),
        monotonic=True,
        advantages=(
            "Smooth, and bounded between 0 and 1: its output reads as a probability.",
            "Never amplifies: its slope is at most 1/4.",
        ),
        drawbacks=(
            "Saturates on both sides, where the gradient vanishes.",
            "A slope of at most 1/4 shrinks the gradient at every layer, so the first layers learn slowest.",
            "Its outputs are not centred on zero.",
        ),
        reference=Reference(
            title="Learning representations by back-propagating errors",
            authors="David E. Rumelhart, Geoffrey E. Hinton, Ronald J. Williams",
            year=1986,
            url="https://doi.org/10.1038/323533a0",
        ),
    ),
    Activation(
        name="relu",
        title="Rectified Linear Unit",
        value=functions.relu,
        derivative=functions.relu_derivative,
        formula_latex=r"f(x) = \max(0, x)",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}",
        bounds=lambda: (0.0, None),
        monotonic=True,
        advantages=(
            "The cheapest of all: a comparison, no exponential.",
            "A slope of 1 for positive input, which neither saturates nor shrinks the gradient.",
            "Sparse: negative input gives exactly 0.",
        ),
        drawbacks=(
            "A unit whose input is never positive gets no gradient and stays dead.",
            "Unbounded, so activations and gradients can explode.",
            "Its outputs are not centred on zero.",
        ),
        reference=Reference(
            title="Rectified Linear Units Improve Restricted Boltzmann Machines",
            authors="Vinod Nair, Geoffrey E. Hinton",
            year=2010,
            url="https://www.cs.toronto.edu/~fritz/absps/reluICML.pdf",
        ),
    ),
    Activation(
        name="elu",
        title="Exponential Linear Unit",
        value=functions.elu,
        derivative=functions.elu_derivative,
        formula_latex=r"f(x) = \begin{cases} x & x > 0 \\ \alpha \left(e^x - 1\right) & x \le 0 \end{cases}",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ \alpha e^x & x \le 0 \end{cases}",
        parameters=(
            Parameter(
                name="alpha",
                default=1.0,
                description="The value tends to -alpha for x to -infinity. At 1 the slope has no jump at 0; the "
                "article calls 0.1 to 0.3 common.",
                # The paper asks for alpha > 0; from 0.001 down it hardly differs from ReLU; 100 is far past any use.
                minimum=0.001,
                maximum=100.0,
            ),
        ),
        bounds=lambda alpha: (-alpha, None),
        monotonic=True,
        advantages=(
            "Negative input keeps a gradient, so units do not die.",
            "Negative outputs bring the mean closer to zero.",
            "Saturates for very negative input, which makes it robust to noise there.",
        ),
        drawbacks=(
            "An exponential for every negative input: slower than ReLU.",
            "Unbounded, so activations and gradients can explode.",
            "alpha is one more thing to choose, and is not learnt.",
        ),
        reference=Reference(
            title="Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
            authors="Djork-Arné Clevert, Thomas Unterthiner, Sepp Hochreiter",
            year=2015,
            url="https://arxiv.org/abs/1511.07289",
        ),
    ),
    Activation(
        name="leaky-relu",
        title="Leaky Rectified Linear Unit",
        value=functions.leaky_relu,
        derivative=functions.leaky_relu_derivative,
        formula_latex=r"f(x) = \begin{cases} x & x > 0 \\ \alpha x & x \le 0 \end{cases}",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ \alpha & x \le 0 \end{cases}",
        parameters=(
            Parameter(
                name="alpha",
                default=0.2,
                description="The slope for negative input, from 0 (ReLU) to 1 (the identity); the article calls 0.1 "
                "to 0.3 common.",
                # Past 1 the leak would be steeper than the unit itself, and f(x) = max(x, alpha x) would not hold.
                minimum=0.0,
                maximum=1.0,
            ),
        ),
        bounds=lambda alpha: (None if alpha else 0.0, None),
        monotonic=True,
        advantages=(
            "Negative input keeps a gradient, so units do not die.",
            "As cheap as ReLU: no exponential.",
        ),
        drawbacks=(
            "Unbounded on both sides, so activations and gradients can explode.",
            "alpha is one more thing to choose, and is not learnt.",
        ),
        reference=Reference(
            title="Rectifier Nonlinearities Improve Neural Network Acoustic Models",
            authors="Andrew L. Maas, Awni Y. Hannun, Andrew Y. Ng",
            year=2013,
            url="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
        ),
    ),
    Activation(
        name="selu",
        title="Scaled Exponential Linear Unit",
        value=functions.selu,
        derivative=functions.selu_derivative,
        formula_latex=r"f(x) = \lambda \begin{cases} x & x > 0 \\ \alpha \left(e^x - 1\right) & x \le 0 \end{cases}"
        r", \quad \lambda = 1.05070\ldots, \quad \alpha = 1.67326\ldots",
        derivative_latex=r"f'(x) = \lambda \begin{cases} 1 & x > 0 \\ \alpha e^x & x \le 0 \end{cases}",
        bounds=lambda: (-SELU_SCALE * SELU_ALPHA, None),
        monotonic=True,
        self_normalizing=True,
        advantages=(
            "Self-normalizing: layer by layer it draws the mean towards 0 and the variance towards 1.",
            "Needs no batch normalization.",
            "Neither vanishing nor exploding gradients while that holds; units do not die.",
        ),
        drawbacks=(
            "Only self-normalizing with LeCun-normal weights, AlphaDropout and standardized input.",
            "An exponential for every negative input: slower than ReLU.",
        ),
        reference=Reference(
            title="Self-Normalizing Neural Networks",
            authors="Günter Klambauer, Thomas Unterthiner, Andreas Mayr, Sepp Hochreiter",
            year=2017,
            url="https://arxiv.org/abs/1706.02515",
        ),
    ),
    Activation(
        name="gelu",
        title="Gaussian Error Linear Unit",
        value=functions.gelu,
        derivative=functions.gelu_derivative,
        formula_latex=r"f(x) = \frac{x}{2} \left(1 + \tanh u\right), \quad "
        r"u = \sqrt{\frac{2}{\pi}} \left(x + 0.044715 x^3\right)",
        derivative_latex=r"f'(x) = \frac{1 + \tanh u}{2} + \frac{x}{2} \operatorname{sech}^2(u) "
        r"\sqrt{\frac{2}{\pi}} \left(1 + 3 \cdot 0.044715 x^2\right)",
        parameters=(
            Parameter(
                name="approximate",
                default="tanh",
                description="tanh: the paper's approximation, as in the formula; none: exactly x Phi(x), with the "
                "standard normal distribution function Phi. They differ by at most 4.7e-4.",
                choices=("tanh", "none"),
            ),
        ),
        bounds=lambda approximate: (GELU_MINIMUM[approximate], None),
        monotonic=False,
        advantages=(
            "Smooth everywhere, with a gradient for moderately negative input.",
            "Weights its input by its size instead of gating it by its sign; the usual choice in transformers.",
        ),
        drawbacks=(
            "The most expensive of the article's six.",
            "Not monotonic: below x = -0.75 the slope is negative.",
            "Unbounded, so activations and gradients can explode.",
        ),
        reference=Reference(
            title="Gaussian Error Linear Units (GELUs)",
            authors="Dan Hendrycks, Kevin Gimpel",
            year=2016,
            url="https://arxiv.org/abs/1606.08415",
        ),
    ),
)

ACTIVATIONS: Mapping[str, Activation] = {entry.name: entry for entry in _ENTRIES}
