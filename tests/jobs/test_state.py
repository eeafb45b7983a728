from jobs.state import TERMINAL, TRANSITIONS, JobState


def test_terminal_states_are_final() -> None:
    assert {"succeeded", "failed", "cancelled"} == TERMINAL
    assert all(not TRANSITIONS[state] for state in TERMINAL)


def test_every_state_can_come_to_an_end() -> None:
    assert all(TRANSITIONS[state] & TERMINAL for state in set(JobState) - TERMINAL)


def test_a_job_goes_back_to_the_queue_only_from_running() -> None:
    assert [state for state in JobState if JobState.QUEUED in TRANSITIONS[state]] == [JobState.RUNNING]
