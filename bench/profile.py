"""`python -m bench.profile`: the parts of a training step on the CPU, beside the limit of its matrix products.

Steps of 128 images of the article's network; the mean of the fastest tenth, so that other work on the machine counts
as little as it can.
"""

import argparse
from collections import Counter
from itertools import pairwise
from statistics import fmean
from time import perf_counter

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from jobs.spec import JobSpec
from runtime.settings import Settings
from worker.training import data
from worker.training.train import Training

BATCH = 128
MEGAFLOP_PER_IMAGE = 72
MARK = "step"
FIRST, SECOND = "first convolution", "second convolution"
PARTS = {
    ("aten::mkldnn_convolution", 0): f"{FIRST}, forward",
    ("aten::mkldnn_convolution", 1): f"{SECOND}, forward",
    ("aten::convolution_backward", 0): f"{SECOND}, backward",
    ("aten::convolution_backward", 1): f"{FIRST}, backward",
}
"""By operator and its place in the step; the backward pass comes to the second convolution first."""
KINDS = {
    "aten::max_pool2d_with_indices": "pooling",
    "aten::max_pool2d_with_indices_backward": "pooling",
    "aten::fill_": "pooling",  # the zeros that its gradient is written into
    "aten::addmm": "dense layers",
    "aten::mm": "dense layers",
    "mkldnn::_linear_pointwise": "dense layers",
    "OneDnnLinear": "dense layers",
    "OneDnnLinearBackward": "dense layers",
    "aten::clamp_min": "activation",
    "aten::clamp_min_": "activation",
    "aten::threshold_backward": "activation",
    "aten::random_": "dropout",
    "aten::ge": "dropout",
    "aten::ge_": "dropout",
    "aten::mul": "dropout",
    "aten::mul_": "dropout",
    "aten::clamp_": "clipping",
    "aten::_fused_adam_": "optimizer",
    "Optimizer.step#Adam.step": "optimizer",
    "aten::copy_": "copies and casts",
    "aten::_to_copy": "copies and casts",
    "aten::to": "copies and casts",
}
REST = "loss, metrics, batch, Python"


def main(*, steps: int = 40) -> None:
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        rate = measure_matrix_rate(dtype)
        print_profile(precision, measure_parts(precision, steps), rate)


def measure_matrix_rate(dtype: torch.dtype = torch.float32, size: int = 2048) -> float:
    """Measure the FLOP a second of square products, in the fastest of nine."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(9):
        began = perf_counter()
        a @ b
        seconds.append(perf_counter() - began)
    return 2 * size**3 / min(seconds)


def measure_parts(precision: str, steps: int) -> Counter[str]:
    """Return the milliseconds of a step by part."""
    spec = JobSpec.model_validate(
        {
            "activation": "relu",
            "precision": precision,
            "train_samples": BATCH * (steps + 1),
            "validation": {"fraction": 0.001},
        }
    )
    training = Training(spec, data.load(Settings().mnist_dir), device=torch.device("cpu"), between_batches=mark_batch)
    training.train_on_batches(1)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        training.train_on_batches(2)
    return summarize(sorted(profiled.events(), key=lambda event: event.time_range.start))


def mark_batch() -> None:
    with record_function(MARK):
        pass


def summarize(events: list[torch.autograd.profiler_util.FunctionEvent]) -> Counter[str]:
    """Sum the events between two marks by part; return the mean of the fastest tenth of the steps."""
    marks = [number for number, event in enumerate(events) if event.key == MARK]
    steps = []
    for start, end in pairwise(marks):
        wall = (events[end].time_range.start - events[start].time_range.start) / 1000
        parts = sum_by_part(events[start + 1 : end])
        parts[REST] = wall - parts.total()
        steps.append((wall, parts))
    fastest = sorted(steps, key=lambda step: step[0])[: max(1, len(steps) // 10)]
    names = {*PARTS.values(), *KINDS.values(), REST}
    return Counter({name: fmean(parts[name] for _, parts in fastest) for name in names})


def sum_by_part(events: list[torch.autograd.profiler_util.FunctionEvent]) -> Counter[str]:
    calls: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for event in events:
        part = PARTS.get((event.key, calls[event.key]), KINDS.get(event.key))
        calls[event.key] += 1
        if part:
            parts[part] += event.self_cpu_time_total / 1000
    return parts


def print_profile(precision: str, parts: Counter[str], rate: float) -> None:
    total = parts.total()
    limit = BATCH * MEGAFLOP_PER_IMAGE * 1e9 / rate
    print(f"\n{precision}: {total:.1f} ms a step, {BATCH / total * 1000:.0f} images/s")
    print(f"matrix products at {rate / 1e9:.0f} GFLOP/s would take {limit:.1f} ms, {limit / total:.0%}\n")
    print("| part | ms | share |\n| --- | --- | --- |")
    for part, milliseconds in parts.most_common():
        print(f"| {part} | {milliseconds:.1f} | {milliseconds / total:.1%} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    main(steps=parser.parse_args().steps)
