"""The tools of a request, and how they are to be used."""

from collections.abc import Sequence

from core.errors import BadRequest
from proxy.conversation import Tool, ToolChoice
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.parts import read_cache

CHOICES = {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("any")}


def read_tools(asked: Fields) -> tuple[Tool, ...]:
    return tuple([_tool(tool) for tool in asked.objects("tools")])


def _tool(tool: Fields) -> Tool:
    if tool.needed_text("type") != "function":
        raise tool.foreign("type", "must be function: no other tool can be passed on")
    made = Tool(
        name=tool.needed_text("name"),
        description=tool.text("description"),
        schema=tool.json("parameters"),
        strict=tool.flag("strict"),
        cache=read_cache(tool),
    )
    tool.none_left()
    return made


def read_choice(asked: Fields, tools: Sequence[Tool]) -> ToolChoice | None:
    choice = asked.take("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in CHOICES:
            raise asked.wrong("tool_choice", f"must be one of: {', '.join(CHOICES)}, or name a function")
        return CHOICES[choice]
    one = Fields(choice, "tool_choice")
    if one.needed_text("type") != "function":
        raise one.foreign("type", "must be function: no other choice can be passed on")
    name = one.needed_text("name")
    one.none_left()
    if all(tool.name != name for tool in tools):
        raise BadRequest("tool_choice.name is none of the tools.", param="tool_choice.name")
    return ToolChoice("one", name)
