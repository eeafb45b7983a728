"""Time of a batch with a formula beside the catalog's own activation, and with a learnt alpha beside a fixed one."""

from collections.abc import Iterator
from functools import partial
from time import perf_counter

from activations.formula.catalog import CATALOG_FORMULAS
from bench.figures import Figures, Measure
from cli.client import JSON
from jobs.spec import JobSpec
from runtime.settings import Settings
from worker.prepare import prepare
from worker.training.train import Training

BATCH = 128
FORMULAS = {"relu": "relu", "elu": "elu", "gelu": "gelu-tanh", "mish": "mish", "silu": "silu"}
"""Activations of the catalog, and their formulas' names."""
PARAMETERS: JSON = {"elu": {"alpha": 1.0}}
FIXED: JSON = {"activation": "leaky-relu", "parameters": {"alpha": 0.25}}


def measure(figures: Figures, *, rounds: int, batches: int) -> None:
    specs: dict[str, JSON] = {}
    for name, formula in FORMULAS.items():
        specs[name] = {"activation": name}
        specs[f"{name}, formula"] = {
            "activation": "own",
            "formula": CATALOG_FORMULAS[formula],
            "parameters": PARAMETERS.get(name, {}),
        }
    specs["alpha, fixed"] = FIXED
    for per in ("layer", "channel"):
        specs[f"alpha, learnt per {per}"] = {**FIXED, "trainable": {"parameters": ["alpha"], "per": per}}
    contestants: dict[str, Measure] = {
        name: partial(train, start(spec, batches), batches) for name, spec in specs.items()
    }
    for contestant in contestants.values():
        list(contestant())  # the first allocates
    figures.alternate(contestants, rounds=rounds)


def start(spec: JSON, batches: int) -> Training:
    whole = {"batch_size": BATCH, "train_samples": batches * BATCH, "device": "cpu", **spec}
    training, _ = prepare(Settings().mnist_dir, JobSpec.model_validate(whole), lambda: None)
    return training


def train(training: Training, batches: int) -> Iterator[float]:
    began = perf_counter()
    training.train_on_batches(1)
    yield (perf_counter() - began) / batches
