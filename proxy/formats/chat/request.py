"""A chat request in nobody's words."""

from collections.abc import Mapping
from typing import Any, Literal

from core.errors import BadRequest
from proxy.chat_call import SEARCHES
from proxy.conversation import Ask, Reasoning, Shape, Tool, ToolChoice
from proxy.formats.chat.fields import NOTHING, Fields
from proxy.formats.chat.messages import conversation
from proxy.formats.chat.parts import cache

# What speaks to us, and what changes no answer: where it is kept, cached or billed, and how it is told.
OURS = (
    "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "debug", "metadata", "usage",
    "models", "provider", "plugins", "service_tier", "prompt_cache_key",
)  # fmt: skip
# Fields without a place anywhere else, with what holds anyway: said so, they say nothing.
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "store": (False,),
    "modalities": (["text"],),
    "verbosity": ("medium",),
    "include_reasoning": (True, False),  # of the answer: the call has read it
    "prompt_cache_retention": ("in_memory",),
    **dict.fromkeys(SEARCHES, (False,)),
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
FORMS = ("text", "json_object", "json_schema")
DEFAULT_EFFORT = "medium"  # where thinking is only switched on
MODES: Mapping[str, Literal["auto", "none", "any"]] = {"auto": "auto", "none": "none", "required": "any"}
LARGEST = (1 << 63) - 1
MAX_STOPS = 16


def read(body: Mapping[str, Any], *, max_tokens: int) -> Ask:
    fields = Fields(body)
    fields.drop(*OURS)
    for name, holding in DEFAULTS.items():
        if (value := fields.whole_value(name)) not in NOTHING and value not in holding:
            raise fields.no_place(name)
    system, turns = conversation(_messages(fields))
    user, other_name = fields.text("user"), fields.text("safety_identifier")
    ask = Ask(
        system=system,
        turns=turns,
        tools=tuple(_tool(tool) for tool in fields.objects("tools")),
        tool_choice=_tool_choice(fields),
        parallel_tools=fields.flag("parallel_tool_calls"),
        shape=_shape(fields),
        max_tokens=max_tokens,
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.whole("top_k", 0, LARGEST),
        min_p=fields.number("min_p", 0, 1),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        seed=fields.whole("seed", -LARGEST, LARGEST),
        stop=stops(fields),
        reasoning=_reasoning(fields),
        user=user or other_name,
    )
    fields.end()
    return ask


def _messages(fields: Fields) -> list[Fields]:
    """Decoded at once: what is long in a request is here, and would be looked through level by level."""
    return Fields({"messages": fields.whole_value("messages")}).objects("messages")


def _tool(tool: Fields) -> Tool:
    if tool.needed("type") != "function":
        raise tool.no_place("type")
    function = tool.object("function")
    if function is None:
        raise tool.wrong("function", "an object")
    made = Tool(
        function.needed("name"),
        description=function.text("description"),
        schema=function.raw("parameters"),
        strict=function.flag("strict"),
        cache=any([cache(tool), cache(function)]),  # some mark the one, some the other
    )
    function.end()
    tool.end()
    return made


def _tool_choice(fields: Fields) -> ToolChoice | None:
    value = fields.take("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in MODES:
            raise fields.wrong("tool_choice", f"one of {', '.join(MODES)}, or a function by its name")
        return ToolChoice(MODES[value])
    choice = Fields(value, fields.path("tool_choice"))
    if choice.needed("type") != "function":
        raise choice.no_place("type")
    function = choice.object("function")
    if function is None:
        raise choice.wrong("function", "an object")
    made = ToolChoice("one", function.needed("name"))
    function.end()
    choice.end()
    return made


def _shape(fields: Fields) -> Shape | None:
    form = fields.object("response_format")
    if form is None:
        return None
    kind = form.needed("type")
    if kind not in FORMS:
        raise form.no_place("type")
    described = form.object("json_schema") if kind == "json_schema" else None
    form.end()
    if kind != "json_schema":
        return Shape() if kind == "json_object" else None
    if described is None:
        raise form.wrong("json_schema", "an object")
    made = Shape(
        schema=described.raw("schema"),
        name=described.text("name"),
        description=described.text("description"),
        strict=described.flag("strict"),
    )
    if made.schema is None:
        raise described.wrong("schema", "a JSON Schema")
    described.end()
    return made


def stops(fields: Fields) -> tuple[str, ...]:
    value = fields.whole_value("stop")
    stops = [value] if isinstance(value, str) else value or []
    if (
        not isinstance(stops, list)
        or len(stops) > MAX_STOPS
        or not all(isinstance(s, str) and s for s in stops)
    ):
        raise fields.wrong("stop", f"a text, or a list of at most {MAX_STOPS}")
    return tuple(stops)


def _reasoning(fields: Fields) -> Reasoning | None:
    word = fields.one_of("reasoning_effort", EFFORTS)
    more = fields.object("reasoning")
    if more is None:
        return None if word is None else _by_word(word)
    effort, tokens = more.one_of("effort", EFFORTS), more.whole("max_tokens", 1, LARGEST)
    enabled = more.flag("enabled")
    more.flag("exclude")  # of the answer: the call has read it
    more.end()
    said = {_by_word(name) for name in (word, effort) if name is not None}
    said |= {Reasoning(tokens=tokens)} if tokens is not None else set()
    said |= {Reasoning(is_off=True)} if enabled is False else set()
    if len(said) > 1 or (enabled and Reasoning(is_off=True) in said):
        raise BadRequest("reasoning says two things at once: keep one of them.", param="reasoning")
    if said:
        return said.pop()
    return Reasoning(effort=DEFAULT_EFFORT) if enabled else None


def _by_word(effort: str) -> Reasoning:
    return Reasoning(is_off=True) if effort == "none" else Reasoning(effort=effort)
