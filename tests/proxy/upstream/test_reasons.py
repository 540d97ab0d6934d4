import ssl

import pytest

from proxy.upstream.addresses import NoAddress
from proxy.upstream.connection import Stalled
from proxy.upstream.reader import BrokenOff, NotHttp
from proxy.upstream.reasons import MAX_REASON, failure, stated_reason


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
    ("error", "words"),
    [
        (TimeoutError(), "no answer in time"),
        (Stalled("silent"), "no answer in time"),
        (ssl.SSLCertVerificationError(), "its certificate is not valid"),
        (NoAddress("x"), "its name does not resolve to a public address"),
        (ConnectionRefusedError(), "cannot be connected to"),
        (BrokenOff("closed"), "closed the connection without an answer"),
        (NotHttp("odd"), "sent what is no HTTP answer"),
    ],
)
def test_every_failure_has_its_words(error, words):
    assert failure(error) == words
