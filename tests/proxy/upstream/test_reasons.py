import ssl
from datetime import UTC, datetime

import pytest

from proxy.upstream.addresses import NoAddress
from proxy.upstream.connection import Stalled
from proxy.upstream.reader import BrokenOff, NotHttp
from proxy.upstream.reasons import MAX_REASON, failure, is_unreachable, pause_ms, stated_reason


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"message": "temperature is too high"}}', "temperature is too high"),
        (b'{"error": "plain words"}', "plain words"),
        (b'{"error": "the key our-key, or sk-abcdef123456"}', "the key [removed], or [removed]"),
        (b'{"error": "a\\u0000b\\nc"}', "abc"),
        (b'{"error": "' + b"x" * 1000 + b'"}', "x" * MAX_REASON),
    ],
)
def test_the_providers_own_words_are_told_cleaned(body, told):
    assert stated_reason(body, api_key="our-key") == told


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"[" * 60_000, b"\xff", b'{"error": null}', b'{"error": {}}', b'{"error": 5}', b'{"error": " "}', b"{}"],
)  # fmt: skip
def test_what_is_no_reason_is_none(body):
    assert stated_reason(body, api_key="our-key") is None


@pytest.mark.parametrize(
    ("error", "words", "unreachable"),
    [
        (TimeoutError(), "no answer in time", True),  # of connecting
        (Stalled("silent"), "no answer in time", False),
        (ssl.SSLCertVerificationError(), "its certificate is not valid", True),
        (NoAddress("x"), "its name does not resolve to a public address", True),
        (ConnectionRefusedError(), "cannot be connected to", True),
        (BrokenOff("closed"), "closed the connection without an answer", False),
        (NotHttp("odd"), "sent what is no HTTP answer", False),
    ],
)
def test_every_failure_has_its_words_and_may_be_one_no_request_can_cause(error, words, unreachable):
    assert (failure(error), is_unreachable(error)) == (words, unreachable)


@pytest.mark.parametrize(
    ("retry_after", "ms"),
    [
        (b"0", 0),
        (b" 30 ", 30_000),
        (b"Sat, 21 Nov 2026 12:00:20 GMT", 20_000),
        (b"Sat, 21 Nov 2026 12:00:20 -0000", 20_000),
        (b"Sat, 21 Nov 2026 11:00:00 GMT", 0),  # past
        (b"9999999999", None),
        (b"-5", None),
        (b"1.5", None),
        (b"\xb2", None),
        (b"", None),
        (b"soon", None),
        (b"Sat, 99 Nov 2026 12:00:20 GMT", None),
    ],
)
def test_when_to_come_back_is_read_in_seconds_or_as_a_date(retry_after, ms):
    assert pause_ms(retry_after, now=datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)) == ms
