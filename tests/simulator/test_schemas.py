import pytest

from simulator.schemas import sample


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]},
            {"a": 1},
        ),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "array", "items": {"type": "boolean"}}, []),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 7}, 7),
        ({"type": ["string", "null"], "minLength": 7}, "amber--"),
        ({"type": "number", "minimum": 5}, 5),
        ({"type": "null"}, None),
        ({"type": [[]]}, {}),
        ({"type": {}}, {}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/city", "$defs": {"city": {"type": "string"}}}, "amber"),
    ],
)
def test_a_sample_satisfies_its_schema(schema, value):
    assert sample(schema) == value


def test_a_schema_that_holds_itself_comes_to_an_end():
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}

    assert "next" in sample(schema)
