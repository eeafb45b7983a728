"""A short campaign, so that `make faults` can be relied on; docs/faults.md has the long ones."""

import pytest

from tests.faults.campaign import campaign, ground_on


@pytest.mark.timeout(900)
def test_a_few_kills_break_no_promise() -> None:
    with ground_on("sqlite") as ground:
        outcome = campaign(ground, kills=4, seed=7)
    assert outcome.violations == []
    assert outcome.ends["succeeded"] >= 4
