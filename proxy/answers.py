"""What we write: headers every response carries, errors in the SPEC's shape, usage with its cost."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from aiohttp import web

from core.charging.calls import Ending
from core.errors import Refused, WrongMethod
from core.money import write_usd
from core.rules.prices import Usage

REQUEST_ID = "X-Request-Id"
PROVIDER = "X-Provider"
NO_PROVIDER = "none"
encode = msgspec.json.Encoder(decimal_format="number").encode


def headers(request_id: object, provider: str = NO_PROVIDER) -> dict[str, str]:
    name = str(request_id)
    return {
        REQUEST_ID: name,
        "Request-Id": name,  # where Anthropic's SDKs look for it
        PROVIDER: provider,
        "Cache-Control": "no-store",
        "Server": "BazaarLink",  # which versions we run on is nobody's business
    }


class Shape(Protocol):
    """How a format tells an error."""

    def __call__(self, refused: Refused, *, request_id: object) -> Mapping[str, object]: ...


def error_body(refused: Refused, *, request_id: object) -> dict[str, object]:  # noqa: ARG001  # a header has it
    """The SPEC's error object."""
    return refused.body()


def refusal(
    error: Refused,
    *,
    request_id: object,
    provider: str = NO_PROVIDER,
    shape: Shape = error_body,
) -> web.Response:
    """A refusal as the client sees it, in the shape its format has for errors."""
    made = headers(request_id, provider)
    if error.retry_after_s is not None:
        made["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, WrongMethod):
        made["Allow"] = error.allowed
    return web.Response(
        body=json.dumps(shape(error, request_id=request_id)).encode(),
        status=error.status,
        headers=made,
        content_type="application/json",
    )


def usage_object(
    stated: Mapping[str, Any] | None, usage: Usage, ending: Ending, charge_n: int
) -> dict[str, Any]:
    """The usage a client sees: the provider's own words where it had any, and what the call cost, in USD.

    `cost` is what the wallet paid, to the nano-dollar.
    """
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            **({"cache_write_tokens": usage.cache_write_tokens} if usage.cache_write_tokens else {}),
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        **(stated or {}),
        **cost_fields(ending, charge_n),
    }


def cost_fields(ending: Ending, charge_n: int) -> dict[str, Any]:
    """What a call cost, in USD: a part of its usage, whatever the format."""
    upstream_n = min(ending.cost.upstream_n, charge_n)
    parser_n = min(ending.file_parser_n, upstream_n)
    return {
        "cost": dollars(charge_n),
        "cost_details": {
            "upstream_inference_cost": dollars(upstream_n - parser_n),
            **({"file_parser": dollars(parser_n)} if ending.file_parser_n else {}),
            "fee": dollars(charge_n - upstream_n),
        },
    }


def dollars(nanos: int) -> msgspec.Raw:
    """An amount as JSON clients get it: a number of USD, exact to the nano-dollar."""
    return msgspec.Raw(write_usd(nanos).encode())


class ChunkShape(NamedTuple):
    """A chunk of a stream: what it calls itself, and how a choice says nothing."""

    object: str
    nothing: Mapping[str, Any]


CHAT_CHUNK = ChunkShape("chat.completion.chunk", {"delta": {"content": ""}})


def error_chunk(
    error: Refused,
    *,
    answer_id: str,
    model: str,
    usage: Mapping[str, Any],
    provider: str,
    shape: ChunkShape = CHAT_CHUNK,
) -> bytes:
    """The chunk that ends a stream which can no longer be an HTTP error."""
    metadata = {"provider_name": provider, "raw": error.metadata.get("reason")}
    return encode(
        {
            "id": answer_id,
            "object": shape.object,
            "created": 0,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    **shape.nothing,
                    "finish_reason": "error",
                    "native_finish_reason": None,
                    "error": {"code": error.code, "message": error.message, "metadata": metadata},
                }
            ],
            "usage": usage,
        }
    )
