"""Logs: one JSON object a line on stderr, whoever wrote it, with nothing in it that opens a door."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

MASK = "***"
SECRET_NAMES = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "cookie",
        "set-cookie",
        "api_key",
        "password",
        "token",
    }
)
SECRETS = re.compile(
    r"\b(?:sk-|edu-sess-)[\w-]{4,}"  # our keys and those of most providers
    r"|(?i:(?<=bearer )|(?<=basic ))[\w.~+/=-]{4,}"  # values of Authorization
    r"|(?<=://)[^\s/@]+(?=@)",  # user and password in a URL
    re.ASCII,
)


def masked(value: Any) -> Any:
    """The value with every secret in it replaced, however deep."""
    if isinstance(value, str):
        return SECRETS.sub(MASK, value)
    if isinstance(value, bytes):
        return masked(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in SECRET_NAMES else masked(inner) for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last step before a line is written: nothing that comes later can bring a secret in."""
    return {str(name): value for name, value in masked(event).items()}


def configure_logs(level: str, process: str) -> None:
    """Send this process's logs, and those of the libraries it uses, to stderr. Once, at the start.

    `level` is debug, info, warning or error; `process` is a name from the Procfile.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name(process),
    ]
    last: list[Processor] = [
        structlog.processors.format_exc_info,
        _mask,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _route_libraries(number, shared, last)


def _route_libraries(number: int, shared: list[Processor], last: list[Processor]) -> None:
    """Write what libraries log through the standard module in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(number)  # for libraries that set a level of their own
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)


def _name(process: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"process": process, **event}

    return add
