"""Answers as bytes: well formed, odd and hostile, cut wherever the network may cut them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.upstream.reader import MAX_FIELDS, MAX_HEAD, AnswerReader, NotHttp

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces):
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def bytewise(data):
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK + b"Content-Length: 2\r\n\r\nab", 200, b"ab"),
        (OK + b"Content-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 503\r\nContent-Length: 2\r\n\r\nab", 503, b"ab"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 204 No\r\n\r\n", 204, b""),
        (CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
        (CHUNKED + b"002;name=value\r\nab\r\n0\r\n\r\n", 200, b"ab"),
        (CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789"),
        (CHUNKED + b"2\r\nab\r\n0\r\nX-Trailer: t\r\n\r\n", 200, b"ab"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nab", 200, b"ab"),
        (
            b"HTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nab",
            200,
            b"ab",
        ),
    ],
)
def test_an_answer_is_read_wherever_it_is_cut(answer, status, body):
    for pieces in ([answer], bytewise(answer)):
        reader = read(*pieces)

        assert reader.head.status == status
        assert b"".join(reader.body) == body
        assert reader.is_whole


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=6))
def test_where_the_network_cuts_changes_nothing(cuts):
    answer = CHUNKED + b"5\r\nfirst\r\n6;x=y\r\nsecond\r\n0\r\n\r\n"
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]

    reader = read(*[answer[start:end] for start, end in pairwise(edges)])

    assert (b"".join(reader.body), reader.is_whole, reader.keeps_alive) == (b"firstsecond", True, True)


def test_the_fields_we_look_at_are_kept_and_no_others():
    reader = read(
        OK + b"CONTENT-TYPE:  a/b \r\nSet-Cookie: s\r\nContent-Encoding: gzip\r\ncontent-encoding: br\r\n\r\n"
    )

    assert reader.head.fields == {b"content-type": b"a/b", b"content-encoding": b"gzip, br"}


def test_what_an_interim_answer_or_a_trailer_says_is_not_said_of_the_answer():
    interim = read(
        b"HTTP/1.1 103 Early\r\nContent-Encoding: gzip\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"
    )
    trailer = read(CHUNKED + b"0\r\nContent-Encoding: gzip\r\n\r\n")

    assert b"content-encoding" not in interim.head.fields
    assert b"content-encoding" not in trailer.head.fields


@pytest.mark.parametrize(
    "answer",
    [
        # no answer, or of another kind
        b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc", b"HTTP/1.1 101 Switching\r\n\r\n",
        # heads
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", b"HTTP/1.1 200 OK\rContent-Length: 2\r\rab", OK + b"Content-Length : 2\r\n\r\nab",
        OK + b"Content-Length\r\n\r\n", OK + b": 2\r\n\r\n", OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n", OK + b"A: \0\r\n\r\n",
        # lengths
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", OK + b"Content-Length: 2, 2\r\n\r\nab", OK + b"Content-Length: +2\r\n\r\nab",
        OK + b"Content-Length: -2\r\n\r\nab", OK + b"Content-Length: 0x2\r\n\r\nab", OK + b"Content-Length: \r\n\r\nab",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\nab", OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        # codings nobody asked for
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", OK + b"Transfer-Encoding: gzip\r\n\r\n", OK + b"Transfer-Encoding: xchunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", OK + b"Transfer-Encoding: identity\r\n\r\n",
        # chunks
        CHUNKED + b"x\r\n", CHUNKED + b"\r\n", CHUNKED + b" 2\r\nab\r\n", CHUNKED + b"2 \r\nab\r\n", CHUNKED + b"0x2\r\nab\r\n", CHUNKED + b"-2\r\nab\r\n",
        CHUNKED + b"2\nab\n0\n\n", CHUNKED + b"2\r\nabc\r\n", CHUNKED + b"ffffffffffffffffff\r\n", CHUNKED + b"2\r\nab0\r\n\r\n",
        CHUNKED + b"0\r\nContent-Length: 1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_proper_answer_is_refused(answer):
    for pieces in ([answer], bytewise(answer)):
        with pytest.raises(NotHttp):
            read(*pieces)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (OK + b"A: ", b"a" * 1000),
        (OK, b"A: b\r\n"),
        (b"", b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n"),
        (OK + b"a" * 10, b"a" * 1000),
        (b"HTTP/1.1 200 ", b"a" * 1000),
        (CHUNKED + b"2;", b"a" * 1000),
        (CHUNKED, b"0" * 1000),
        (CHUNKED + b"0\r\nA: ", b"a" * 1000),
        (CHUNKED + b"0\r\n", b"A: b\r\n"),
    ],
)
def test_what_never_comes_to_a_body_is_given_up(beginning, piece):
    pieces = [piece] * (MAX_HEAD // len(piece) + 2)

    with pytest.raises(NotHttp):
        read(beginning, *pieces)


def test_a_long_head_and_a_long_body_are_read():
    fields = b"".join(b"A%d: %b\r\n" % (number, b"a" * 400) for number in range(MAX_FIELDS - 2))
    body = b"b" * (2 * MAX_HEAD)

    reader = read(OK + fields, b"Content-Length: %d\r\n\r\n" % len(body), body[:10], body[10:])

    assert reader.is_whole
    assert b"".join(reader.body) == body


@pytest.mark.parametrize("behind", [b"GARBAGE", OK + b"Content-Length: 0\r\n\r\n", b"\x00"])
def test_what_follows_an_answer_spoils_the_connection_not_the_answer(behind):
    answer = OK + b"Content-Length: 2\r\n\r\nab"
    for pieces in ([answer + behind], [answer, behind]):
        reader = read(*pieces)

        assert (b"".join(reader.body), reader.is_whole, reader.keeps_alive) == (b"ab", True, False)


@pytest.mark.parametrize(
    ("answer", "keeps_alive"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", True),
        (OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (CHUNKED + b"0\r\n\r\n", True),
    ],
)
def test_whether_another_exchange_may_follow(answer, keeps_alive):
    assert read(answer).keeps_alive is keeps_alive


def test_without_a_length_the_answer_ends_with_the_connection():
    reader = read(OK + b"\r\nab")

    assert reader.ends_with_connection()
    assert not reader.is_whole
    assert not reader.keeps_alive
    assert not read(OK + b"Content-Length: 3\r\n\r\nab").ends_with_connection()
    assert not read(CHUNKED + b"2\r\nab\r\n").ends_with_connection()
    assert not read(b"").ends_with_connection()


def test_one_answer_after_another_is_read():
    reader = AnswerReader()
    for body in (b"ab", b"c"):
        reader.begin()
        reader.feed(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

        assert (reader.body, reader.is_whole, reader.keeps_alive) == ([body], True, True)
