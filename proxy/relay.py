"""Passing an answer on whole; and what whole and streamed answers have in common: booking and failing."""

from core.errors import UpstreamFailed
from proxy.formats.format import Bill
from proxy.passages.passage import Passage
from proxy.running import Charge
from proxy.sse import MalformedStream
from proxy.upstream.offers import Answer
from proxy.upstream.reader import BrokenOff

MAX_ANSWER = 64 << 20  # bytes of a plain answer


async def relay_plain(answer: Answer, charge: Charge, passage: Passage) -> bytes:
    """Read the answer whole, book it, and give it with its cost. Raises UpstreamFailed when it is none."""
    try:
        passage.read(await answer.connection.whole(MAX_ANSWER))
    except (BrokenOff, TimeoutError, MalformedStream) as error:
        raise broken(error, answer) from None
    charge.meter.whole()
    return passage.answer(await settled(charge))


async def settled(charge: Charge) -> Bill:
    """Book the call; what it came to."""
    booked = await charge.settle()
    assert charge.ending is not None  # it is settled
    return Bill(charge.ending, booked.charge_n)


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
