from db import checkpoints, leases
from db.checkpoints import CheckpointFile
from db.session import Sessions
from jobs.spec import JobSpec
from tests.support.figures import epoch_metrics
from tests.support.protocol import start_job


def test_all_checkpoints_but_the_last_two_and_the_best_are_forgotten(sessions: Sessions) -> None:
    lease = start_job(sessions, JobSpec(activation="relu", epochs=5))
    for epoch, val_loss in enumerate([0.9, 0.1, 0.5, 0.5, 0.5], start=1):
        with sessions.begin() as session:
            checkpoint = CheckpointFile(epoch, 1, f"{lease.job_id}/{epoch}", "0" * 64, 10)
            leases.record_epoch(session, lease, epoch_metrics(epoch, val_loss=val_loss), checkpoint=checkpoint)
    with sessions.begin() as session:
        assert sorted(checkpoints.forget_stale(session, lease.job_id)) == [
            f"{lease.job_id}/{epoch}" for epoch in (1, 3)
        ]
    with sessions.read() as session:
        assert [row.epoch for row in checkpoints.list_kept(session, lease.job_id)] == [5, 4, 2]
