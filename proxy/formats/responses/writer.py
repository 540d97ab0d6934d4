"""The Responses answer: one object when it is whole, and the events that lead to it when it is streamed."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from core.errors import Refused
from proxy.answers import cost_fields, encode
from proxy.conversation import Event, Stopped
from proxy.formats.format import Bill
from proxy.formats.responses.output import Output
from proxy.formats.responses.output_items import Said
from proxy.sse import named_event

# What a response repeats of its request, and what it says where the request does not.
REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
# Of what we do not do; clients may count on it being said.
NEVER: dict[str, Any] = {
    "background": False,
    "max_tool_calls": None,
    "previous_response_id": None,
    "service_tier": "default",
    "store": False,
    "top_logprobs": 0,
    "truncation": "disabled",
}
CUT_BY = {"length": "max_output_tokens", "filter": "content_filter"}
SERVER_ERROR = 500
NULL = msgspec.Raw(b"null")


class ResponsesWriter:
    """Writes one answer. Events are numbered from 0."""

    def __init__(self, *, answer_id: str, model: str, created: int, asked: Mapping[str, Any]) -> None:
        key = answer_id.replace("-", "")
        repeated = {name: value for name, value in asked.items() if name in REPEATED and value != NULL}
        self._response: dict[str, Any] = {
            "id": f"resp_{key}",
            "object": "response",
            "created_at": created,
            "model": model,
            **NEVER,
            **REPEATED,
            **repeated,
        }
        self._output = Output(key)
        self._cut_by: str | None = None
        self._said = 0

    def event(self, event: Event) -> bytes:
        return self._begin() + self._write(self._heard(event))

    def end(self, bill: Bill) -> bytes:
        return self._begin() + self._write(self._ended(bill))

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        # Clients know the first word and try again; the others they hand on as they come.
        code = "server_error" if refused.status >= SERVER_ERROR else refused.type
        error = {"code": code, "message": refused.message, "param": None}
        metadata = {"provider_name": provider, "raw": refused.metadata.get("reason")}
        self._output.break_off()
        response = self._written(
            "failed", error={**error, "type": refused.type, "metadata": metadata}, usage=usage_fields(bill)
        )
        said: list[Said] = [("error", error), ("response.failed", {"response": response})]
        return self._begin() + self._write(said)

    def whole(self, events: Iterable[Event], bill: Bill) -> bytes:
        for event in events:
            for _ in self._heard(event):
                pass  # nobody is told on the way
        for _ in self._output.stop(is_cut=self._cut_by is not None):
            pass
        return encode(self._final(bill))

    def _begin(self) -> bytes:
        if self._said:
            return b""
        response = self._written("in_progress")
        return self._write(
            [("response.created", {"response": response}), ("response.in_progress", {"response": response})]
        )

    def _heard(self, event: Event) -> Iterable[Said]:
        if not isinstance(event, Stopped):
            return self._output.take(event)
        self._cut_by = CUT_BY.get(event.reason)
        return self._output.stop(is_cut=self._cut_by is not None)

    def _ended(self, bill: Bill) -> Iterable[Said]:
        yield from self._output.stop(is_cut=self._cut_by is not None)
        response = self._final(bill)
        yield f"response.{response['status']}", {"response": response}

    def _final(self, bill: Bill) -> dict[str, Any]:
        status: Literal["completed", "incomplete"] = "incomplete" if self._cut_by else "completed"
        return self._written(status, usage=usage_fields(bill))

    def _written(
        self,
        status: Literal["in_progress", "completed", "incomplete", "failed"],
        *,
        error: Mapping[str, Any] | None = None,
        usage: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return {
            **self._response,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": self._cut_by} if status == "incomplete" else None,
            "output": self._output.written(),
            "usage": usage,
        }

    def _write(self, said: Iterable[Said]) -> bytes:
        lines = []
        for name, fields in said:
            numbered = {"type": name, "sequence_number": self._said, **fields}
            lines.append(named_event(name, encode(numbered)))
            self._said += 1
        return b"".join(lines)


def usage_fields(bill: Bill) -> dict[str, Any]:
    usage = bill.ending.usage
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
        **cost_fields(bill.ending, bill.charge_n),
    }
