"""One job from hint to end, on a real database, with a training that takes no time."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text, update

from db import history, jobs, leases, predictions, queue
from db.checkpoints import CheckpointFile
from db.leases import Claim
from db.models import Job, Prediction
from db.session import Sessions
from jobs.errors import CheckpointDamaged, Diverged
from jobs.metrics import Environment, EpochMetrics, Evaluation, LayerMetrics
from jobs.spec import JobSpec
from tests.support.outage import Outage
from worker.attempt import work_on
from worker.heartbeat import Heartbeat
from worker.predictor import Predictor
from worker.trainer import Trainer


def nothing(_: int) -> None: ...


class FakeTraining:
    """Counts: the loss of an epoch says how many epochs this training has seen in all, restored ones included."""

    def __init__(self, spec: JobSpec, between_batches: Callable[[], None]) -> None:
        self.spec = spec
        self.between_batches = between_batches
        self.epoch = 0
        self.layers: Sequence[LayerMetrics] = ()
        self.before: Callable[[int], None] = nothing

    def state_dict(self) -> Mapping[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, tensors: Mapping[str, Any]) -> None:
        self.epoch = tensors["epoch"]

    def epochs(self) -> Iterator[EpochMetrics]:
        while self.epoch < self.spec.epochs:
            self.before(self.epoch + 1)
            self.between_batches()
            self.epoch += 1
            yield EpochMetrics(self.epoch, float(self.epoch), 0.5, 0.9, 0.5, 0.5, 0.9, 1e-3, 1.0, 1000.0)

    def evaluate_on_test(self) -> Evaluation:
        return Evaluation(0.1, 0.9, 0.98)


class FakeCheckpoints:
    """In memory; `damaged` ones cannot be loaded."""

    def __init__(self) -> None:
        self.files: dict[str, Mapping[str, Any]] = {}
        self.damaged: set[str] = set()
        self.full = False
        self.undeletable = False
        self.unreadable = 0

    def save(self, job_id: str, epoch: int, attempt: int, tensors: Mapping[str, Any]) -> CheckpointFile:
        if self.full:
            raise OSError(28, "No space left on device")
        path = f"{job_id}/{epoch}-{attempt}"
        self.files[path] = tensors
        return CheckpointFile(epoch, attempt, path, "0" * 64, 1)

    def load(self, path: str, sha256: str) -> Mapping[str, Any]:  # noqa: ARG002  # the protocol's
        if self.unreadable > 0:
            self.unreadable -= 1
            raise ConnectionRefusedError(path)
        if path in self.damaged or path not in self.files:
            raise CheckpointDamaged(path)
        return self.files[path]

    def delete(self, path: str) -> None:
        if self.undeletable:
            raise PermissionError(path)
        del self.files[path]


class Scene:
    """A worker whose training does, before an epoch, what the test says."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.checkpoints = FakeCheckpoints()
        self.before: Callable[[int], None] = nothing
        self.trainings: list[FakeTraining] = []
        self.draining = threading.Event()
        self.pause = threading.Event()
        self.predictor = Predictor(
            sessions, self.checkpoints, lambda _, tensors: lambda _: [float(tensors["epoch"])] * 10
        )

    def prepare(self, spec: JobSpec, between_batches: Callable[[], None]) -> tuple[FakeTraining, Environment]:
        training = FakeTraining(spec, between_batches)
        training.before = self.before
        self.trainings.append(training)
        return training, Environment("cpu", "2", "3", 1, "0", "0" * 64)

    def submit(self, **spec: Any) -> str:
        with self.sessions.begin() as session:
            return jobs.create(session, JobSpec(activation="relu", **spec), max_unfinished=100)[0].id

    def claim(self) -> Claim:
        job_id = self.submit()
        with self.sessions.begin() as session:
            claimed = leases.claim(session, job_id, "worker/1", lease_seconds=60)
        assert claimed is not None
        return claimed

    def trainer(self, owner: str) -> Trainer:
        return Trainer(self.sessions, owner, self.checkpoints, self.prepare, self.predictor, draining=self.draining)

    def run(self, job_id: str, owner: str = "worker/1") -> Job:
        work_on(job_id, self.trainer(owner))
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        with self.sessions.read() as session:
            return jobs.find(session, job_id)

    def history(self, job_id: str) -> list[tuple[int, int, float]]:
        with self.sessions.read() as session:
            return [(row.epoch, row.attempt, row.loss) for row in history.read_epochs(session, job_id)]

    def reap(self, owner: str) -> None:
        """Again while a heartbeat renews its lease just then: `queue.reap` passes over a row that is locked."""
        while True:
            with self.sessions.begin() as session:
                if queue.reap(session, owned_by=owner):
                    return

    def event_numbers(self) -> list[int]:
        with self.sessions.read() as session:
            return list(session.scalars(text("SELECT seq FROM events ORDER BY seq")))


@pytest.fixture
def scene(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("worker.heartbeat.POLL_SECONDS", 0.01)
    return Scene(sessions)


def until_noticed(training: FakeTraining) -> None:
    """Train on, batch by batch, until the heartbeat tells this training to stop."""
    for _ in range(2000):
        training.between_batches()
        threading.Event().wait(0.005)
    pytest.fail("the training was never told to stop")


def test_a_job_is_trained_to_its_end(scene: Scene) -> None:
    job = scene.run(scene.submit(epochs=3))
    assert (job.state, job.epochs_done, job.test_accuracy) == ("succeeded", 3, 0.9)
    assert scene.history(job.id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0)]
    assert job.environment is not None
    assert job.environment["device"] == "cpu"


def test_a_doubled_hint_trains_nothing(scene: Scene) -> None:
    job_id = scene.submit(epochs=1)
    scene.run(job_id)
    scene.run(job_id)
    assert len(scene.trainings) == 1


def test_a_cancelled_job_ends_between_batches_with_its_epochs_kept(scene: Scene) -> None:
    def cancel_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            with scene.sessions.begin() as session:
                jobs.request_cancel(session, job_id)
            until_noticed(scene.trainings[0])

    scene.before = cancel_in_epoch_two
    job_id = scene.submit(epochs=3)
    assert scene.run(job_id).state == "cancelled"
    assert [epoch for epoch, _, _ in scene.history(job_id)] == [1]


def test_a_draining_worker_gives_the_job_back_and_another_goes_on(scene: Scene) -> None:
    def drain_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            scene.draining.set()

    scene.before = drain_in_epoch_two
    job_id = scene.submit(epochs=3)
    job = scene.run(job_id)
    assert (job.state, job.crashes) == ("queued", 0)
    scene.draining.clear()
    scene.before = nothing
    assert scene.run(job_id, "worker/2").state == "succeeded"
    assert scene.history(job_id) == [(1, 1, 1.0), (2, 2, 2.0), (3, 2, 3.0)]


def test_epochs_after_an_older_checkpoint_are_recomputed_but_not_recorded_again(scene: Scene) -> None:
    def drain_in_epoch_four(epoch: int) -> None:
        if epoch == 4:
            scene.draining.set()

    scene.before = drain_in_epoch_four
    job_id = scene.submit(epochs=5, checkpoint_every=2)
    scene.run(job_id)
    scene.draining.clear()
    scene.before = nothing
    assert scene.run(job_id).state == "succeeded"
    assert scene.history(job_id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0), (4, 2, 4.0), (5, 2, 5.0)]


@pytest.mark.parametrize("loss", ["damaged", "gone"])
def test_without_a_whole_checkpoint_training_starts_over_and_comes_to_the_same(scene: Scene, loss: str) -> None:
    def drain_in_epoch_three(epoch: int) -> None:
        if epoch == 3:
            scene.draining.set()

    scene.before = drain_in_epoch_three
    job_id = scene.submit(epochs=3)
    scene.run(job_id)
    if loss == "gone":
        scene.checkpoints.files.clear()
    scene.checkpoints.damaged = set(scene.checkpoints.files)
    scene.draining.clear()
    scene.before = nothing
    scene.run(job_id)
    assert scene.history(job_id) == [(1, 1, 1.0), (2, 1, 2.0), (3, 2, 3.0)]


@pytest.mark.parametrize(("refusals", "patience", "resumed_from"), [(2, 60, 2), (1000, 0.1, 0)])
def test_storage_that_is_away_is_waited_for_and_then_done_without(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, refusals: int, patience: float, resumed_from: int
) -> None:
    def drain_in_epoch_three(epoch: int) -> None:
        if epoch == 3:
            scene.draining.set()

    def note(epoch: int) -> None:
        trained.append(epoch)

    monkeypatch.setattr("worker.retries.STORAGE_SECONDS", patience)
    trained: list[int] = []
    scene.before = drain_in_epoch_three
    job_id = scene.submit(epochs=4)
    scene.run(job_id)
    scene.draining.clear()
    scene.before = note
    scene.checkpoints.unreadable = refusals
    assert scene.run(job_id).state == "succeeded"
    assert trained == list(range(resumed_from + 1, 5))
    assert [epoch for epoch, _, _ in scene.history(job_id)] == [1, 2, 3, 4]


def test_checkpoints_are_made_as_often_as_asked_and_after_the_last_epoch(scene: Scene) -> None:
    job_id = scene.submit(epochs=5, checkpoint_every=3)
    scene.run(job_id)
    assert sorted(scene.checkpoints.files) == [f"{job_id}/3-1", f"{job_id}/5-1"]


def test_old_checkpoints_are_deleted(scene: Scene) -> None:
    job_id = scene.submit(epochs=5)
    scene.run(job_id)
    kept = [f"{job_id}/{epoch}-1" for epoch in (1, 4, 5)]  # 1 is the best: none has a lower loss
    assert sorted(scene.checkpoints.files) == kept


def test_a_checkpoint_that_cannot_be_deleted_costs_room_not_the_job(scene: Scene) -> None:
    scene.checkpoints.undeletable = True
    assert scene.run(scene.submit(epochs=5)).state == "succeeded"


def test_a_full_disk_costs_the_checkpoint_not_the_epoch(scene: Scene) -> None:
    scene.checkpoints.full = True
    assert scene.run(scene.submit(epochs=2)).state == "succeeded"


def test_a_diverged_job_fails_with_its_epochs_kept(scene: Scene) -> None:
    def diverge_in_epoch_two(epoch: int) -> None:
        if epoch == 2:
            raise Diverged("the training loss became nan in epoch 2")

    scene.before = diverge_in_epoch_two
    job = scene.run(scene.submit(epochs=3))
    assert (job.state, job.error_code, job.error_message) == (
        "failed",
        "diverged",
        "the training loss became nan in epoch 2",
    )
    assert [epoch for epoch, _, _ in scene.history(job.id)] == [1]


def test_an_unexpected_error_fails_the_job_and_says_what_it_was(scene: Scene) -> None:
    def bug(epoch: int) -> None:
        raise ZeroDivisionError(f"in epoch {epoch}")

    scene.before = bug
    job = scene.run(scene.submit())
    assert (job.error_code, job.error_message) == ("internal_error", "ZeroDivisionError: in epoch 1")


def test_a_worker_that_lost_its_job_stops_and_writes_nothing(scene: Scene) -> None:
    def lose_in_epoch_two(epoch: int) -> None:
        if epoch == 2 and len(scene.trainings) == 1:
            scene.reap("worker/1")
            with scene.sessions.begin() as session:
                leases.claim(session, job_id, "worker/2", lease_seconds=60)
            until_noticed(scene.trainings[0])

    scene.before = lose_in_epoch_two
    job_id = scene.submit(epochs=3)
    job = scene.run(job_id)
    assert (job.state, job.lease_owner, job.attempt, job.epochs_done) == ("running", "worker/2", 2, 1)


def test_a_heartbeat_renews_the_lease(scene: Scene) -> None:
    claimed = scene.claim()
    with scene.sessions.begin() as session:
        session.execute(update(Job).values(lease_expires_at=Job.created_at))
    with Heartbeat(scene.sessions, claimed.lease, 60, 0.01, scene.draining):
        for _ in range(500):
            job = scene.job(claimed.lease.job_id)
            if job.lease_expires_at is not None and job.lease_expires_at > job.created_at:
                return
            threading.Event().wait(0.01)
    pytest.fail("the lease was not renewed")


@pytest.mark.parametrize(("epoch_seconds", "stalls"), [([], True), ([0.001], True), ([60.0], False)])
def test_a_training_without_an_epoch_for_long_has_stalled(
    scene: Scene,
    epoch_seconds: list[float],
    stalls: bool,  # noqa: FBT001  # a parameter
) -> None:
    claimed = scene.claim()
    stalled = threading.Event()
    heartbeat = Heartbeat(
        scene.sessions, claimed.lease, 60, 10, scene.draining, stalled_seconds=0.1, exit_process=stalled.set
    )
    heartbeat._epoch_seconds = epoch_seconds
    with heartbeat:
        assert stalled.wait(2 if stalls else 0.5) is stalls


def test_a_heartbeat_that_meets_a_bug_is_followed_by_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    claimed, failures, fine = scene.claim(), iter(range(3)), threading.Event()
    heartbeat = leases.heartbeat

    def failing(*arguments: Any, **options: Any) -> None:
        if next(failures, None) is not None:
            raise ZeroDivisionError
        heartbeat(*arguments, **options)
        fine.set()

    monkeypatch.setattr(leases, "heartbeat", failing)
    with Heartbeat(scene.sessions, claimed.lease, 60, 0.01, scene.draining):
        assert fine.wait(60)
    assert [record.levelname for record in caplog.records if "heartbeat failed" in record.message] == ["ERROR"] * 3


def test_a_cancel_is_noticed_after_a_bug(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, waiting = iter(range(3)), predictions.waiting

    def failing(session: Any) -> bool:
        if next(failures, None) is not None:
            raise ZeroDivisionError
        return waiting(session)

    def cancel(_: int) -> None:
        with scene.sessions.begin() as session:
            jobs.request_cancel(session, job_id)
        until_noticed(scene.trainings[0])

    monkeypatch.setattr(predictions, "waiting", failing)
    scene.before = cancel
    job_id = scene.submit(epochs=1)
    assert scene.run(job_id).state == "cancelled"


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_training_without_a_heartbeat_does_not_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """A bug at every heartbeat for as long as a lease, or the end of the thread: then the process ends."""

    def failing(*_: Any, **__: Any) -> None:
        raise error

    claimed, left = scene.claim(), threading.Event()
    monkeypatch.setattr(leases, "heartbeat", failing)
    with Heartbeat(scene.sessions, claimed.lease, 0.05, 0.01, scene.draining, exit_process=left.set):
        assert left.wait(60)


def test_a_process_that_was_suspended_has_not_stalled(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed, left, looked = scene.claim(), threading.Event(), threading.Semaphore(0)
    slept, look = iter([0.0] * 3 + [3600.0] * 1000), predictions.waiting

    def looking(session: Any) -> bool:
        asleep.append(next(slept))
        looked.release()
        return look(session)

    asleep: list[float] = []
    monkeypatch.setattr(predictions, "waiting", looking)
    monkeypatch.setattr("worker.heartbeat.monotonic", lambda: monotonic() + sum(asleep))
    with Heartbeat(scene.sessions, claimed.lease, 60, 10, scene.draining, stalled_seconds=1800, exit_process=left.set):
        assert all(looked.acquire(timeout=60) for _ in range(10))
    assert not left.is_set()


def test_a_worker_that_comes_back_to_a_lost_lease_has_not_crashed(scene: Scene) -> None:
    def suspend(epoch: int) -> None:
        if epoch == 2 and len(scene.trainings) <= 3:
            with scene.sessions.begin() as session:
                session.execute(update(Job).values(lease_expires_at=Job.created_at))
            while scene.job(job_id).state == "running":  # the heartbeat may have renewed it just then
                with scene.sessions.begin() as session:
                    session.execute(update(Job).values(lease_expires_at=Job.created_at))
                    queue.reap(session)
            until_noticed(scene.trainings[-1])

    scene.before = suspend
    job_id = scene.submit(epochs=3)
    for attempt in range(1, 4):
        job = scene.run(job_id)
        assert (job.state, job.attempt, job.crashes) == ("queued", attempt, 0)
    assert scene.run(job_id).state == "succeeded"
    assert [epoch for epoch, _, _ in scene.history(job_id)] == [1, 2, 3]


on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@on_postgres
def test_training_goes_on_while_the_database_is_away_and_every_epoch_is_written_later(
    scene: Scene, outage: Outage
) -> None:
    def away_from_epoch_two_to_five(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
        if epoch == 5:
            outage.end()

    scene.before = away_from_epoch_two_to_five
    job = scene.run(scene.submit(epochs=6))
    assert (job.state, job.attempt) == ("succeeded", 1)
    assert scene.history(job.id) == [(epoch, 1, float(epoch)) for epoch in range(1, 7)]
    assert scene.event_numbers() == list(range(1, job.event_seq + 1))
    assert sorted(scene.checkpoints.files) == [f"{job.id}/{epoch}-1" for epoch in (1, 5, 6)]


@on_postgres
def test_a_job_that_ends_while_the_database_is_away_ends_when_it_is_back(scene: Scene, outage: Outage) -> None:
    def away_from_epoch_two(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
            threading.Timer(1.0, outage.end).start()

    scene.before = away_from_epoch_two
    assert scene.run(scene.submit(epochs=3)).state == "succeeded"


@on_postgres
def test_a_job_lost_during_an_outage_is_not_written_to_after_it(scene: Scene, outage: Outage) -> None:
    def lose_in_the_outage(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
        if epoch == 4:
            outage.end()
            scene.reap("worker/1")
            until_noticed(scene.trainings[0])

    scene.before = lose_in_the_outage
    job = scene.run(scene.submit(epochs=5))
    assert (job.state, job.epochs_done) == ("queued", 1)
    scene.before = nothing
    job = scene.run(job.id, "worker/2")
    assert scene.history(job.id) == [(1, 1, 1.0), *((epoch, 2, float(epoch)) for epoch in range(2, 6))]


@on_postgres
def test_a_worker_told_to_stop_in_an_outage_stops_and_leaves_the_job_to_its_lease(
    scene: Scene, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_in_the_outage(epoch: int) -> None:
        if epoch == 2:
            outage.begin()
            scene.draining.set()

    monkeypatch.setattr("worker.retries.DRAIN_SECONDS", 0.5)
    scene.before = stop_in_the_outage
    job_id = scene.submit(epochs=3)
    work_on(job_id, scene.trainer("worker/1"))
    outage.end()
    assert (scene.job(job_id).state, scene.job(job_id).lease_owner) == ("running", "worker/1")


@on_postgres
def test_waiting_for_the_database_is_not_stalling(scene: Scene, outage: Outage) -> None:
    claimed = scene.claim()
    stalled = threading.Event()
    with Heartbeat(
        scene.sessions, claimed.lease, 60, 10, scene.draining, stalled_seconds=0.3, exit_process=stalled.set
    ):
        outage.begin()
        assert not stalled.wait(1)
        outage.end()
        assert stalled.wait(2)


# --- predictions ---


def ask(scene: Scene, job_id: str) -> str:
    with scene.sessions.begin() as session:
        return predictions.ask(session, job_id, [[0.0] * 28] * 28)


def outcome(scene: Scene, prediction_id: str) -> Prediction:
    with scene.sessions.read() as session:
        row = predictions.outcome(session, prediction_id)
    assert row is not None
    return row


def asked_while_training(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, Prediction]:
    """The only worker trains, and somebody asks the very job for a prediction in its third epoch."""
    monkeypatch.setattr("db.predictions.IDLE_HEAD_START_SECONDS", 0.0)
    asked: list[str] = []

    def ask_in_epoch_three(epoch: int) -> None:
        if epoch == 3:
            asked.append(ask(scene, job_id))
            for _ in range(2000):
                scene.trainings[0].between_batches()
                if outcome(scene, asked[0]).answered_at is not None:
                    return
                threading.Event().wait(0.005)
            pytest.fail("nobody answered")

    scene.before = ask_in_epoch_three
    job_id = scene.submit(epochs=4)
    return scene.run(job_id), outcome(scene, asked[0])


def test_a_worker_that_trains_answers_between_batches(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    job, prediction = asked_while_training(scene, monkeypatch)
    assert (prediction.epoch, prediction.probabilities) == (2, [2.0] * 10)
    assert job.state == "succeeded"
    assert scene.history(job.id) == [(epoch, 1, float(epoch)) for epoch in (1, 2, 3, 4)]


@pytest.mark.parametrize("classify", [lambda _: [1 / 0], lambda _: [math.nan] * 10])
def test_a_prediction_that_goes_wrong_ends_no_training(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, classify: Callable[..., list[float]]
) -> None:
    scene.predictor = Predictor(scene.sessions, scene.checkpoints, lambda *_: classify)
    job, prediction = asked_while_training(scene, monkeypatch)
    assert prediction.error_code == "internal_error"
    assert job.state == "succeeded"


@pytest.mark.parametrize(
    ("trouble", "epoch", "code"),
    [("none", 2, None), ("newest", 1, None), ("all", None, "no_checkpoint"), ("storage", None, "storage_unavailable")],
)
def test_an_idle_worker_answers_from_the_newest_checkpoint_that_is_whole(
    scene: Scene, trouble: str, epoch: int | None, code: str | None
) -> None:
    job = scene.run(scene.submit(epochs=2))
    urls = sorted(scene.checkpoints.files)
    scene.checkpoints.damaged = {"newest": {urls[-1]}, "all": set(urls)}.get(trouble, set())
    scene.checkpoints.unreadable = trouble == "storage"
    prediction_id = ask(scene, job.id)
    scene.predictor.answer(prediction_id)
    prediction = outcome(scene, prediction_id)
    assert (prediction.epoch, prediction.error_code) == (epoch, code)


def test_the_next_request_for_the_same_job_reads_no_file(scene: Scene) -> None:
    job = scene.run(scene.submit(epochs=1))
    first, second = ask(scene, job.id), ask(scene, job.id)
    scene.predictor.answer(first)
    scene.checkpoints.files.clear()
    scene.predictor.answer(second)
    assert outcome(scene, second).probabilities == [1.0] * 10


def test_a_hint_for_a_prediction_that_is_gone_does_nothing(scene: Scene) -> None:
    scene.predictor.answer("nonsense")


@on_postgres
def test_an_outage_while_predicting_is_no_error(scene: Scene, outage: Outage) -> None:
    job = scene.run(scene.submit(epochs=1))
    prediction_id = ask(scene, job.id)
    outage.begin()
    scene.predictor.answer(prediction_id)
