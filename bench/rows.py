"""The rows of docs/performance.md: what is compared with what, and how much is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Ratio = Literal["times", "faster", "rate", "none"]
"""How ours and a peer are compared: ours in times of the peer's time, how many times faster, or ours in parts of the
peer's rate. None = our own figure is what the bounds are about."""


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    ours: str
    """The name of our samples."""
    beside: str = ""
    """The name of the peer's."""
    ratio: Ratio = "none"
    at_least: float | None = None
    aim: float | None = None
    unit: Literal["ms", "s", "images/s"] = "ms"


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    how: str
    rows: Sequence[Row]


SECTIONS: Mapping[str, Section] = {
    "requests": Section(
        "Requests",
        "Each contestant's requests go over a kept-alive connection of Python's http.client on loopback, in turns. The "
        "service is `activation-lab up` on SQLite, its worker suspended. Starlette is an app without validation and "
        "database on the same uvicorn; its job is a document in memory, its evaluation is the same mathematics with "
        "orjson. MLflow is `mlflow server` on SQLite with one worker, over its REST API: it reads a history of four "
        "metrics in four calls, ours has eight in one. An epoch is recorded by the worker's own code: eight metrics, "
        "three layers, a checkpoint's row.",
        [
            Row("GET /healthz", "GET healthz", "GET healthz, Starlette", "times", 1.5, 1.2),
            Row("GET a job", "GET a job", "GET a job, Starlette", "times", 3, 2),
            Row("POST a job; MLflow: create a run", "POST a job", "POST a job, MLflow", "faster", 10, 20),
            Row("record an epoch; MLflow: log-batch", "record an epoch", "record an epoch, MLflow", "faster", 5, 10),
            Row("history of 100 epochs", "history", "history, MLflow", "faster", 10, 20),
            Row("list 100 jobs sorted by a metric; MLflow: search", "list", "list, MLflow", "faster", 5, 10),
            Row("evaluate 100,000 points", "evaluate", "evaluate, Starlette", "rate", 0.8, 0.95),
        ],
    ),
    "growth": Section(
        "While stored epochs grow",
        "Two services, one with 1,000 stored epochs (of 100 jobs), the other with a thousand times as many of both.",
        [
            Row("history", "history, many", "history, few", "times", 1.3, 1.1),
            Row("list the newest 100 jobs", "newest, many", "newest, few", "times", 1.3, 1.1),
            Row("list 100 jobs sorted by a metric", "best, many", "best, few", "times", 1.3, 1.1),
        ],
    ),
    "latency": Section(
        "From submission to work",
        "A warm worker, as `up` runs it, and Ray Jobs on a running cluster. Ray's first line has not imported torch; "
        "our first batch has its data.",
        [
            Row(
                "POST to the first batch; Ray Jobs: submit to the first line",
                "POST to first batch",
                "submit to first line, Ray Jobs",
                "faster",
            )
        ],
    ),
    "training": Section(
        "Training on the CPU",
        "The article's CNN, relu, batch 128, images of an epoch a second. Ours is a job on `up`. The limit is the rate "
        "of a large matrix product here, at 72 million floating-point operations an image: 24 forward, 48 backward. "
        "The PyTorch loops are eager; the first is that of PyTorch's MNIST example, with a DataLoader and ToTensor. "
        "Keras runs `fit` on TensorFlow. All have this machine's cores, except where one thread is named; the busy "
        "core runs an endless loop.",
        [
            Row("float32, PyTorch's example", "float32", "PyTorch example", "rate", 1.6, None, "images/s"),
            Row("float32, PyTorch in memory", "float32", "PyTorch in memory", "rate", None, None, "images/s"),
            Row("float32, Keras fit", "float32", "Keras fit", "rate", 1.4, None, "images/s"),
            Row("float32, limit of this processor", "float32", "float32 limit", "rate", 0.78, 0.88, "images/s"),
            Row("bfloat16, limit of this processor", "bfloat16", "bfloat16 limit", "rate", None, None, "images/s"),
            Row("float32, one core busy; one thread alone", "one core busy", "one thread", "rate", 1, None, "images/s"),
        ],
    ),
    "formula-training": Section(
        "Training with formulas and learnt parameters",
        "A batch of 128 images in training, in one process on all cores: five of the catalog, each beside "
        "itself written as a formula, and leaky-relu with an alpha that is learnt beside a fixed one.",
        [
            *(
                Row(f"{name} as a formula", f"{name}, formula", name, "times", 1.5)
                for name in ("relu", "elu", "gelu", "mish", "silu")
            ),
            Row("alpha learnt in each layer", "alpha, learnt per layer", "alpha, fixed", "times", 1.2),
            Row("alpha learnt in each channel", "alpha, learnt per channel", "alpha, fixed", "times", 1.2),
        ],
    ),
    "gpu": Section(
        "Training on a GPU",
        "The same on a GPU, which `make bench` leaves to a machine that has one.",
        [
            Row("float32, batch 128; PyTorch's example", "gpu float32 128", "gpu example 128", "rate", unit="images/s"),
            Row(
                "float32, batch 1024; PyTorch's example",
                "gpu float32 1024",
                "gpu example 1024",
                "rate",
                unit="images/s",
            ),
            Row("bfloat16, batch 128; in memory", "gpu bfloat16 128", "gpu memory 128", "rate", unit="images/s"),
            Row("bfloat16, batch 1024; in memory", "gpu bfloat16 1024", "gpu memory 1024", "rate", unit="images/s"),
            Row("POST to the first batch", "gpu first batch"),
        ],
    ),
    "starts": Section(
        "First use",
        "From the start of the process, in a new folder; the demo trains its default sweep.",
        [
            Row("`up` until a job can be posted", "up", at_least=2.5, aim=1.5, unit="s"),
            Row("`make demo`, installed", "demo", at_least=90, aim=60, unit="s"),
            Row("the demo's first epoch", "demo, first epoch", at_least=15, unit="s"),
        ],
    ),
    "propagation": Section(
        "Gradient propagation",
        "Layers x width x samples, mish, drawn as PNG, through `up`.",
        [
            Row("200 x 1024 x 64", "propagation, 200 x 1024 x 64", at_least=2, unit="s"),
            Row("200 x 256 x 1024", "propagation, 200 x 256 x 1024", at_least=2, unit="s"),
            Row("50 x 256 x 256", "propagation, 50 x 256 x 256", at_least=2, unit="s"),
        ],
    ),
    "formulas": Section(
        "Formulas",
        "Without HTTP. Value and derivative at 100,000 numbers from -20 to 20, each true to a relative 1e-12: the "
        "fourth formula cancels 174 digits. At the bounds of the language (240 nodes, 48 levels): reading with the "
        "derivative, and finding range, monotonic, seams and warnings.",
        [
            Row("certify x*sigmoid(b*x)", "certify, swish", at_least=3, unit="s"),
            Row("certify x*tanh(log(1 + exp(x)))", "certify, mish", at_least=3, unit="s"),
            Row("certify x*Phi(x)", "certify, gelu", at_least=3, unit="s"),
            Row("certify 2*sin(x)*cos(x) - sin(2*x) + exp(-20*abs(x))", "certify, cancelling", at_least=3, unit="s"),
            Row("certify a sum of 45 sines", "certify, longest", unit="s"),
            Row("read a sum of 45 sines", "read, sums", at_least=50),
            Row("read 46 nested tanh", "read, nested", at_least=50),
            Row("read 39 quotients", "read, quotients", at_least=50),
            Row("read 44 powers", "read, powers", at_least=50),
            Row("describe a sum of 45 sines", "describe, sums", at_least=200),
            Row("describe 46 nested tanh", "describe, nested", at_least=200),
            Row("describe 39 quotients", "describe, quotients", at_least=200),
            Row("describe 44 powers", "describe, powers", at_least=200),
        ],
    ),
    "streams": Section(
        "Streams",
        "From the commit of an epoch to a client of its job's stream: 99th percentile; 25 epochs a second, SQLite.",
        [
            Row("500 clients on 50 jobs", "streams", at_least=500, aim=200),
            Row("one client on one job", "streams, one client"),
        ],
    ),
    "resume": Section(
        "After a kill",
        "From the fault to the job's next attempt: real workers on SQLite, the default lease of 60 s.",
        [
            Row("training process killed, the only one", "child killed", aim=2, unit="s"),
            Row("training process killed, another worker idle", "child killed, another idle", aim=2, unit="s"),
            Row("worker killed and restarted, as `up` does", "worker restarted", aim=5, unit="s"),
            Row("worker told to stop, another idle", "worker stopped, another idle", aim=5, unit="s"),
            Row("worker killed for good, another idle", "worker gone, another idle", aim=75, unit="s"),
        ],
    ),
}
