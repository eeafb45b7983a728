"""The article's CNN, with Keras's defaults."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Generator, Tensor, nn

from activations.formula.catalog import find_formula
from activations.formula.formula import Formula
from jobs.spec import JobSpec, Trainable
from worker.training.activation import FormulaActivation, LearntActivation
from worker.training.dropout import Dropout, alpha_dropout, dropout
from worker.training.linear import Linear

Function = Callable[[Tensor], Tensor]


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    return F.leaky_relu(x, negative_slope=alpha)


def softplus(x: Tensor) -> Tensor:
    """Exact to the last digit; F.softplus is the identity from 20 on, and overflows without that bound."""
    return -F.logsigmoid(-x)


def celu(x: Tensor, alpha: float) -> Tensor:
    """Exact in its gradient too; the backward pass of F.celu rounds 1 / alpha to float32 (derivatives.yaml)."""
    return alpha * F.elu(x / alpha)


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
    "elu": F.elu,
    "leaky-relu": leaky_relu,
    "selu": F.selu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "softplus": softplus,
    "silu": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "relu6": F.relu6,
    "softsign": F.softsign,
    "celu": celu,
}
"""The catalog's activations in torch; their parameters have the catalog's names."""


IN_PLACE: Mapping[str, Function] = {"relu": torch.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}
"""Activations whose gradient is computed from their value, to the same bits: a convolution's output is not kept."""


ACTIVATED: Mapping[str, int] = {"conv1": 32, "conv2": 64, "dense1": 128}
"""The layers with an activation, and their channels or units."""
LAYERS = (*ACTIVATED, "dense2")


def build_activation(name: str, parameters: Mapping[str, float | str]) -> Function:
    return partial(FUNCTIONS[name], **parameters)


def find_function(spec: JobSpec) -> Function:
    """Find the function of tensors that has a spec's activation, with fixed parameters."""
    if spec.formula is None:
        return build_activation(spec.activation, spec.parameters)
    return FormulaActivation(read_formula(spec), spec.parameters)


def read_formula(spec: JobSpec) -> Formula:
    """Read the client's own formula, or that of the catalog's activation."""
    return spec.function.formula or find_formula(spec.activation, spec.parameters)


class Network(nn.Module):
    """conv 3x3x32 - act - conv 3x3x64 - act - maxpool 2 - dropout - dense 128 - act - dropout - dense 10.

    Valid padding; 1,199,882 weights and biases; ``weights`` draws the initial ones. The activation's parameters that
    learn are named after what they belong to: ``conv1.activation.alpha``, or ``activation.alpha`` for all layers.
    """

    def __init__(self, spec: JobSpec, weights: Generator) -> None:
        super().__init__()
        with torch.device("meta"):  # no memory yet, so the layers' own initializers draw nothing
            self.conv1 = nn.Conv2d(1, 32, 3)
            self.conv2 = nn.Conv2d(32, 64, 3)
            self.dense1 = Linear(12 * 12 * 64, 128)
            self.dense2 = nn.Linear(128, 10)
        self.to_empty(device="cpu")
        self.rates = spec.dropout
        self.dropout: Dropout = alpha_dropout if spec.self_normalizing else dropout
        self.initialize(INITIALIZERS[spec.drawn_by], weights)
        self.to(memory_format=torch.channels_last)
        self.learnt = self.add_learnt(spec, spec.trainable) if spec.trainable else {}
        """Activations with parameters that learn, by layer; ``all`` is every layer's."""
        self.activations: Mapping[str, Function] = self.learnt or {"all": find_function(spec)}
        self.in_place = IN_PLACE.get(spec.activation)
        function = spec.function
        self.monotonic = function.monotonic is True and not (function.custom and self.learnt)
        self.bounds = {parameter.name: parameter for parameter in function.parameters}

    def initialize(self, draw: "Initializer", weights: Generator) -> None:
        for parameter in self.parameters():
            if parameter.dim() == 1:
                nn.init.zeros_(parameter)  # a bias
            else:
                draw(parameter, weights)

    def add_learnt(self, spec: JobSpec, trainable: Trainable) -> Mapping[str, LearntActivation]:
        """Add activations whose parameters start at the spec's: no random numbers are drawn."""
        function = FormulaActivation(read_formula(spec), spec.parameters, trainable.parameters)
        if trainable.per == "network":
            self.activation = LearntActivation(function, spec.parameters)
            return {"all": self.activation}
        learnt = {}
        for layer, channels in ACTIVATED.items():
            shape = (channels,) if trainable.per == "channel" else ()
            learnt[layer] = LearntActivation(function, spec.parameters, shape)
            self.get_submodule(layer).add_module("activation", learnt[layer])
        return learnt

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Split them into weights with biases, and those of activations."""
        of_activations = [parameter for module in self.learnt.values() for parameter in module.parameters()]
        apart = {*map(id, of_activations)}
        return [parameter for parameter in self.parameters() if id(parameter) not in apart], of_activations

    def find_activation(self, layer: str) -> Function:
        return self.activations.get(layer) or self.activations["all"]

    def forward(self, images: Tensor, masks: Generator | None = None) -> Tensor:
        """Logits [n, 10] of images [n, 1, 28, 28] in 0..1; ``masks`` draws the dropout; None means no dropout."""
        x = self.pool(self.conv2(self.activate("conv1", self.conv1(images))))
        x = self.drop(x, self.rates.convolution, masks)
        x = self.dense1(x.permute(0, 2, 3, 1).flatten(1))  # Keras's order, a view of channels_last
        logits: Tensor = self.dense2(self.drop(self.activate("dense1", x), self.rates.dense, masks))
        return logits

    def activate(self, layer: str, x: Tensor) -> Tensor:
        return (self.in_place or self.find_activation(layer))(x)

    def pool(self, x: Tensor) -> Tensor:
        """Apply activation and pooling. A monotonic f goes last: max f(x) = f(max x), at a quarter of the cost."""
        if self.monotonic and (not self.learnt or (x.is_cpu and self.learns_within_bounds())):
            return self.activate("conv2", max_pool(x))
        return max_pool(self.activate("conv2", x))

    def learns_within_bounds(self) -> bool:
        """Whether the function is sure to be monotonic; on a GPU, asking is a synchronization."""
        return all(
            self.bounds[name].includes(float(number))
            for activation in self.learnt.values()
            for name, parameter in activation.named_parameters()
            for number in parameter.detach().aminmax()
        )

    def drop(self, x: Tensor, rate: float, masks: Generator | None) -> Tensor:
        return x if masks is None else self.dropout(x, rate, masks)


def max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


Initializer = Callable[[Tensor, Generator], Tensor]


def glorot_uniform(weight: Tensor, generator: Generator) -> Tensor:
    """Draw with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    return uniform(weight, math.sqrt(6 / sum(count_fans(weight))), generator)


def torch_default(weight: Tensor, generator: Generator) -> Tensor:
    """Draw as torch's own layers do: uniform within 1 / sqrt(fan_in)."""
    return uniform(weight, 1 / math.sqrt(count_fans(weight)[0]), generator)


def lecun_normal(weight: Tensor, generator: Generator) -> Tensor:
    """Draw with variance 1 / fan_in."""
    return truncated_normal(weight, math.sqrt(1 / count_fans(weight)[0]), generator)


def he_normal(weight: Tensor, generator: Generator) -> Tensor:
    """Draw with variance 2 / fan_in (He et al. 2015)."""
    return truncated_normal(weight, math.sqrt(2 / count_fans(weight)[0]), generator)


INITIALIZERS: Mapping[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "lecun_normal": lecun_normal,
    "he_normal": he_normal,
    "torch_default": torch_default,
}


def count_fans(weight: Tensor) -> tuple[int, int]:
    """Count the inputs and outputs of a unit; a convolution's are its receptive field times its channels."""
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field


def uniform(weight: Tensor, bound: float, generator: Generator) -> Tensor:
    return nn.init.uniform_(weight, -bound, bound, generator)


def truncated_normal(weight: Tensor, std: float, generator: Generator) -> Tensor:
    """Draw as Keras does: cut off at two standard deviations, widened so that ``std`` remains after the cut."""
    std /= 0.87962566103423978
    return nn.init.trunc_normal_(weight, 0, std, -2 * std, 2 * std, generator)
