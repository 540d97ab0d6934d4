"""The words at the end of a start."""

from collections.abc import Mapping
from typing import Any

LOGINS = (("Sign in", "email", "password"), ("Operator", "operator_email", "operator_password"))
BODY = '{"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}'


def welcome(ready: Mapping[str, Any], *, took_s: float) -> str:
    """Return the block; what the demo does not have is left out."""
    demo = ready["demo"]
    lines = ["", f"BazaarLink is up ({took_s:.1f} s).", "", f"  Open      {ready['base_url']}"]
    for title, who, word in LOGINS:
        if who in demo and word in demo:
            lines.append(f"  {title:<9} {demo[who]}  {demo[word]}")
    if "api_key" in demo:
        lines += [f"  API key   {demo['api_key']}", "", "Call a model:", "", curl(ready)]
    if ready["mailbox_dir"]:
        lines += ["", f"Mail it sends lands in {ready['mailbox_dir']}."]
    return "\n".join([*lines, "", "Ctrl-C stops everything; your data stay.", ""])


def curl(ready: Mapping[str, Any]) -> str:
    """Return a command that works when pasted."""
    demo = ready["demo"]
    return (
        f"curl {ready['api_base']}/chat/completions \\\n"
        f"  -H 'Authorization: Bearer {demo['api_key']}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d '{BODY}'"
    )
