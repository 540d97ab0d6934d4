"""What the head of an answer tells: whether it can be relayed, whose fault it is if not, and for how long."""

from datetime import UTC, datetime

import structlog

from core.errors import BadRequest, TooLarge
from proxy.catalog import Provider
from proxy.upstream.connection import Connection
from proxy.upstream.reader import BrokenOff, Head
from proxy.upstream.reasons import pause_ms, stated_reason

OK = 200
MISCONFIGURED = "the provider is misconfigured here"
MAX_ERROR = 64 << 10
CLIENTS_FAULT = frozenset({400, 413, 415, 422})
OUR_KEY = frozenset({401, 402, 403})  # our credential, or what we owe there: the operator must act
WRONG_KEY = 401  # the others some say of a single call: of what it asks, or of what it may cost
BUSY = frozenset({429, 503})  # may say when to come back
_log = structlog.get_logger()


class Unusable(Exception):
    """One offer failed before anything reached the client; the next may do better."""

    def __init__(
        self, reason: str, *, for_all: bool = False, at_once: bool = False, pause_ms: int | None = None
    ) -> None:
        super().__init__(reason)
        self.for_all = for_all  # whatever is asked: no client can bring that about
        self.at_once = at_once  # it will not pass by itself
        self.pause_ms = pause_ms  # how long it asks to be left alone


def check(head: Head, provider: Provider, *, stream: bool) -> None:
    """Raise unless the answer is one we can relay."""
    if head.status in OUR_KEY:
        _log.error("provider_refuses_our_key", provider=provider.name, status=head.status)
        raise Unusable(MISCONFIGURED, for_all=head.status == WRONG_KEY, at_once=True)
    if head.status != OK:
        asked = head.fields.get(b"retry-after") if head.status in BUSY else None
        pause = None if asked is None else pause_ms(asked, now=datetime.now(UTC))
        raise Unusable(f"status {head.status}", pause_ms=pause)
    if head.fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Unusable("an encoding that was not asked for")
    kind = head.fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if stream and kind != b"text/event-stream":
        raise Unusable("not a stream")


async def refuse(connection: Connection, provider: Provider) -> None:
    """Tell the client what the provider finds wrong with its request."""
    status = connection.head.status
    try:
        reason = stated_reason(await connection.whole(MAX_ERROR), api_key=provider.api_key)
    except (BrokenOff, TimeoutError):
        reason = None
    message = f"The provider {provider.name} refused the request: {reason or f'status {status}'}"
    refusal = TooLarge if status == 413 else BadRequest  # noqa: PLR2004
    raise refusal(message, metadata={"provider_name": provider.name})
