import pytest

from bench.load_page import describe_epochs
from bench.load_traffic import Epochs


def test_epochs_under_load_are_compared_with_the_pauses_around_them():
    epochs = Epochs(alone=[[2.0, 2.0], [4.0, 4.0], [6.0]], loaded=[[3.0, 3.3], [5.0]])
    assert epochs.compare_loaded() == pytest.approx([1.0, 1.1, 1.0])


def test_epochs_of_a_pause_are_compared_with_their_own_pause():
    epochs = Epochs(alone=[[2.0, 2.0, 3.0], [4.0]], loaded=[[]])
    assert epochs.compare_alone() == pytest.approx([1.0, 1.0, 1.5, 1.0])


def test_late_epochs_are_counted():
    assert describe_epochs("under load", [[3.0], [3.0, 3.6]], [1.0, 1.05, 1.2]) == (
        "| under load | 3 | 3.00 s | 1.050, 1.200 | 1 |"
    )


def test_a_load_shorter_than_an_epoch_has_none_to_describe():
    assert describe_epochs("under load", [[]], []) == "| under load | 0 | | | |"
