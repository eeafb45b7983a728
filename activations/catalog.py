"""The catalog: one entry for each activation with value, derivative, formulas, parameters and reference.

A new activation is a pair of functions and an entry in ``ACTIVATIONS``; everything else reads it from here.
"""

from collections.abc import Mapping

from activations import functions
from activations.activation import Activation, InvalidParameter, Jump, Parameter, Parameters, Range, Reference
from activations.functions import SELU_ALPHA, SELU_SCALE, Array

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Array",
    "InvalidParameter",
    "Jump",
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
        known = ", ".join(ACTIVATIONS)
        super().__init__(f"unknown activation {name!r}; known: {known}, and your own of GET /v1/activations")
        self.name = name


def find(name: str) -> Activation:
    """Find the catalog's entry of this name.

    Raises:
        UnknownActivation: there is none.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise UnknownActivation(name) from None


# Found with 25 digits as the zeros of the derivatives, at x = -0.752461 (tanh) and x = -0.751792 (none).
GELU_MINIMUM = {"tanh": -0.17004075057125405, "none": -0.16997120747990366}
SILU_MINIMUM = -0.27846454276107380  # at x = -1.278465, as above
MISH_MINIMUM = -0.30884341301725043  # at x = -1.192431, as above

_ENTRIES = (
    Activation(
        name="sigmoid",
        title="Sigmoid",
        value=functions.sigmoid,
        derivative=functions.sigmoid_derivative,
        formula_latex=r"\sigma(x) = \frac{1}{1 + e^{-x}}",
        derivative_latex=r"\sigma'(x) = \sigma(x) \left(1 - \sigma(x)\right)",
        bounds=lambda: (0.0, 1.0),
        monotony=True,
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
        monotony=True,
        seams=(0.0,),
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
        monotony=True,
        seams=(0.0,),
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
        monotony=True,
        seams=(0.0,),
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
        formula_latex=r"\begin{array}{l} f(x) = \lambda \begin{cases} x & x > 0 \\ \alpha "
        r"\left(e^x - 1\right) & x \le 0 \end{cases} \\ \lambda = 1.05070\ldots, \; \alpha = 1.67326\ldots \end{array}",
        derivative_latex=r"f'(x) = \lambda \begin{cases} 1 & x > 0 \\ \alpha e^x & x \le 0 \end{cases}",
        bounds=lambda: (-SELU_SCALE * SELU_ALPHA, None),
        monotony=True,
        seams=(0.0,),
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
        formula_latex=r"\begin{array}{l} f(x) = \frac{x}{2} \left(1 + \tanh u\right) \\ "
        r"u = \sqrt{2/\pi} \left(x + 0.044715 x^3\right) \end{array}",
        derivative_latex=r"\begin{array}{l} f'(x) = \frac{1 + \tanh u}{2} + \frac{x}{2} \operatorname{sech}^2(u) u' \\ "
        r"u' = \sqrt{2/\pi} \left(1 + 0.134145 x^2\right) \end{array}",
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
        monotony=False,
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
    Activation(
        name="tanh",
        title="Hyperbolic Tangent",
        value=functions.tanh,
        derivative=functions.tanh_derivative,
        formula_latex=r"f(x) = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}",
        derivative_latex=r"f'(x) = 1 - \tanh^2 x = \operatorname{sech}^2 x",
        bounds=lambda: (-1.0, 1.0),
        monotony=True,
        advantages=(
            "Smooth, bounded, and centred on zero.",
            "A slope of 1 at zero: small signals pass unchanged.",
        ),
        drawbacks=(
            "Saturates on both sides, where the gradient vanishes.",
            "Its slope is below 1 everywhere else, so the gradient shrinks from layer to layer.",
        ),
        reference=Reference(
            title="Efficient BackProp",
            authors="Yann LeCun, Léon Bottou, Genevieve B. Orr, Klaus-Robert Müller",
            year=1998,
            url="https://doi.org/10.1007/3-540-49430-8_2",
        ),
    ),
    Activation(
        name="softplus",
        title="Softplus",
        value=functions.softplus,
        derivative=functions.sigmoid,
        formula_latex=r"f(x) = \ln\left(1 + e^x\right)",
        derivative_latex=r"f'(x) = \sigma(x) = \frac{1}{1 + e^{-x}}",
        bounds=lambda: (0.0, None),
        monotony=True,
        advantages=(
            "A smooth ReLU, with a gradient everywhere: units do not die.",
            "Its derivative is the sigmoid.",
        ),
        drawbacks=(
            "Never zero and always positive: not sparse, and not centred on zero.",
            "An exponential and a logarithm for every input: slower than ReLU, seldom better.",
            "Unbounded, so activations and gradients can explode.",
        ),
        reference=Reference(
            title="Incorporating Second-Order Functional Knowledge for Better Option Pricing",
            authors="Charles Dugas, Yoshua Bengio, François Bélisle, Claude Nadeau, René Garcia",
            year=2000,
            url="https://papers.nips.cc/paper/1920-incorporating-second-order-functional-knowledge-for-better-option-pricing",
        ),
    ),
    Activation(
        name="silu",
        title="Sigmoid Linear Unit (Swish)",
        value=functions.silu,
        derivative=functions.silu_derivative,
        formula_latex=r"f(x) = x \sigma(x) = \frac{x}{1 + e^{-x}}",
        derivative_latex=r"f'(x) = \sigma(x) + x \sigma(x) \left(1 - \sigma(x)\right)",
        bounds=lambda: (SILU_MINIMUM, None),
        monotony=False,
        advantages=(
            "Smooth everywhere, with a gradient for moderately negative input.",
            "Close to GELU, and cheaper.",
        ),
        drawbacks=(
            "An exponential for every input: slower than ReLU.",
            "Not monotonic: below x = -1.28 the slope is negative.",
            "Unbounded, so activations and gradients can explode.",
        ),
        reference=Reference(
            title="Sigmoid-Weighted Linear Units for Neural Network Function Approximation in Reinforcement Learning",
            authors="Stefan Elfwing, Eiji Uchibe, Kenji Doya",
            year=2017,
            url="https://arxiv.org/abs/1702.03118",
        ),
    ),
    Activation(
        name="mish",
        title="Mish",
        value=functions.mish,
        derivative=functions.mish_derivative,
        formula_latex=r"f(x) = x \tanh\left(\ln\left(1 + e^x\right)\right)",
        derivative_latex=r"\begin{array}{l} f'(x) = \tanh s + x \sigma(x) \operatorname{sech}^2 s \\ "
        r"s = \ln\left(1 + e^x\right) \end{array}",
        bounds=lambda: (MISH_MINIMUM, None),
        monotony=False,
        advantages=(
            "Smooth everywhere, with a gradient for moderately negative input.",
            "Gates its input by itself, as SiLU does, with a slightly deeper dip.",
        ),
        drawbacks=(
            "Among the most expensive: as written an exponential, a logarithm and a hyperbolic tangent.",
            "Not monotonic: below x = -1.19 the slope is negative.",
            "Unbounded, so activations and gradients can explode.",
        ),
        reference=Reference(
            title="Mish: A Self Regularized Non-Monotonic Activation Function",
            authors="Diganta Misra",
            year=2019,
            url="https://arxiv.org/abs/1908.08681",
        ),
    ),
    Activation(
        name="hardswish",
        title="Hard Swish",
        value=functions.hardswish,
        derivative=functions.hardswish_derivative,
        formula_latex=r"f(x) = x \cdot \frac{\min(\max(x + 3, 0), 6)}{6}",
        derivative_latex=r"f'(x) = \begin{cases} 0 & x \le -3 \\ \frac{2x + 3}{6} & -3 < x < 3 \\ 1 & x \ge 3 "
        r"\end{cases}",
        bounds=lambda: (-0.375, None),
        monotony=False,
        seams=(-3.0, 3.0),
        advantages=(
            "SiLU's shape without an exponential: made for small devices.",
            "Exactly 0 below -3 and exactly x above 3.",
        ),
        drawbacks=(
            "A unit whose input is never above -3 gets no gradient and stays dead.",
            "Its slope jumps at -3 and 3.",
            "Not monotonic: between -3 and -1.5 the slope is negative.",
        ),
        reference=Reference(
            title="Searching for MobileNetV3",
            authors="Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, "
            "Yukun Zhu, Ruoming Pang, Vijay Vasudevan, Quoc V. Le, Hartwig Adam",
            year=2019,
            url="https://arxiv.org/abs/1905.02244",
        ),
    ),
    Activation(
        name="relu6",
        title="Rectified Linear Unit capped at 6",
        value=functions.relu6,
        derivative=functions.relu6_derivative,
        formula_latex=r"f(x) = \min(\max(0, x), 6)",
        derivative_latex=r"f'(x) = \begin{cases} 1 & 0 < x < 6 \\ 0 & \text{otherwise} \end{cases}",
        bounds=lambda: (0.0, 6.0),
        monotony=True,
        seams=(0.0, 6.0),
        advantages=(
            "Bounded: activations cannot explode, and survive low precision.",
            "As cheap as ReLU: no exponential.",
            "Sparse: negative input gives exactly 0.",
        ),
        drawbacks=(
            "A unit whose input is never between 0 and 6 gets no gradient and stays dead.",
            "Its outputs are not centred on zero.",
        ),
        reference=Reference(
            title="Convolutional Deep Belief Networks on CIFAR-10",
            authors="Alex Krizhevsky",
            year=2010,
            url="https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf",
        ),
    ),
    Activation(
        name="softsign",
        title="Softsign",
        value=functions.softsign,
        derivative=functions.softsign_derivative,
        formula_latex=r"f(x) = \frac{x}{1 + |x|}",
        derivative_latex=r"f'(x) = \frac{1}{\left(1 + |x|\right)^2}",
        bounds=lambda: (-1.0, 1.0),
        monotony=True,
        advantages=(
            "Bounded and centred on zero, without an exponential.",
            "Saturates slowly: its slope falls with the square of x, not exponentially as tanh's.",
        ),
        drawbacks=(
            "Saturates on both sides all the same, where the gradient vanishes.",
            "Its slope is below 1 everywhere but at zero, so the gradient shrinks from layer to layer.",
        ),
        reference=Reference(
            title="Understanding the difficulty of training deep feedforward neural networks",
            authors="Xavier Glorot, Yoshua Bengio",
            year=2010,
            url="https://proceedings.mlr.press/v9/glorot10a.html",
        ),
    ),
    Activation(
        name="celu",
        title="Continuously Differentiable Exponential Linear Unit",
        value=functions.celu,
        derivative=functions.celu_derivative,
        formula_latex=r"f(x) = \begin{cases} x & x > 0 \\ \alpha \left(e^{x / \alpha} - 1\right) & x \le 0 \end{cases}",
        derivative_latex=r"f'(x) = \begin{cases} 1 & x > 0 \\ e^{x / \alpha} & x \le 0 \end{cases}",
        parameters=(
            Parameter(
                name="alpha",
                default=1.0,
                description="The value tends to -alpha for x to -infinity; the slope has no jump at 0 whatever alpha "
                "is. At 1 it is ELU.",
                # As elu's: from 0.001 down it hardly differs from ReLU, from 100 up from the identity.
                minimum=0.001,
                maximum=100.0,
            ),
        ),
        bounds=lambda alpha: (-alpha, None),
        monotony=True,
        seams=(0.0,),
        advantages=(
            "ELU with a continuous slope for every alpha.",
            "Negative input keeps a gradient of at most 1, so units do not die.",
            "Negative outputs bring the mean closer to zero.",
        ),
        drawbacks=(
            "An exponential for every negative input: slower than ReLU.",
            "Unbounded, so activations and gradients can explode.",
            "alpha is one more thing to choose, and is not learnt.",
        ),
        reference=Reference(
            title="Continuously Differentiable Exponential Linear Units",
            authors="Jonathan T. Barron",
            year=2017,
            url="https://arxiv.org/abs/1704.07483",
        ),
    ),
)

ACTIVATIONS: Mapping[str, Activation] = {entry.name: entry for entry in _ENTRIES}
