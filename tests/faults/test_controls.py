import pytest

from tests.faults.controls import GUARDS, PROJECT, Guard


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.promise)
def test_what_a_control_takes_out_is_there(guard: Guard) -> None:
    assert guard.stands_in(PROJECT), "this control has to follow the code it takes out"
