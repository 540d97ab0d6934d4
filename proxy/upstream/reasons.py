"""Why an offer failed, in words fit for a client, and when it wants to be asked again. Pure; no I/O."""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from proxy.upstream.addresses import NoAddress
from proxy.upstream.connection import Stalled
from proxy.upstream.reader import NotHttp

MAX_REASON = 300
MAX_SECONDS = 9  # digits
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError)
SECRET = re.compile(r"(?:sk|key|Bearer)[-_ ][A-Za-z0-9._-]{6,}")


def stated_reason(body: bytes, *, api_key: str) -> str | None:
    """The provider's own words, cleaned: short, printable, without anything like a secret."""
    try:
        stated = msgspec.json.decode(body)["error"]
        text = stated["message"] if isinstance(stated, dict) else stated
    except UNREADABLE:
        return None
    if not isinstance(text, str) or not text.strip():
        return None
    text = SECRET.sub("[removed]", text.replace(api_key, "[removed]"))
    return "".join(c for c in text if c.isprintable())[:MAX_REASON]


def failure(error: Exception) -> str:
    """What kept an offer from answering at all."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return "its certificate is not valid"
    if isinstance(error, NoAddress):
        return "its name does not resolve to a public address"
    if isinstance(error, OSError):
        return "cannot be connected to"
    if isinstance(error, NotHttp):
        return "sent what is no HTTP answer"
    return "closed the connection without an answer"


def is_unreachable(error: Exception) -> bool:
    """Say whether nothing was sent: it has no address, no connection, no valid certificate."""
    return isinstance(error, OSError) and not isinstance(error, Stalled)


def pause_ms(retry_after: bytes, *, now: datetime) -> int | None:
    """How long a provider asks to be left alone, in seconds or until a date; None when it says neither."""
    text = retry_after.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return int(text) * 1000 if len(text) <= MAX_SECONDS else None
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)  # "-0000" says: UTC, of nowhere
        return max(0, int((until - now).total_seconds() * 1000))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
