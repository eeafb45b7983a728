from collections.abc import Iterator
from typing import Any

import pytest

from cli.assignments import InvalidAssignment, assign
from jobs.spec import JobSpec


@pytest.mark.parametrize(
    ("assignment", "body"),
    [
        ("optimizer.learning_rate=0.01", {"optimizer": {"learning_rate": 0.01}}),
        ("clip=null", {"clip": None}),
        ("metadata.note=hello", {"metadata": {"note": "hello"}}),
        ('metadata.run="7"', {"metadata": {"run": "7"}}),
        ("metadata.formula=a=b", {"metadata": {"formula": "a=b"}}),
        ("metadata.note=", {"metadata": {"note": ""}}),
        ("metadata.note=2024", {"metadata": {"note": "2024"}}),
        ("metadata.note=null", {"metadata": {"note": "null"}}),
        ("metadata.note=[1, 2]", {"metadata": {"note": "[1, 2]"}}),
        ("metadata.v1.2=true", {"metadata": {"v1.2": "true"}}),
        ('metadata={"note": "7"}', {"metadata": {"note": "7"}}),
        ("formula=2", {"formula": "2"}),
        ("formula=x*sigmoid(x)", {"formula": "x*sigmoid(x)"}),
        ('trainable.parameters=["alpha"]', {"trainable": {"parameters": ["alpha"]}}),
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
    with pytest.raises(InvalidAssignment, match="clip is already set to null"):
        assign({}, ["clip=null", "clip.threshold=1"])


def test_text_is_taken_nowhere_else():
    """But for these: a name of the catalog, and words that an activation knows. None of them is JSON."""
    schema = JobSpec.model_json_schema()
    free = [path for path, field in leaves(schema, schema["properties"]) if is_free_text(field)]
    assert free == ["activation", "formula", "parameters.*", "metadata.*"]


def leaves(schema: dict[str, Any], fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in fields.items():
        for branch in field.get("anyOf", field.get("oneOf", [field])):
            found = schema["$defs"][branch["$ref"].rpartition("/")[2]] if "$ref" in branch else branch
            inner = found.get("properties", {})
            for rest in (found.get("additionalProperties"), *found.get("patternProperties", {}).values()):
                inner |= {"*": rest} if isinstance(rest, dict) else {}
            yield from leaves(schema, inner, f"{prefix}{name}.") if inner else [(prefix + name, found)]


def is_free_text(field: dict[str, Any]) -> bool:
    return field.get("type") == "string" and not {"enum", "const"} & field.keys()
