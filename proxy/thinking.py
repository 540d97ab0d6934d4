"""Whether a call asks its model to think: then it may be billed for what is not sent. Pure; no I/O."""

from collections.abc import Mapping
from typing import Any

# Objects that hold settings under the names of some provider.
HOLDERS = frozenset(
    {"chat_template_kwargs", "extra_body", "generationConfig", "generation_config", "google", "output_config"}
)
WORDS = ("think", "reason", "effort")  # one of them is in every name there is for it
SWITCHES = (
    "type", "enabled", "effort", "level", "max_tokens", "budget_tokens", "thinking_budget", "thinkingBudget",
)  # fmt: skip
OFF = (False, 0, "none", "off", "disabled")


def asks_to_think(document: Mapping[str, Any]) -> bool:
    """Say whether a request names thinking, in whatever words, and does not switch it off.

    What is unclear counts as asked: then the provider is told of a bound that would else not be needed.
    """
    todo = [document]
    while todo:
        for name, value in todo.pop().items():
            if name in HOLDERS and isinstance(value, dict):
                todo.append(value)
            elif any(word in name.lower() for word in WORDS) and not _is_off(value):
                return True
    return False


def _is_off(value: Any) -> bool:
    if not isinstance(value, dict):
        return value is None or value in OFF
    said = {name: inner for name, inner in value.items() if inner is not None}
    return not said or any(said.get(name) in OFF for name in SWITCHES if name in said)
