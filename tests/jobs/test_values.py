import pytest

from jobs.values import flatten, format_fields, format_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ("cross_entropy", "cross_entropy"),
        ({"threshold": 1, "by": "é"}, '{"by": "é", "threshold": 1}'),
    ],
)
def test_a_value_is_formatted_as_json_but_text_without_quotes(value: object, text: str):
    assert format_value(value) == text


def test_fields_of_objects_have_dotted_paths_and_an_empty_object_is_a_value():
    fields = {"clip": None, "optimizer": {"name": "sgd", "momentum": 0.9}, "parameters": {}}
    paths = {"clip": None, "optimizer.name": "sgd", "optimizer.momentum": 0.9, "parameters": {}}
    assert dict(flatten(fields)) == paths
    assert format_fields(fields) == {path: format_value(value) for path, value in paths.items()}
