"""How many statements an epoch costs a worker, which holds SQLite's only write lock meanwhile."""

from dataclasses import replace

from db import checkpoints, history, leases
from db.checkpoints import CheckpointFile
from db.session import Sessions
from jobs.spec import JobSpec
from tests.support.figures import OUTPUT_LAYER, epoch_metrics, layer_metrics, parameter_metrics
from tests.support.protocol import record_epochs, start_job
from tests.support.statements import name_targets, record_statements

SPEC = JobSpec(activation="relu", epochs=100)


def test_an_epoch_is_recorded_by_nine_statements_however_many_there_were(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    record_epochs(sessions, lease, *range(1, 40))
    layers = [layer_metrics(40, "conv1"), replace(OUTPUT_LAYER, epoch=40)]
    parameters = [parameter_metrics(40, layer) for layer in ("conv1", "conv2", "dense1")]
    file = CheckpointFile(40, 1, f"{lease.job_id}/40", "0" * 64, 10)
    with record_statements(sessions) as sent, sessions.begin() as session:
        leases.record_epoch(session, lease, epoch_metrics(40), layers=layers, checkpoint=file, parameters=parameters)
        checkpoints.forget_stale(session, lease.job_id)
    assert name_targets(sent) == [
        "UPDATE jobs",
        "INSERT epochs",
        "INSERT layers",
        "INSERT checkpoints",
        "INSERT learnt_parameters",
        "INSERT events",
        "SELECT epochs",
        "SELECT layers",
        "DELETE checkpoints",
    ]


def test_a_diagnosis_reads_the_epochs_from_the_best(sessions: Sessions) -> None:
    lease = start_job(sessions, SPEC)
    for epoch, val_loss in enumerate([0.4, 0.3, 0.35], start=1):
        with sessions.begin() as session:
            leases.record_epoch(session, lease, epoch_metrics(epoch, val_loss=val_loss))
    with sessions.read() as session:
        from_best = history.read_for_diagnosis(session, lease.job_id, SPEC, first_epoch=2)
    assert (from_best.epoch, [losses.val_loss for losses in from_best.epochs]) == (3, [0.3, 0.35])
