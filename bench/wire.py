"""What goes over the wire: the calls the benchmark makes, and the answers its upstream gives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

MODEL, HUNG_MODEL = "bench/model", "bench/hung"  # of two providers
PATH = "/v1/chat/completions"
PAYLOAD_EVENTS = 100  # events of a stream that carry text; role, end, usage and [DONE] come on top
PACE = re.compile(rb"pace (\d+) us")
STREAMED = re.compile(rb'"stream":\s*true')
POLICY = (
    "You answer questions of one company's staff. Keep to its policy, name the paragraph you rely on, "
    "and never give away personal data of customers or colleagues."
)
QUESTION = (
    "Several teams share one account at a model provider. Explain in two sentences what a gateway between "
    "them and the provider is good for, and why a budget has to be checked before a call is sent on."
)
TEXT = (
    "A gateway gives each team keys and limits of its own, so that nobody has to hand out the provider's. "
    "A budget that is checked afterwards only says that too much was spent; one that is checked before, with "
    "the worst case set aside, cannot be passed, however many calls are under way at the same moment."
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One kind of call. `pace_us` is how long the upstream waits before each event of a stream."""

    streamed: bool = False
    pace_us: int = 0
    model: str = MODEL

    def body(self) -> bytes:
        """The request body: half a kilobyte. The pace is part of the text, which every relay passes on."""
        question = f"{QUESTION} (pace {self.pace_us} us)"
        document = {
            "model": self.model,
            "messages": [{"role": "system", "content": POLICY}, {"role": "user", "content": question}],
            "max_tokens": 128,
            "temperature": 0.2,
        }
        if self.streamed:
            document |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(document, separators=(",", ":")).encode()

    def request(self, port: int, headers: Mapping[str, str]) -> bytes:
        """The whole request, as it is sent."""
        body = self.body()
        named = {
            "Host": f"127.0.0.1:{port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return f"POST {PATH} HTTP/1.1\r\n{lines}\r\n".encode() + body


def plain_answer() -> bytes:
    """A whole answer of about 0.75 kB."""
    document = {
        **_head("chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(64),
        "system_fingerprint": "fp_bench",
    }
    return respond(json.dumps(document, separators=(",", ":")).encode())


def respond(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def stream_events() -> list[bytes]:
    """The events of a stream, each framed as an HTTP chunk of its own; the last one ends the answer."""
    told = [_delta({"role": "assistant", "content": ""}), *[_delta({"content": "token "})] * PAYLOAD_EVENTS]
    told += [_delta({}, "stop"), {**_head("chat.completion.chunk"), "choices": [], "usage": _usage(100)}]
    texts = [*(json.dumps(event, separators=(",", ":")) for event in told), "[DONE]"]
    framed = [_http_chunk(f"data: {text}\n\n".encode()) for text in texts]
    framed[-1] += b"0\r\n\r\n"
    return framed


def _http_chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _delta(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_head("chat.completion.chunk"), "choices": [choice]}


def _head(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 1_700_000_000, "model": "bench-model"}


def _usage(output_tokens: int) -> dict[str, object]:
    return {
        "prompt_tokens": 57,
        "completion_tokens": output_tokens,
        "total_tokens": 57 + output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
