import pytest

from stack.assignments import InvalidAssignment, assign


@pytest.mark.parametrize(
    ("assignment", "body"),
    [
        ("optimizer.learning_rate=0.01", {"optimizer": {"learning_rate": 0.01}}),
        ("clip=null", {"clip": None}),
        ("metadata.note=hello", {"metadata": {"note": "hello"}}),
        ('metadata.run="7"', {"metadata": {"run": "7"}}),
        ("metadata.formula=a=b", {"metadata": {"formula": "a=b"}}),
        ("metadata.note=", {"metadata": {"note": ""}}),
        ("seed=NaN", {"seed": "NaN"}),
        ("seed=" + "[" * 100_000, {"seed": "[" * 100_000}),
    ],
)
def test_a_value_is_json_or_else_a_word(assignment: str, body: object):
    assert assign({}, [assignment]) == body


def test_paths_meet_in_one_object_and_the_last_word_wins():
    assert assign({"epochs": 3}, ["clip.by=norm", "clip.threshold=1", "epochs=5"]) == {
        "epochs": 5,
        "clip": {"by": "norm", "threshold": 1},
    }


@pytest.mark.parametrize("assignment", ["epochs", "=1", "clip.=1", ".by=norm", "a..b=1", ""])
def test_what_is_no_assignment_is_named(assignment: str):
    with pytest.raises(InvalidAssignment, match="is not of the form path=value"):
        assign({}, [assignment])


def test_a_path_cannot_lead_through_a_value():
    with pytest.raises(InvalidAssignment, match="clip is set to null already"):
        assign({}, ["clip=null", "clip.threshold=1"])
