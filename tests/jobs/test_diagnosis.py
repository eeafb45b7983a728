"""The rules of docs/diagnoses.md, held against figures of real trainings."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.diagnosis import CHANCE_LOSS, History, Losses, Record, diagnose, update_records
from jobs.metrics import LayerMetrics
from jobs.spec import JobSpec

SPEC = JobSpec(activation="relu", train_samples=2000)  # 16 updates an epoch
LAYERS = ("conv1", "conv2", "dense1", "dense2")
RELU = (0.059, 0.035, 0.099, 0.068)
SIGMOID = (3e-5, 2.9e-4, 4.5e-3, 0.1)
WELL = Losses(0.22, 0.0667, 0.894)
AT_CHANCE = Losses(0.3463, 0.3256, 0.1)


def layers(gradient_norms: Sequence[float] = RELU, **dead: float) -> list[LayerMetrics]:
    return [
        LayerMetrics(1, layer, norm, 0.01, 0.2, 0.3, 0.4, dead.get(layer, 0.0), 0.1, 0.0)
        for layer, norm in zip(LAYERS, gradient_norms, strict=True)
    ]


def found(*epochs: Losses, layers: Sequence[Sequence[LayerMetrics]] = (), **spec: Any) -> list[tuple[str, str | None]]:
    """Code and layer of each diagnosis after the last epoch."""
    history = History(SPEC.model_copy(update=spec), epochs, layers)
    return [(diagnosis.code, diagnosis.layer) for diagnosis in diagnose(history)]


def test_a_healthy_training_has_no_diagnosis() -> None:
    assert found(*[WELL] * 10, layers=[layers(dense1=0.48)] * 2) == []


def test_chance_is_the_articles_plateau() -> None:
    assert CHANCE_LOSS["binary_crossentropy"] == pytest.approx(0.325083, abs=5e-7)


@pytest.mark.parametrize(
    ("epochs", "stuck"),
    [
        ([AT_CHANCE] * 4, True),
        ([AT_CHANCE] * 3, False),  # 48 updates: the training has hardly begun
        ([WELL] * 3 + [AT_CHANCE], True),  # it fell back
        ([AT_CHANCE] * 3 + [Losses(0.3, 0.29, 0.15)], False),  # it leaves the plateau
        ([AT_CHANCE] * 3 + [Losses(0.3, 0.35, 0.4)], False),  # a large loss, but it has learnt
        ([Losses(2.9, 2.89, 0.103)] * 4, True),  # worse than chance
    ],
)
def test_no_better_than_chance_after_fifty_updates_is_stuck(epochs: list[Losses], *, stuck: bool) -> None:
    assert found(*epochs) == [("stuck_at_chance", None)] * stuck


def test_chance_depends_on_the_loss() -> None:
    assert found(*[Losses(2.5, 2.31, 0.1)] * 4, loss="cross_entropy") == [("stuck_at_chance", None)]
    assert found(*[Losses(2.5, 2.2, 0.1)] * 4, loss="cross_entropy") == []


def test_one_epoch_of_many_updates_is_enough_to_be_stuck() -> None:
    assert found(AT_CHANCE, train_samples=None) == [("stuck_at_chance", None)]


def test_a_gradient_below_a_hundredth_of_the_output_layers_twice_in_a_row_has_vanished() -> None:
    vanished = [("vanishing_gradient", "conv1"), ("vanishing_gradient", "conv2")]
    assert found(WELL, WELL, layers=[layers(SIGMOID)] * 2) == vanished
    assert found(WELL, layers=[layers(SIGMOID)]) == []
    assert found(WELL, WELL, layers=[layers(), layers(SIGMOID)]) == []


def test_small_gradients_of_all_layers_alike_are_the_end_of_a_training() -> None:
    assert found(*[WELL] * 2, layers=[layers([1e-7] * 4)] * 2) == []


def test_a_gradient_of_exactly_zero_is_dead_and_not_vanishing() -> None:
    dead = layers((0, 0, 0.0066, 0.008), conv1=0.72, conv2=1.0, dense1=0.88)
    assert found(WELL, WELL, layers=[dead] * 2) == [("dead_units", layer) for layer in LAYERS[:3]]
    assert found(WELL, WELL, layers=[layers([0] * 4)] * 2) == []


@pytest.mark.parametrize("norms", [(3.3, *RELU[1:]), (6.9, 0.1, 0.1, 0.068), (math.inf, *RELU[1:])])
def test_a_gradient_too_large_or_grown_on_its_way_back_has_exploded(norms: tuple[float, ...]) -> None:
    assert found(WELL, layers=[layers(norms)]) == [("exploding_gradient", "conv1")]


def test_what_is_large_depends_on_the_loss() -> None:
    norms = (3.6, *RELU[1:3], 0.5)
    assert found(WELL, layers=[layers(norms)], loss="cross_entropy") == []
    assert found(WELL, layers=[layers(norms)]) == [("exploding_gradient", "conv1")]


def test_a_gradient_that_is_no_number_has_exploded() -> None:
    assert {code for code, _ in found(WELL, layers=[layers([math.nan] * 4)])} == {"exploding_gradient"}


@pytest.mark.parametrize(
    ("layer", "fraction", "dead"),
    [("conv1", 0.24, False), ("conv2", 0.25, True), ("dense1", 0.48, False), ("dense1", 0.6, True)],
)
def test_dense_units_may_die_where_filters_may_not(layer: str, fraction: float, *, dead: bool) -> None:
    assert found(WELL, layers=[layers(**{layer: fraction})]) == [("dead_units", layer)] * dead


def overfitted(*val_losses: float, losses: Sequence[float] = (0.2, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01)) -> list[Losses]:
    return [Losses(loss, val_loss, 0.9) for loss, val_loss in zip(losses, val_losses, strict=False)]


@pytest.mark.parametrize(
    ("epochs", "overfits"),
    [
        (overfitted(0.2, 0.1, 0.11, 0.12), False),  # two epochs: may be chance
        (overfitted(0.2, 0.1, 0.11, 0.12, 0.13), True),
        (overfitted(0.2, 0.1, 0.11, 0.12, 0.13, 0.105), True),  # still no new best
        (overfitted(0.2, 0.1, 0.11, 0.12, 0.13, 0.09), False),
        (overfitted(0.2, 0.1, 0.102, 0.104, 0.106), False),  # it wavers
        (overfitted(0.2, 0.1, 0.11, 0.12, 0.13, losses=(0.2, 0.1, 0.2, 0.2, 0.2)), False),  # it gets worse at both
    ],
)
def test_a_validation_loss_that_rises_while_the_training_loss_falls_overfits(
    epochs: list[Losses], *, overfits: bool
) -> None:
    assert found(*epochs) == [("overfitting_since", None)] * overfits


def test_overfitting_names_the_epoch_after_the_best() -> None:
    (diagnosis,) = diagnose(History(SPEC, overfitted(0.2, 0.1, 0.11, 0.12, 0.13), []))
    assert (diagnosis.epoch, diagnosis.evidence["since_epoch"], diagnosis.evidence["best_val_loss"]) == (5, 3, 0.1)
    assert diagnosis.message.startswith("overfitting since epoch 3: val loss rose from 0.1000 to 0.1200")


def story(*losses: Losses) -> tuple[list[Record], list[list[Record]]]:
    """The diagnoses at the end, and the new ones after each epoch."""
    known: list[Record] = []
    told = []
    for epoch in range(1, len(losses) + 1):
        known, new = update_records(known, History(SPEC, losses[:epoch], []))
        told.append(new)
    return known, told


def test_what_goes_on_is_told_once_and_what_comes_back_again() -> None:
    known, told = story(*[AT_CHANCE] * 6, WELL, WELL, AT_CHANCE, AT_CHANCE)
    assert [epoch for epoch, new in enumerate(told, 1) if new] == [4, 9]
    assert [(record["epoch"], record["until_epoch"]) for record in known] == [(9, None)]


def test_what_is_over_says_until_when_it_held() -> None:
    known, _ = story(*[AT_CHANCE] * 6, WELL, WELL)
    assert [(record["epoch"], record["until_epoch"]) for record in known] == [(4, 6)]


def test_evidence_that_is_not_finite_is_marked() -> None:
    history = History(SPEC, [WELL], [layers((math.inf, *RELU[1:]))])
    _, (record,) = update_records([], history)
    assert record["evidence"] == {"gradient_norm": None, "ratio": None}
    assert record["non_finite"] == {"/evidence/gradient_norm": "inf", "/evidence/ratio": "inf"}


figures = st.sampled_from([0.01, 0.05, 0.1, 0.11, 0.12, 0.13, 0.2, 0.3, math.inf])


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=12))
def test_the_epochs_from_the_best_show_as_much_as_all_of_them(pairs: list[tuple[float, float]]) -> None:
    losses = [Losses(loss, val_loss, 0.9) for loss, val_loss in pairs]
    best = min(range(len(losses)), key=lambda index: losses[index].val_loss)
    assert diagnose(History(SPEC, losses[best:], [], best + 1)) == diagnose(History(SPEC, losses, []))
