"""Functions a Gemini model may call, and whether it has to."""

from typing import Any

from proxy.conversation import Ask, Inexpressible, Tool

MODES = {"auto": "AUTO", "none": "NONE", "any": "ANY", "one": "ANY"}


def tool_fields(ask: Ask) -> dict[str, Any]:
    """The fields of a request that speak of tools; none where there are no tools."""
    if not ask.tools:
        if ask.tool_choice is not None and ask.tool_choice.mode in ("any", "one"):
            raise Inexpressible("tool_choice", "A tool can only be demanded where tools are given.")
        return {}
    if ask.parallel_tools is False:
        raise Inexpressible(
            "parallel_tool_calls",
            "This model cannot be kept from calling several tools at once. Leave it out.",
        )
    return {
        "tools": [{"functionDeclarations": [_declaration(tool) for tool in ask.tools]}],
        "toolConfig": {"functionCallingConfig": _calling(ask)},
    }


def _declaration(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.schema is not None:
        made["parametersJsonSchema"] = tool.schema
    return made


def _calling(ask: Ask) -> dict[str, Any]:
    choice = ask.tool_choice
    mode = MODES[choice.mode] if choice is not None else "AUTO"
    if mode == "AUTO" and any(tool.strict for tool in ask.tools):
        # Arguments then follow their schemas, those of all tools; of calls that are demanded they always do.
        mode = "VALIDATED"
    if choice is not None and choice.mode == "one":
        return {"mode": mode, "allowedFunctionNames": [choice.name]}
    return {"mode": mode}
