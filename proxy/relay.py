"""Passing an answer on whole; and what whole and streamed answers have in common: booking and failing."""

from typing import Any

import msgspec

from core.errors import UpstreamFailed
from proxy.answers import encode, usage_object
from proxy.providers.openai import Frame, read_frame, read_usage
from proxy.running import Charge
from proxy.sse import MalformedStream
from proxy.upstream.offers import Answer
from proxy.upstream.reader import BrokenOff

MAX_ANSWER = 64 << 20  # bytes of a plain answer
read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def relay_plain(answer: Answer, charge: Charge) -> bytes:
    """Read the answer whole, book it, and give it with its cost. Raises UpstreamFailed when it is none."""
    meter = charge.meter
    try:
        body = await answer.connection.whole(MAX_ANSWER)
        frame = read_plain_frame(body)
    except (BrokenOff, TimeoutError, MalformedStream) as error:
        raise broken(error, answer) from None
    meter.produce(frame.produced_bytes)
    meter.finish_reason = frame.finish_reason
    meter.reported = read_usage(frame.usage)
    fields: dict[str, Any] = read_fields(body)  # each as it came
    fields["usage"] = await settled_usage(charge, frame.usage)
    return encode(fields)


async def settled_usage(charge: Charge, stated: Any) -> dict[str, Any]:
    """Book the call and say what it used and cost."""
    settled = await charge.settle()
    ending = charge.ending
    assert ending is not None  # it is settled
    believed = charge.meter.reported is not None and not ending.estimated
    told = stated if believed and isinstance(stated, dict) else None
    return usage_object(told, ending.usage, ending, settled.charge_n)


def broken(error: BaseException, answer: Answer) -> UpstreamFailed:
    """The refusal for an answer that broke off or cannot be read."""
    if isinstance(error, TimeoutError):
        reason = "the answer stalled"
    elif isinstance(error, MalformedStream):
        reason = str(error)
    else:
        reason = "the answer broke off"
    answer.fault = reason
    name = answer.offer.provider.name
    return UpstreamFailed(
        f"The provider {name} failed while answering: {reason}. Try again.",
        metadata={"provider_name": name, "reason": reason},
    )


def read_plain_frame(body: bytes) -> Frame:
    frame = read_frame(body)
    if not frame.has_choices:
        raise MalformedStream("the answer has no choices")
    return frame
