"""Usage that is not true, for gateways that must not believe what a provider reports."""

from typing import Any

_FACTORS = {"zero": 0, "x10": 10, "negative": -1}
_VALUES: dict[str, Any] = {"nan": float("nan"), "huge": 1e308, "string": "many"}


def tell(usage: dict[str, Any], lie: str | None) -> dict[str, Any] | None:
    """Change every count of a usage object as the lie wants; None is no usage object at all."""
    if lie is None:
        return usage
    if lie == "missing":
        return None
    return {name: _changed(value, lie) for name, value in usage.items()}


def _changed(value: Any, lie: str) -> Any:
    if isinstance(value, dict):
        return {name: _changed(inner, lie) for name, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, lie) for inner in value]
    if isinstance(value, str):
        return value
    return value * _FACTORS[lie] if lie in _FACTORS else _VALUES[lie]
