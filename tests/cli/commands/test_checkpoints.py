from pathlib import Path

from tests.support.command_line import assert_refused, submit_job
from tests.support.recorded_runs import Lab


def test_a_job_that_has_no_checkpoint_yet_cannot_be_asked_for_one(lab: Lab, tmp_path: Path):
    job_id = submit_job(lab)
    assert lab("checkpoints", job_id).stdout.splitlines() == ["epoch\tattempt\tbytes\tcreated at\tsha256"]
    assert_refused(
        lab("checkpoints", job_id, "1", str(tmp_path / "c")),
        "The job has no checkpoint of this epoch; the last two and the best are kept.",
    )
    image = tmp_path / "digit.csv"
    image.write_text(",".join(["0"] * 784))
    assert "has no checkpoint" in lab("predict", job_id, str(image)).stderr
