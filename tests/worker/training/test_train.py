import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from jobs.metrics import EpochMetrics
from tests.worker.training.histories import (
    NO_DROPOUT,
    OPTIMIZERS,
    Start,
    Tiny,
    compute_history,
    drop_times,
    resume_after_an_epoch,
)
from worker.training import train
from worker.training.data import Mnist
from worker.training.randomness import make_generator


@pytest.fixture(scope="module")
def base(start: Start) -> list[EpochMetrics]:
    """The history of the tiny spec as it is."""
    return compute_history(start())


@pytest.mark.parametrize("loss", ["binary_crossentropy", "cross_entropy"])
def test_an_epoch_is_what_a_plain_loop_computes(start: Start, mnist: Mnist, loss: str) -> None:
    training = start(epochs=1, batch_size=48, dropout=NO_DROPOUT, loss=loss)
    weights = [parameter.detach().double().requires_grad_() for parameter in training.network.parameters()]
    optimizer = torch.optim.Adam(weights, eps=1e-7)
    images, labels = mnist.train.images.double() / 255, mnist.train.labels

    def forward(rows: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        w1, b1, w2, b2, w3, b3, w4, b4 = weights
        x = F.relu(F.conv2d(images[rows].unsqueeze(1), w1, b1))
        x = F.max_pool2d(F.relu(F.conv2d(x, w2, b2)), 2).permute(0, 2, 3, 1).flatten(1)
        p = F.linear(F.relu(F.linear(x, w3, b3)), w4, b4).softmax(1)
        truth = F.one_hot(labels[rows], 10).double()
        if loss == "cross_entropy":
            return p, -(truth * p.log()).sum(1)
        return p, -(truth * p.log() + (1 - truth) * (1 - p).log()).mean(1)

    def figures_of(parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> list[float]:
        p, losses, truth = (torch.cat(column).detach() for column in zip(*parts, strict=True))
        hits = p.argmax(1) == truth
        binary = (p > 0.5) == F.one_hot(truth, 10)
        return [losses.mean().item(), hits.double().mean().item(), binary.double().mean().item()]

    seen = []
    for rows in torch.randperm(128, generator=make_generator("order", 0, 1)).split(48):  # 48, 48, 32
        p, losses = forward(rows)
        seen.append((p, losses, labels[rows]))
        optimizer.zero_grad()
        losses.mean().backward()
        for weight in weights:
            weight.grad.clamp_(-0.5, 0.5)
        optimizer.step()
    expected = figures_of(seen), figures_of([(*forward(slice(59_940, None)), labels[59_940:])])

    (ours,) = training.epochs()

    assert [ours.loss, ours.accuracy, ours.binary_accuracy] == pytest.approx(expected[0], rel=1e-4)
    assert [ours.val_loss, ours.val_accuracy, ours.val_binary_accuracy] == pytest.approx(expected[1], rel=1e-4)


def test_epochs_are_counted_from_one_to_the_last(start: Start) -> None:
    training = start(epochs=3)

    assert [metrics.epoch for metrics in training.epochs()] == [1, 2, 3]
    assert training.epoch == 3


def test_an_epoch_reports_its_rate_and_time(start: Start) -> None:
    (metrics,) = start(epochs=1, optimizer={"learning_rate": 0.01}).epochs()

    assert metrics.learning_rate == 0.01
    assert 0 < 128 / metrics.images_per_second < metrics.epoch_seconds


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "gelu"},
        {"batch_size": 31},
        *({"optimizer": optimizer} for optimizer in OPTIMIZERS),
        {"optimizer": {"learning_rate": 2e-3}},
        {"clip": {"by": "value", "threshold": 1e-3}},
        {"clip": {"by": "norm", "threshold": 1e-2}},
        {"loss": "cross_entropy"},
        {"dropout": {"convolution": 0.3, "dense": 0.5}},
        {"dropout": {"convolution": 0.25, "dense": 0.4}},
        {"initializer": "lecun_normal"},
        {"initializer": "he_normal"},
        {"initializer": "torch_default"},
        {"validation": {"kind": "holdout", "fraction": 0.002}},
        {"train_samples": 129},
        {"seed": 1},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_a_changed_field_changes_the_history(start: Start, base: list[EpochMetrics], change: dict[str, Any]) -> None:
    assert compute_history(start(epochs=1, **change)) != base[:1]


def test_a_parameter_changes_the_history(start: Start) -> None:
    low, high = (compute_history(start(activation="leaky-relu", parameters={"alpha": alpha})) for alpha in (0.1, 0.3))

    assert low != high


@pytest.mark.parametrize("change", [{"clip": None}, {"metadata": {"a": "b"}}, {"checkpoint_every": 2}], ids=str)
def test_what_should_make_no_difference_makes_none(
    start: Start, base: list[EpochMetrics], change: dict[str, Any]
) -> None:
    assert compute_history(start(epochs=1, **change)) == base[:1]  # no gradient here reaches the default threshold


def test_validation_on_the_test_set_is_the_evaluation_on_it(start: Start) -> None:
    training = start(epochs=1, validation={"kind": "test"})

    (metrics,) = training.epochs()
    evaluation = training.evaluate_on_test()

    assert (metrics.val_loss, metrics.val_accuracy, metrics.val_binary_accuracy) == dataclasses.astuple(evaluation)
    assert 0 < evaluation.accuracy < 1


def test_the_validation_split_does_not_depend_on_the_seed(start: Start, mnist: Mnist) -> None:
    for seed in (0, 1):
        assert torch.equal(start(seed=seed).validation.images, mnist.train.images[59_940:])


@pytest.mark.parametrize(("batch_size", "updates"), [(128, 1), (50, 3), (1, 128), (8192, 1)])
def test_the_last_batch_may_be_smaller_and_nothing_is_dropped(start: Start, batch_size: int, updates: int) -> None:
    training = start(batch_size=batch_size)
    images: list[int] = []
    training.network.register_forward_pre_hook(lambda _, inputs: images.append(len(inputs[0])))

    training.train_on_batches(1)

    assert training.state_dict()["optimizer.conv1.bias.step"].item() == updates
    assert sum(images) == 128


def test_every_image_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    orders = [torch.randperm(1000, generator=make_generator("order", 0, epoch)) for epoch in (1, 2)]

    assert not torch.equal(*orders)
    assert all(order.unique().numel() == 1000 for order in orders)


def test_seeds_and_epochs_and_purposes_draw_apart() -> None:
    draws = {
        torch.rand(1, generator=make_generator(purpose, seed, epoch)).item()
        for purpose in ("order", "dropout")
        for seed in (0, 1, 2**32 - 1)
        for epoch in (0, 1, 1000)
    }

    assert len(draws) == 18


def test_every_epoch_has_masks_of_its_own(start: Start) -> None:
    training = start(batch_size=128)
    seeds: list[int] = []
    training.network.dropout = lambda x, _, masks: seeds.append(masks.initial_seed()) or x

    list(training.epochs())

    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]  # two places, one batch, two epochs


def test_a_repeat_is_equal_to_the_bit_and_heeds_no_global_generator(start: Start, base: list[EpochMetrics]) -> None:
    torch.manual_seed(12345)
    before = torch.get_rng_state()

    assert compute_history(start()) == base
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("precision", "optimizer"),
    # bfloat16 once: on a machine without it, it takes half a minute
    [*(("float32", optimizer) for optimizer in OPTIMIZERS), ("bfloat16", OPTIMIZERS[0])],
    ids=str,
)
def test_a_resumed_job_is_equal_to_an_uninterrupted_one_to_the_bit(
    start: Start, tmp_path: Path, precision: str, optimizer: dict[str, Any]
) -> None:
    changes = {"epochs": 3, "optimizer": optimizer, "precision": precision, "activation": "selu"}
    uninterrupted = start(**changes)
    expected = compute_history(uninterrupted)

    resumed = resume_after_an_epoch(start, tmp_path, **changes)

    assert compute_history(resumed) == expected[1:]
    assert resumed.layers == uninterrupted.layers
    assert_same(resumed.state_dict(), uninterrupted.state_dict())


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_state_is_a_copy(start: Start) -> None:
    training = start()
    epochs = training.epochs()
    next(epochs)
    state = training.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}

    next(epochs)

    assert_same(state, before)


def test_a_batch_in_chunks_has_the_gradient_of_the_whole(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"epochs": 1, "batch_size": 128, "dropout": NO_DROPOUT, "optimizer": {"name": "sgd"}}
    whole = compute_history(start(**changes))[0]
    monkeypatch.setitem(train.CHUNK, "cpu", 48)  # 48, 48, 32

    chunked = compute_history(start(**changes))[0]

    assert dataclasses.astuple(chunked) == pytest.approx(dataclasses.astuple(whole), rel=1e-5)


def test_bfloat16_keeps_parameters_and_loss_in_float32(start: Start) -> None:
    training = start(precision="bfloat16")
    dtypes = []
    training.network.dense1.register_forward_hook(lambda _, __, output: dtypes.append(output.dtype))

    logits = training.compute_logits(training.training.images[:4])

    assert dtypes == [torch.bfloat16]
    assert logits.dtype == torch.float32
    assert {parameter.dtype for parameter in training.network.parameters()} == {torch.float32}


def test_bfloat16_learns_much_as_float32_does(start: Start) -> None:
    changes = {"epochs": 1, "train_samples": 512}
    float32, bfloat16 = (compute_history(start(**changes, precision=p))[0] for p in ("float32", "bfloat16"))

    assert bfloat16.loss == pytest.approx(float32.loss, rel=0.1)
    assert bfloat16 != float32


def test_the_network_learns(start: Start) -> None:
    *_, last = start(epochs=4, train_samples=512).epochs()

    assert last.accuracy > 0.7
    assert last.val_accuracy > 0.7
    assert last.binary_accuracy > last.accuracy


def test_train_is_the_same_as_a_training(tiny: Tiny, mnist: Mnist, base: list[EpochMetrics]) -> None:
    assert [drop_times(metrics) for metrics in train.train(tiny(), mnist)] == base
