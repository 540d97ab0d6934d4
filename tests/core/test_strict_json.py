"""JSON from outside has one meaning or none, and no shape of it breaks the reader."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import strict_json

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN, st.booleans())
def test_whatever_json_can_say_is_read(value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert strict_json.loads(body) == value


@given(st.binary())
def test_no_bytes_do_worse_than_a_value_error(body):
    with contextlib.suppress(ValueError):
        strict_json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "b": 2, "a": 1}',
        b'[{"x": {"a": null, "\\u0061": null}}]',
        b'{"a": [[[{"b": 1, "b": 1}]]]}',
    ],
)
def test_a_key_given_twice_is_refused_at_any_depth(body):
    with pytest.raises(ValueError, match="given twice"):
        strict_json.loads(body)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_javascript_allows_beyond_json_is_refused(text):
    with pytest.raises(ValueError, match="not a JSON number"):
        strict_json.loads(b'{"max_tokens": ' + text.encode() + b"}")


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "1" * 21, "-" + "9" * 21, "1" * 1_000_000, "9" * 400 + ".0"]
)
def test_numbers_nobody_can_hold_are_refused(number):
    with pytest.raises(ValueError, match="out of range") as refusal:
        strict_json.loads(b'{"n": ' + number.encode() + b"}")

    assert len(str(refusal.value)) < 200


def test_twenty_digits_are_still_a_number():
    assert strict_json.loads(b"[" + b"9" * 20 + b"]") == [10**20 - 1]


@pytest.mark.parametrize("depth", [65, 500, 900, 5_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused_however_deep(depth, opening, closing):
    with pytest.raises(ValueError, match="nested"):
        strict_json.loads(opening * depth + b"1" + closing * depth)


def test_nesting_up_to_the_limit_is_read():
    assert strict_json.loads(b"[" * 64 + b"]" * 64)


def test_brackets_in_texts_and_side_by_side_do_not_nest():
    body = json.dumps(["[" * 1000, [[]] * 1000, {"{" * 100: "}"}]).encode()

    assert strict_json.loads(body)[0] == "[" * 1000


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
        b'\xef\xbb\xbf{"a": 1}',
        b"",
        b" ",
        b"{",
        b'{"a": 1} {"b": 2}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b"[01]",
        b'"\x00"',
        b"// c\n{}",
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(body):
    with pytest.raises(ValueError, match="The body is not valid"):
        strict_json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'"\\ud800"',
        b'["\\uDFFF"]',
        b'{"a": {"b": ["x\\ud83d y"]}}',
        b'{"\\udc00": 1}',
        b'["\\ud83d\\ud83d\\ude00"]',
    ],
)
def test_half_a_character_is_refused_for_it_cannot_be_sent_on(body):
    with pytest.raises(ValueError, match="half a character"):
        strict_json.loads(body)


def test_a_whole_character_in_two_escapes_is_read():
    assert strict_json.loads(b'"\\ud83d\\ude00 \\\\ud800"') == "😀 \\ud800"


def test_a_refusal_never_repeats_what_was_said():
    with pytest.raises(ValueError) as refusal:
        strict_json.loads(b'{"content": "my secret prompt" oops}')

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + b"x" * 10_000_000 + b'"}',
        b"[" + b"0," * 4_999_999 + b"0]",
        b"[" + b"[]," * 3_300_000 + b"[]]",
        b'["' + b"\\ud83d\\ude00" * 830_000 + b'"]',
    ],
    ids=["text", "numbers", "lists", "escapes"],
)
def test_reading_ten_megabytes_is_not_quadratic(body):
    started = time.process_time()

    strict_json.loads(body)

    assert time.process_time() - started < 60  # seconds; in quadratic time it is hours
