"""Diagnoses: rules that find problems of a training in its figures so far.

docs/diagnoses.md has every threshold with its reason.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal, NamedTuple

from jobs.metrics import LayerMetrics
from jobs.spec import JobSpec

Code = Literal["stuck_at_chance", "vanishing_gradient", "exploding_gradient", "dead_units", "overfitting_since"]

CHANCE_LOSS = {
    "binary_crossentropy": -(math.log(0.1) + 9 * math.log(0.9)) / 10,  # 0.325083, the article's plateau
    "cross_entropy": math.log(10),
}
"""The losses of ten outputs of 0.1 each."""
CHANCE_LOSS_FRACTION = 0.99
CHANCE_ACCURACY = 0.2
CHANCE_UPDATES = 50
VANISHING_RATIO = 0.01
VANISHING_EPOCHS = 2
EXPLODING_RATIO = 100.0
EXPLODING_CHANCE_LOSSES = 10.0
DEAD_FRACTION = {"conv1": 0.25, "conv2": 0.25, "dense1": 0.6}
OVERFITTING_EPOCHS = 3
OVERFITTING_RATIO = 1.1


class Losses(NamedTuple):
    """The figures of an epoch that the rules need."""

    loss: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A problem found after an epoch, in one layer or, if that is None, in the network as a whole."""

    code: Code
    layer: str | None
    epoch: int
    """The epoch after which it was found, 1-based."""
    message: str
    evidence: Mapping[str, float]
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class History:
    """A job's epochs from the first or, to the same effect, from the best, and the layers after the last of them.

    Both are oldest first; the layers are those of VANISHING_EPOCHS epochs.
    """

    spec: JobSpec
    epochs: Sequence[Losses]
    layers: Sequence[Sequence[LayerMetrics]]
    first_epoch: int = 1

    @property
    def epoch(self) -> int:
        return self.first_epoch + len(self.epochs) - 1


Record = Mapping[str, Any]
"""A diagnosis as JSON from `to_record`, with `until_epoch`: the last epoch after which it held, null while it holds."""


def to_record(diagnosis: Diagnosis) -> dict[str, Any]:
    """Convert to JSON: a figure that is not finite is null, and `non_finite` has its value."""
    found = {name: value for name, value in diagnosis.evidence.items() if not math.isfinite(value)}
    record = asdict(diagnosis) | {"evidence": {**diagnosis.evidence, **dict.fromkeys(found)}}
    marks = {f"/evidence/{name}": str(value) for name, value in found.items()}
    return {**record, "non_finite": marks} if marks else record


def update_records(known: Sequence[Record], history: History) -> tuple[list[Record], list[Record]]:
    """Update the known records after the last epoch, the latest of each code and layer; returns all and the new."""
    holding = {(found.code, found.layer): to_record(found) for found in diagnose(history)}
    before = {(record["code"], record["layer"]): record for record in known}
    new = {key: record for key, record in holding.items() if key not in before or before[key]["until_epoch"]}
    over = {
        key: {**record, "until_epoch": history.epoch - 1}
        for key, record in before.items()
        if key not in holding and not record["until_epoch"]
    }
    begun = {key: {**record, "until_epoch": None} for key, record in new.items()}
    return list({**before, **over, **begun}.values()), list(new.values())


def diagnose(history: History) -> list[Diagnosis]:
    """List the diagnoses that hold after the last epoch: at most one for each code and layer."""
    found = [find_stuck_at_chance(history), find_overfitting(history)]
    latest = history.layers[-1] if history.layers else []
    for layer in latest:
        found += [find_vanishing(history, layer.layer), find_exploding(history, layer), find_dead(history, layer)]
    return [diagnosis for diagnosis in found if diagnosis is not None]


def find_stuck_at_chance(history: History) -> Diagnosis | None:
    """Find that the loss is no better than that of ten outputs of 0.1 each, after CHANCE_UPDATES updates."""
    last, updates = history.epochs[-1], history.epoch * count_updates_per_epoch(history.spec)
    floor = CHANCE_LOSS_FRACTION * CHANCE_LOSS[history.spec.loss]
    if updates < CHANCE_UPDATES or last.val_loss < floor or last.val_accuracy > CHANCE_ACCURACY:
        return None
    return Diagnosis(
        "stuck_at_chance",
        None,
        history.epoch,
        f"stuck at chance after {updates} updates: val loss {last.val_loss:.4f} "
        f"(chance {CHANCE_LOSS[history.spec.loss]:.4f}), val accuracy {last.val_accuracy:.1%}",
        {"val_loss": last.val_loss, "val_accuracy": last.val_accuracy, "updates": updates},
        {"val_loss": floor, "val_accuracy": CHANCE_ACCURACY, "updates": CHANCE_UPDATES},
    )


def count_updates_per_epoch(spec: JobSpec) -> int:
    return math.ceil((spec.train_samples or spec.images_left_for_training) / spec.batch_size)


def find_overfitting(history: History) -> Diagnosis | None:
    """Find that the validation loss has risen since its best epoch while the training loss fell."""
    best = min(range(len(history.epochs)), key=lambda index: history.epochs[index].val_loss)
    for end in range(best + 1 + OVERFITTING_EPOCHS, len(history.epochs) + 1):
        recent = history.epochs[end - OVERFITTING_EPOCHS : end]
        val_loss, loss = fmean(epoch.val_loss for epoch in recent), fmean(epoch.loss for epoch in recent)
        if val_loss >= OVERFITTING_RATIO * history.epochs[best].val_loss and loss < history.epochs[best].loss:
            return describe_overfitting(history.first_epoch + best, history, val_loss=val_loss, loss=loss)
    return None


def describe_overfitting(best_epoch: int, history: History, *, val_loss: float, loss: float) -> Diagnosis:
    best = history.epochs[best_epoch - history.first_epoch]
    return Diagnosis(
        "overfitting_since",
        None,
        history.epoch,
        f"overfitting since epoch {best_epoch + 1}: val loss rose from {best.val_loss:.4f} to {val_loss:.4f} "
        f"while the training loss fell from {best.loss:.4f} to {loss:.4f}",
        {
            "since_epoch": best_epoch + 1,
            "best_val_loss": best.val_loss,
            "val_loss": val_loss,
            "best_epoch_loss": best.loss,
            "loss": loss,
        },
        {"val_loss_ratio": OVERFITTING_RATIO, "epochs": OVERFITTING_EPOCHS},
    )


def find_vanishing(history: History, layer: str) -> Diagnosis | None:
    """Find that almost none of the output layer's gradient reaches this layer, VANISHING_EPOCHS times in a row.

    A gradient of exactly 0 is another problem: dead units, here or closer to the output.
    """
    ratios = [compute_ratio_to_output(measured, layer) for measured in history.layers]
    if len(ratios) < VANISHING_EPOCHS or not all(0 < ratio <= VANISHING_RATIO for ratio in ratios):
        return None
    own, output = find_norms(history.layers[-1], layer)
    return Diagnosis(
        "vanishing_gradient",
        layer,
        history.epoch,
        f"vanishing gradient in {layer}: norm {own:.2g}, {ratios[-1]:.2g} times the output layer's "
        f"(limit {VANISHING_RATIO})",
        {"gradient_norm": own, "output_gradient_norm": output, "ratio": ratios[-1]},
        {"ratio": VANISHING_RATIO, "epochs": VANISHING_EPOCHS},
    )


def find_exploding(history: History, layer: LayerMetrics) -> Diagnosis | None:
    """Find that the gradient grew backwards from the output layer, is too large for any training, or not finite."""
    norm, ratio = layer.gradient_norm, compute_ratio_to_output(history.layers[-1], layer.layer)
    ceiling = EXPLODING_CHANCE_LOSSES * CHANCE_LOSS[history.spec.loss]
    if norm < ceiling and ratio < EXPLODING_RATIO:
        return None
    return Diagnosis(
        "exploding_gradient",
        layer.layer,
        history.epoch,
        f"exploding gradient in {layer.layer}: norm {norm:.3g} (limit {ceiling:.3g}), "
        f"{ratio:.3g} times the output layer's (limit {EXPLODING_RATIO:.0f})",
        {"gradient_norm": norm, "ratio": ratio},
        {"gradient_norm": ceiling, "ratio": EXPLODING_RATIO},
    )


def compute_ratio_to_output(layers: Sequence[LayerMetrics], layer: str) -> float:
    """Divide the layer's gradient norm by the last layer's; 1 if the latter is 0 and a ratio has no meaning."""
    own, output = find_norms(layers, layer)
    return own / output if output else 1.0


def find_norms(layers: Sequence[LayerMetrics], layer: str) -> tuple[float, float]:
    """Find the gradient norms of the layer and of the output layer."""
    return next(row.gradient_norm for row in layers if row.layer == layer), layers[-1].gradient_norm


def find_dead(history: History, layer: LayerMetrics) -> Diagnosis | None:
    """Find that many units get no gradient from any image."""
    fraction, threshold = layer.dead_fraction, DEAD_FRACTION.get(layer.layer)
    if fraction is None or threshold is None or fraction < threshold:
        return None
    return Diagnosis(
        "dead_units",
        layer.layer,
        history.epoch,
        f"dead units in {layer.layer}: {fraction:.0%} get no gradient from any image (limit {threshold:.0%})",
        {"dead_fraction": fraction},
        {"dead_fraction": threshold},
    )
