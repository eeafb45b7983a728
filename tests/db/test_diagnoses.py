"""Diagnoses as they are stored with the epochs that show them."""

import math
from dataclasses import replace

import pytest

from db import leases
from db.leases import Lease
from db.session import Sessions
from tests.support.figures import OUTPUT_LAYER, epoch_metrics, layer_metrics
from tests.support.protocol import claim, expire_lease, read_events, reap, start_job
from tests.support.submitting import find_job


def record_layers(sessions: Sessions, lease: Lease, epoch: int, **figures: float) -> None:
    layers = [layer_metrics(epoch, "conv2", **figures), replace(OUTPUT_LAYER, epoch=epoch)]
    with sessions.begin() as session:
        leases.record_epoch(session, lease, epoch_metrics(epoch), layers=layers)


def test_a_diagnosis_is_told_once_right_after_its_epoch(sessions: Sessions) -> None:
    lease = start_job(sessions)
    record_layers(sessions, lease, 1)
    record_layers(sessions, lease, 2, dead_fraction=0.5)
    record_layers(sessions, lease, 3, dead_fraction=0.6)
    told = [(event.seq, event.kind) for event in read_events(sessions, lease.job_id)]
    assert told[2:] == [(3, "epoch"), (4, "epoch"), (5, "diagnosis"), (6, "epoch")]
    data = read_events(sessions, lease.job_id)[4].data
    assert (data["code"], data["layer"], data["epoch"]) == ("dead_units", "conv2", 2)
    assert (data["evidence"], data["thresholds"]) == ({"dead_fraction": 0.5}, {"dead_fraction": 0.25})
    job = find_job(sessions, lease.job_id)
    assert job.event_seq == 6
    assert job.diagnoses == [{**data, "until_epoch": None}]


def test_several_diagnoses_of_one_epoch_are_numbered_without_a_gap(sessions: Sessions) -> None:
    lease = start_job(sessions)
    record_layers(sessions, lease, 1, dead_fraction=0.5, gradient_norm=50.0)
    record_layers(sessions, lease, 2)
    told = read_events(sessions, lease.job_id)
    assert [event.seq for event in told] == [1, 2, 3, 4, 5, 6]
    assert [event.data["code"] for event in told if event.kind == "diagnosis"] == ["exploding_gradient", "dead_units"]
    known = find_job(sessions, lease.job_id).diagnoses
    assert known is not None
    assert [record["until_epoch"] for record in known] == [1, 1]


def test_a_lost_answer_tells_no_diagnosis_twice(sessions: Sessions) -> None:
    lease = start_job(sessions)
    for _ in range(2):
        record_layers(sessions, lease, 1, dead_fraction=0.5)
    assert [event.kind for event in read_events(sessions, lease.job_id)].count("diagnosis") == 1


def test_another_attempt_knows_what_was_told(sessions: Sessions) -> None:
    lease = start_job(sessions)
    record_layers(sessions, lease, 1, dead_fraction=0.5)
    expire_lease(sessions, lease)
    reap(sessions)
    claimed = claim(sessions, lease.job_id, "worker/2")
    record_layers(sessions, claimed, 2, dead_fraction=0.5)
    assert [event.kind for event in read_events(sessions, lease.job_id)].count("diagnosis") == 1


@pytest.mark.parametrize("norm", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_told_of(sessions: Sessions, norm: float) -> None:
    lease = start_job(sessions)
    record_layers(sessions, lease, 1, gradient_norm=norm)
    data = read_events(sessions, lease.job_id)[-1].data
    assert (data["code"], data["evidence"]["gradient_norm"]) == ("exploding_gradient", None)
    assert data["non_finite"]["/evidence/gradient_norm"] == str(norm)
