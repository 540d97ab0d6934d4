"""Reads Gemini's request for content, as strictly as the real one: a field it does not know is an error."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from simulator.asks import Ask, Message, digest_of
from simulator.directives import bare_name
from simulator.fields import MOST_CHOICES, read_list, read_model, read_object, read_stops, read_whole
from simulator.refusals import Refusal
from simulator.signatures import is_signed

PROVIDER = "gemini"
_UNDERSCORE = re.compile(r"(?<=[a-z])_([a-z])")
MOST_STOPS = 5
UNSIGNED = "skip_thought_signature_validator"
"""What the real one lets pass as a signature, for calls that another model has made."""
_INSIDE = "generationConfig."
_FIELDS = frozenset(
    (
        *("model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"),
        *("safetySettings", "cachedContent", "labels", "serviceTier", "store"),
    )
)
_CONFIG_FIELDS = frozenset(
    (
        *("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"),
        *("candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty"),
        *("frequencyPenalty", "responseLogprobs", "logprobs", "speechConfig", "thinkingConfig"),
        *("imageConfig", "mediaResolution", "enableEnhancedCivicAnswers", "audioTranscriptionConfig"),
    )
)
_FREE = frozenset(
    (
        *("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"),
        *("partMetadata", "labels"),
    )
)
_METHODS = {"generateContent": False, "streamGenerateContent": True}


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:
    """Read one request: the path names model and method, the body the rest; raises Refusal."""
    stream = _method(named)
    model = read_model(named["model"])
    body = _spelled(body)
    _check_names(body, _FIELDS, inside="")
    config = read_object(body, "generationConfig")
    _check_names(config, _CONFIG_FIELDS, inside=_INSIDE)
    limit = read_whole(config, "maxOutputTokens", inside=_INSIDE)
    choices = read_whole(config, "candidateCount", most=MOST_CHOICES, inside=_INSIDE) or 1
    form, schema, tool_name = _form(body, config)
    asked = (body.get("systemInstruction"), body.get("contents"), choices, limit, config.get("seed"))
    return Ask(
        model=model,
        messages=(*_system(body), *_contents(body)),
        digest=digest_of(PROVIDER, bare_name(model), *asked),
        stream=stream,
        choices=choices,
        limit=limit,
        stop=read_stops(config, "stopSequences", most=MOST_STOPS, inside=_INSIDE),
        form=form,
        schema=schema,
        tool_name=tool_name,
        offered=_offered(body),
        thought=_thought(config),
    )


def _method(named: Mapping[str, str]) -> bool:
    """Say whether the answer is to be streamed."""
    stream = _METHODS.get(named["method"])
    if stream is None:
        raise Refusal(f"Unknown method. Use one of: {', '.join(_METHODS)}.", status=404)
    if stream and named.get("alt") != "sse":
        raise Refusal("Streams are simulated as server-sent events only: add ?alt=sse.", param="alt")
    return stream


def _spelled(found: Any) -> Any:
    """Spell names as they are documented: clients may also write_them_like_this, and mix the two.

    What the caller names, as in a schema or in arguments, is left as it is.
    """
    if isinstance(found, list):
        return [_spelled(item) for item in found]
    if not isinstance(found, dict):
        return found
    named = {_UNDERSCORE.sub(lambda at: at[1].upper(), name): value for name, value in found.items()}
    return {name: value if name in _FREE else _spelled(value) for name, value in named.items()}


def _check_names(found: dict[str, Any], known: frozenset[str], *, inside: str) -> None:
    for name in found.keys() - known:
        raise Refusal(f'Unknown name "{name[:100]}": Cannot find field.', param=inside + name[:100])


def _system(body: dict[str, Any]) -> tuple[Message, ...]:
    found = body.get("systemInstruction")
    return () if found is None else (_message("system", found, param="systemInstruction"),)


def _contents(body: dict[str, Any]) -> tuple[Message, ...]:
    contents = read_list(body, "contents")
    if not contents:
        raise Refusal("contents is not specified.", param="contents")
    return tuple(_turn(content, param=f"contents[{at}]") for at, content in enumerate(contents))


def _turn(content: dict[str, Any], *, param: str) -> Message:
    role = content.get("role", "user")
    if role not in {"user", "model"}:
        raise Refusal("Please use a valid role: user, model.", param=f"{param}.role")
    return _message(role, content, param=param)


def _message(role: str, content: Any, *, param: str) -> Message:
    if not isinstance(content, dict) or not isinstance(content.get("parts"), list) or not content["parts"]:
        raise Refusal("A content must have a list of parts.", param=f"{param}.parts")
    parts = read_list(content, "parts", inside=f"{param}.")
    for at, part in enumerate(parts):
        _check_part(part, param=f"{param}.parts[{at}]")
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return Message(role, "".join(texts), media_parts=len(parts) - len(texts))


def _check_part(part: dict[str, Any], *, param: str) -> None:
    signature = part.get("thoughtSignature")
    signed = str(read_object(part, "functionCall", inside=f"{param}.").get("name", ""))
    if signature not in {None, UNSIGNED} and not is_signed(PROVIDER, signed, signature):
        raise Refusal("Thought signature is not valid.", param=f"{param}.thoughtSignature")


Form = tuple[Literal["text", "json", "tool"], dict[str, Any] | None, str | None]


def _form(body: dict[str, Any], config: dict[str, Any]) -> Form:
    """Say what the answer is to be: text, JSON with or without a schema, or a call of a function."""
    function = _function(body)
    if function is not None:
        return "tool", _parameters(function), function["name"]
    older = read_object(config, "responseSchema", inside=_INSIDE)
    newer = read_object(config, "responseJsonSchema", inside=_INSIDE)
    if older and newer:
        raise Refusal("Set one of responseSchema and responseJsonSchema.", param=_INSIDE + "responseSchema")
    if config.get("responseMimeType", "text/plain") == "application/json":
        return "json", newer or _lowered(older) or None, None
    if older or newer:
        wanted = "A schema needs the response MIME type 'application/json'."
        raise Refusal(wanted, param=_INSIDE + "responseMimeType")
    return "text", None, None


def _functions(body: dict[str, Any]) -> list[dict[str, Any]]:
    declared = (read_list(tool, "functionDeclarations", inside="tools.") for tool in read_list(body, "tools"))
    return [function for row in declared for function in row if isinstance(function.get("name"), str)]


def _calling(body: dict[str, Any]) -> dict[str, Any]:
    return read_object(read_object(body, "toolConfig"), "functionCallingConfig", inside="toolConfig.")


def _function(body: dict[str, Any]) -> dict[str, Any] | None:
    """Give the function the call must use: the first of all, or of those it allows."""
    calling, functions = _calling(body), _functions(body)
    if calling.get("mode") != "ANY":
        return None
    allowed = calling.get("allowedFunctionNames")
    if isinstance(allowed, list):
        functions = [function for function in functions if function["name"] in allowed]
    if not functions:
        raise Refusal("The mode ANY needs a function.", param="toolConfig.functionCallingConfig")
    return functions[0]


def _offered(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Give the first function that may be used."""
    if _calling(body).get("mode") == "NONE":
        return None
    return next(((function["name"], _parameters(function)) for function in _functions(body)), None)


def _parameters(function: dict[str, Any]) -> dict[str, Any]:
    newer = read_object(function, "parametersJsonSchema", inside="tools.functionDeclarations.")
    older: dict[str, Any] = _lowered(
        read_object(function, "parameters", inside="tools.functionDeclarations.")
    )
    return newer or older


def _lowered(schema: Any) -> Any:
    """Write the types of a schema as JSON Schema does: this provider's own are in capitals."""
    if isinstance(schema, list):
        return [_lowered(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else _lowered(value)
        for name, value in schema.items()
    }


def _thought(config: dict[str, Any]) -> Literal["untold", "shown"]:
    thinking = read_object(config, "thinkingConfig", inside=_INSIDE)
    is_told = thinking.get("includeThoughts") is True and thinking.get("thinkingBudget") != 0
    return "shown" if is_told else "untold"
