"""Small JSON values that satisfy a JSON schema, for tool calls and structured answers."""

from typing import Any

_DEEPEST = 8
_PLAIN: dict[str, Any] = {"string": "amber", "integer": 1, "number": 1, "boolean": True, "null": None}


def sample(schema: dict[str, Any]) -> Any:
    """Make a small value for the schema: its required properties, its fewest items, its first choice."""
    return _sample(schema, root=schema, depth=0)


def _sample(schema: Any, *, root: dict[str, Any], depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    if "const" in schema:
        return schema["const"]
    for choices in ("enum", "anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(choices), list) and schema[choices]:
            first = schema[choices][0]
            return first if choices == "enum" else _sample(first, root=root, depth=depth + 1)
    if isinstance(schema.get("$ref"), str):
        return _sample(_resolve(schema["$ref"], root), root=root, depth=depth + 1)
    return _typed(schema, root=root, depth=depth)


def _typed(schema: dict[str, Any], *, root: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "array":
        fewest = min(_whole(schema.get("minItems")), _DEEPEST)
        return [_sample(schema.get("items"), root=root, depth=depth + 1) for _ in range(fewest)]
    if kind == "string":
        return str(_PLAIN["string"]).ljust(min(_whole(schema.get("minLength")), 1000), "-")
    if kind in ("integer", "number"):  # not sets: a schema may have anything for a type
        return max(1, _whole(schema.get("minimum")))
    if isinstance(kind, str) and kind in _PLAIN:
        return _PLAIN[kind]
    return _object(schema, root=root, depth=depth)


def _object(schema: dict[str, Any], *, root: dict[str, Any], depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    names = [name for name in required if isinstance(name, str)]
    return {name: _sample(properties.get(name), root=root, depth=depth + 1) for name in names}


def _resolve(ref: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if step and isinstance(found, dict) else found
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
