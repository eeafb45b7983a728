import csv
import io
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.client import JSON, Client
from jobs.errors import Diverged
from jobs.spec import JobSpec
from jobs.sweep import ARTICLE_ACTIVATIONS
from runtime.settings import Settings
from stack import demo
from tests.support.recorded_runs import Service, started


def test_the_demo_uses_no_database_or_broker_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ACTIVATION_LAB_DATABASE_URL", "postgresql+psycopg://elsewhere/lab")
    monkeypatch.setenv("ACTIVATION_LAB_BROKER_URL", "redis://elsewhere")
    own = demo.isolate(Settings(worker_threads=3, auth="keys"), tmp_path)
    assert own.database == f"sqlite:///{tmp_path}/activation-lab.db"
    assert "broker_url" not in own.model_fields_set
    assert (own.worker_threads, own.auth) == (3, "none")


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (4, 2), (6, 6), (None, 1)])
def test_as_many_jobs_train_at_once_as_use_all_cores_to_the_end(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, processes: int
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert demo.choose_processes(Settings()) == processes
    assert demo.choose_processes(Settings(worker_processes=4)) == 4


@pytest.mark.parametrize("samples", [128, 59_400])
def test_the_bounds_of_the_samples_are_those_of_a_job(samples: int):
    asked = {"activation": "gelu", **demo.make_base(epochs=1, samples=samples)}
    assert JobSpec.model_validate_json(json.dumps(asked)).train_samples == samples


class ClientOfAQuickService(Client):
    """A client whose sweeps are trained when they are submitted."""

    def __init__(self, service: Service, *, failing: str | None = None) -> None:
        super().__init__(service.url)
        self.service, self.failing = service, failing

    def submit_sweep(self, spec: Mapping[str, Any]) -> JSON:
        sweep = super().submit_sweep(spec)
        for job in self.list_jobs(filters={"sweep_id": sweep["id"]}):
            if job["spec"]["activation"] == self.failing:
                self.service.fail(job["id"], Diverged("the loss became nan"))
            else:
                self.service.succeed(job["id"], epochs=2)
        return sweep


def console() -> Console:
    return Console(file=io.StringIO(), width=80)


def printed(sweep: JSON) -> list[list[str]]:
    """The table's rows, cell by cell."""
    sink = console()
    sink.print(demo.tabulate(sweep))
    lines = sink.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO above
    return [line.split() for line in lines[-len(sweep["configurations"]) :]]


def test_the_demo_reports_what_the_service_draws_and_calculates(sqlite_url: str, tmp_path: Path):
    with started(sqlite_url) as service, closing(ClientOfAQuickService(service)) as client:
        sweep = demo.train(client, demo.make_base(epochs=2, samples=128), tmp_path, console())
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in {".png", ".csv"}) == sorted(demo.FILES)
    drawings = [(tmp_path / name).read_bytes() for name in ("accuracy.png", "loss.png")]
    assert all(drawing.startswith(b"\x89PNG") for drawing in drawings)
    assert drawings[0] != drawings[1]
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["activation"] for row in rows[::2]] == list(ARTICLE_ACTIVATIONS)
    assert [float(row["val_loss"]) for row in rows[:2]] == [0.05, 0.025]
    assert printed(sweep)[0] == ["sigmoid", "0.0250/0.0250", "95.00/95.00", "99.00/99.00", "96.01", "2.50", "1.00"]


def test_a_job_that_fails_is_named_with_its_reason(sqlite_url: str, tmp_path: Path):
    with (
        started(sqlite_url) as service,
        closing(ClientOfAQuickService(service, failing="selu")) as client,
        pytest.raises(demo.DemoFailed, match="selu failed: the loss became nan"),
    ):
        demo.train(client, demo.make_base(epochs=2, samples=128), tmp_path, console())


def configuration(activation: str, **changes: Any) -> dict[str, Any]:
    """A sweep's, of one seed, whose last epoch is not the best."""
    figures = ("val_loss", "val_accuracy", "val_binary_accuracy")
    return {
        "activation": activation,
        "final": {name: {"mean": value} for name, value in zip(figures, (0.2, 0.902, 0.982), strict=True)},
        "best": {name: {"mean": value} for name, value in zip(figures, (0.1, 0.903, 0.983), strict=True)},
        "test": {"accuracy": {"mean": 0.95}},
        "epoch_seconds": {"mean": 2.0},
        "ratio_to_relu": 0.5,
        **changes,
    }


def test_the_table_has_last_and_best_figures_and_the_time_in_relus():
    odd = configuration("relu", ratio_to_relu=None, test={"accuracy": None}, epoch_seconds={"mean": None})
    assert printed({"configurations": [configuration("sigmoid"), odd]}) == [
        ["sigmoid", "0.2000/0.1000", "90.20/90.30", "98.20/98.30", "95.00", "2.00", "0.50"],
        ["relu", "0.2000/0.1000", "90.20/90.30", "98.20/98.30", "nan", "nan"],
    ]
