from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from jobs.errors import Diverged
from jobs.metrics import ParameterMetrics
from tests.worker.training.histories import NO_DROPOUT, OPTIMIZERS, Start, compute_history, resume_after_an_epoch
from worker.training.classifier import build_classifier
from worker.training.data import Mnist
from worker.training.randomness import make_generator
from worker.training.train import Training

PER = {
    "network": {"activation.alpha": ()},
    "layer": {"conv1.activation.alpha": (), "conv2.activation.alpha": (), "dense1.activation.alpha": ()},
    "channel": {"conv1.activation.alpha": (32,), "conv2.activation.alpha": (64,), "dense1.activation.alpha": (128,)},
}
PRELU = {"activation": "leaky-relu", "parameters": {"alpha": 0.25}}


def learn(per: str = "layer", **changes: Any) -> dict[str, Any]:  # of a spec
    return {**PRELU, "trainable": {"parameters": ["alpha"], "per": per, **changes}}


def list_learnt(training: Training) -> dict[str, torch.Tensor]:
    named = training.network.named_parameters()
    return {name: parameter.detach().clone() for name, parameter in named if "activation" in name}


@pytest.mark.parametrize("per", PER)
def test_what_shares_a_number_is_what_the_spec_says(start: Start, per: str) -> None:
    training = start(epochs=1, **learn(per))
    before = list_learnt(training)

    list(training.epochs())

    assert {name: tuple(values.shape) for name, values in before.items()} == PER[per]
    assert all(torch.equal(values, torch.full_like(values, 0.25)) for values in before.values())
    assert all((values != 0.25).all() for values in list_learnt(training).values())


@pytest.mark.parametrize("per", PER)
def test_weights_order_and_masks_do_not_depend_on_what_learns(start: Start, per: str) -> None:
    fixed, learnt = start(**PRELU), start(**learn(per))

    for name, tensor in fixed.network.state_dict().items():
        assert torch.equal(learnt.network.state_dict()[name], tensor)
    losses = [
        training.compute_logits(training.training.images[:8], make_generator("dropout", 0))
        for training in (fixed, learnt)
    ]
    torch.testing.assert_close(*losses)


def test_learnt_alphas_are_plain_torchs_prelu(start: Start, mnist: Mnist) -> None:
    training = start(batch_size=48, dropout=NO_DROPOUT, clip=None, **learn("channel"))
    copied = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    weights = [
        copied[f"{layer}.{kind}"].requires_grad_()
        for layer in ("conv1", "conv2", "dense1", "dense2")
        for kind in ("weight", "bias")
    ]
    first, second, third = prelus = [nn.PReLU(channels, init=0.25) for channels in (32, 64, 128)]
    optimizer = torch.optim.Adam([*weights, *(prelu.weight for prelu in prelus)], eps=1e-7)
    images, labels = mnist.train.images / 255, mnist.train.labels

    def compute_losses(rows: torch.Tensor) -> torch.Tensor:
        w1, b1, w2, b2, w3, b3, w4, b4 = weights
        x = first(F.conv2d(images[rows].unsqueeze(1), w1, b1))
        x = F.max_pool2d(second(F.conv2d(x, w2, b2)), 2).permute(0, 2, 3, 1).flatten(1)
        p = F.linear(third(F.linear(x, w3, b3)), w4, b4).softmax(1)
        return F.binary_cross_entropy(p, F.one_hot(labels[rows], 10).float(), reduction="none").mean(1)

    expected = []
    for epoch in (1, 2):
        losses = []
        for rows in torch.randperm(128, generator=make_generator("order", 0, epoch)).split(48):
            losses.append(compute_losses(rows))
            optimizer.zero_grad()
            losses[-1].mean().backward()
            optimizer.step()
        expected.append(torch.cat(losses).mean().item())

    assert [metrics.loss for metrics in training.epochs()] == pytest.approx(expected, rel=1e-5)
    for found, prelu in zip(list_learnt(training).values(), prelus, strict=True):
        torch.testing.assert_close(found, prelu.weight.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("per", "optimizer"),
    [("network", OPTIMIZERS[0]), ("layer", OPTIMIZERS[2]), ("channel", OPTIMIZERS[1]), ("channel", OPTIMIZERS[3])],
    ids=str,
)
def test_a_resumed_job_learns_the_same_to_the_bit(
    start: Start, tmp_path: Path, per: str, optimizer: dict[str, Any]
) -> None:
    changes = {"epochs": 2, "optimizer": optimizer, "batch_size": 64, "diagnostics": False, **learn(per)}
    uninterrupted = start(**changes)
    expected = compute_history(uninterrupted)

    resumed = resume_after_an_epoch(start, tmp_path, **changes)

    assert compute_history(resumed) == expected[1:]
    assert resumed.parameters == uninterrupted.parameters
    assert resumed.initial_parameters() == uninterrupted.initial_parameters()
    states = resumed.state_dict(), uninterrupted.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("per", ["network", "channel"])
def test_a_prediction_uses_what_was_learnt(start: Start, per: str) -> None:
    training = start(epochs=1, optimizer={"learning_rate": 0.05}, **learn(per))
    list(training.epochs())
    images = training.test.images[:2]
    with torch.no_grad():
        expected = training.compute_logits(images).softmax(1)

    classify = build_classifier(training.spec, training.state_dict())

    assert torch.tensor([classify(image.tolist()) for image in images]).allclose(expected, atol=1e-6)


def without_gradient(training: Training) -> None:
    """Make steps in which weight decay alone changes the activations' parameters."""
    for parameter in training.network.split_parameters()[1]:
        parameter.register_hook(torch.zeros_like)


@pytest.mark.parametrize("optimizer", [{"name": "adamw"}, {"name": "sgd", "weight_decay": 0.5}], ids=str)
def test_weight_decay_is_of_the_weights_alone(start: Start, optimizer: dict[str, Any]) -> None:
    training = start(epochs=1, optimizer=optimizer, **learn("channel"))
    without_gradient(training)

    list(training.epochs())

    assert all((values == 0.25).all() for values in list_learnt(training).values())


def test_parameters_decay_where_the_spec_says_so(start: Start) -> None:
    training = start(epochs=1, batch_size=128, optimizer={"name": "adamw"}, **learn(weight_decay=0.5))
    without_gradient(training)

    list(training.epochs())

    for values in list_learnt(training).values():
        assert values.item() == pytest.approx(0.25 * (1 - 1e-3 * 0.5), rel=1e-6)


def test_gradients_of_parameters_are_clipped_tensor_by_tensor(start: Start) -> None:
    training = start(epochs=1, batch_size=128, clip={"by": "norm", "threshold": 1e-4}, **learn("channel"))

    list(training.epochs())

    for parameter in training.network.split_parameters()[1]:
        assert torch.linalg.vector_norm(parameter.grad).item() == pytest.approx(1e-4, rel=1e-4)


@pytest.mark.parametrize("per", PER)
def test_the_parameters_are_measured_after_each_epoch(start: Start, per: str) -> None:
    training = start(**learn(per))
    layers = ["all"] if per == "network" else ["conv1", "conv2", "dense1"]

    assert training.initial_parameters() == [ParameterMetrics(0, layer, "alpha", 0.25, 0.25, 0.25) for layer in layers]
    assert training.parameters == []
    for metrics in training.epochs():
        for measured, layer, values in zip(training.parameters, layers, list_learnt(training).values(), strict=True):
            assert (measured.epoch, measured.layer, measured.parameter) == (metrics.epoch, layer, "alpha")
            assert measured.mean == pytest.approx(values.double().mean().item(), rel=1e-15)
            assert (measured.minimum, measured.maximum) == (values.min().item(), values.max().item())


def test_where_nothing_learns_nothing_is_measured(start: Start) -> None:
    training = start(epochs=1, **PRELU)

    list(training.epochs())

    assert training.parameters == training.initial_parameters() == []


@pytest.mark.parametrize("per", PER)
def test_diagnostics_are_those_of_weights_and_biases(start: Start, per: str) -> None:
    fixed, learnt = (start(**spec, batch_size=128) for spec in (PRELU, learn(per)))
    layers = []
    for training in (fixed, learnt):
        training.before_last_update = training.copy_parameters()
        layers.append(training.diagnose(1))

    for plain, other in zip(*layers, strict=True):
        assert other.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-5)
        assert (other.layer, other.zero_fraction, other.dead_fraction) == (
            plain.layer,
            plain.zero_fraction,
            plain.dead_fraction,
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_parameter_that_is_no_number_ends_the_job(start: Start, value: float) -> None:
    training = start(epochs=1, **learn("channel"))

    def spoil() -> None:
        with torch.no_grad():
            training.network.learnt["conv1"].get_parameter("alpha")[3] = value

    training.between_batches = spoil

    with pytest.raises(Diverged, match="loss"):
        list(training.epochs())


def test_a_weight_that_is_no_number_ends_the_job_where_the_loss_hides_it(start: Start) -> None:
    training = start(epochs=1)
    training.evaluate = lambda _: spoil(training)  # after the last batch

    def spoil(training: Training) -> Any:  # an Evaluation
        with torch.no_grad():
            training.network.conv1.bias[0] = float("nan")
        return Training.evaluate(start(), start().validation)

    with pytest.raises(Diverged, match=r"conv1\.bias became NaN or infinite in epoch 1"):
        list(training.epochs())


@pytest.mark.parametrize(
    ("activation", "precision"), [("elu", "float32"), ("celu", "float32"), ("leaky-relu", "bfloat16")]
)
def test_every_alpha_of_the_catalog_learns(start: Start, activation: str, precision: str) -> None:
    training = start(
        epochs=1,
        activation=activation,
        trainable={"parameters": ["alpha"]},
        precision=precision,
        train_samples=128,
        batch_size=64,
        diagnostics=False,
    )

    list(training.epochs())

    assert {values.dtype for values in list_learnt(training).values()} == {torch.float32}
    assert all(
        parameter.minimum != start_.minimum
        for parameter, start_ in zip(training.parameters, training.initial_parameters(), strict=True)
    )


@pytest.mark.parametrize(("alpha", "activated"), [(0.25, 12), (0.0, 12), (-0.25, 24), (1.5, 24)])
def test_pooling_goes_first_only_while_the_function_is_monotonic(start: Start, alpha: float, activated: int) -> None:
    training = start(**learn("channel"))
    network = training.network
    with torch.no_grad():
        network.learnt["conv2"].get_parameter("alpha")[5] = alpha
    sizes = []
    network.learnt["conv2"].register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape[-1]))
    x = torch.randn(2, 64, 24, 24, generator=make_generator("test", 0))

    pooled = network.pool(x)

    assert sizes == [activated]
    assert torch.equal(pooled, F.max_pool2d(network.learnt["conv2"](x), 2))
