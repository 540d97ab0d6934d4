"""`plugins` of a call: who reads the PDFs in it. It speaks to us and is never sent on."""

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

from core.errors import BadRequest

Engine = Literal["native", "pdf-text", "mistral-ocr"]
ENGINES: tuple[str, ...] = get_args(Engine)
PARSER = "file-parser"


def read_engine(document: Mapping[str, Any]) -> Engine | None:
    """The engine a call asks for; None: it leaves that to us. Raises BadRequest."""
    plugins = document.get("plugins")
    if plugins is None:
        return None
    if not isinstance(plugins, list):
        raise BadRequest("plugins must be a list.", param="plugins")
    if len(plugins) > 1:
        raise BadRequest(f"plugins[1] is one too many: there is {PARSER}, once.", param="plugins[1]")
    for plugin in plugins:
        return _engine(_fields(plugin, ("id", "pdf"), at="plugins[0]"))
    return None


def _engine(plugin: Mapping[str, Any]) -> Engine | None:
    if plugin.get("id") != PARSER:
        raise BadRequest(f"plugins[0].id must be {PARSER}.", param="plugins[0].id")
    if plugin.get("pdf") is None:
        return None
    engine = _fields(plugin["pdf"], ("engine",), at="plugins[0].pdf").get("engine")
    if engine is None:
        return None
    if engine not in ENGINES:
        where = "plugins[0].pdf.engine"
        raise BadRequest(f"{where} must be one of {', '.join(ENGINES)}.", param=where)
    return cast("Engine", engine)


def _fields(value: Any, known: tuple[str, ...], *, at: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{at} must be an object.", param=at)
    for name in value:
        if name not in known:
            where = f"{at}.{name[:80]}"
            raise BadRequest(f"{where} is not known; {at} takes {' and '.join(known)}.", param=where)
    return value
