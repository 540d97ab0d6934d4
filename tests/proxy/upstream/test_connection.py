"""One exchange: what is sent, what comes back, how long it is waited for, and what it leaves behind."""

import asyncio
import socket

import pytest

from proxy.upstream.connection import MOST_WAITING, Stalled, TooLong
from proxy.upstream.reader import BrokenOff, NotHttp
from tests.proxy.conftest import until
from tests.proxy.upstream.conftest import BODY, CHUNKED, OK, WHOLE, Taken, ask

MB = 1 << 20


def saying(*pieces, asked=None):
    """A provider that reads a request and says these, then waits until it is left."""

    async def talk(visit):
        got = await visit.request()
        if asked is not None:
            asked.append(got)
        for piece in pieces:
            await visit.say(piece)
        await visit.left()

    return talk


async def test_a_request_is_sent_and_its_answer_taken_whole(by_hand, pool_to):
    asked = []
    provider = await by_hand(saying(WHOLE, asked=asked))

    connection = await ask(pool_to(provider.port))

    assert asked == [BODY]
    assert connection.head.status == 200
    assert await connection.whole(10) == b"ok"
    assert connection.rest()


async def test_a_large_request_gets_through(by_hand, pool_to):
    asked = []
    provider = await by_hand(saying(WHOLE, asked=asked))
    body = b"x" * (5 * MB)

    connection = await ask(pool_to(provider.port), body)

    assert asked == [body]
    assert await connection.whole(10) == b"ok"


async def test_a_body_that_comes_after_its_head_is_waited_for(by_hand, pool_to):
    go = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED + b"3\r\none\r\n")
        await go.wait()
        await visit.say(b"3\r\ntwo\r\n0\r\n\r\n")
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))
    reading = asyncio.create_task(connection.whole(100))
    await asyncio.sleep(0)
    assert not reading.done()
    go.set()

    assert await reading == b"onetwo"


async def test_an_answer_without_length_ends_with_the_connection(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        await visit.say(OK + b"\r\nall of ")
        await visit.say(b"it")

    provider = await by_hand(talk)

    connection = await ask(pool_to(provider.port))

    assert await connection.whole(100) == b"all of it"
    assert not connection.rest()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "part", [OK + b"Content-Length: 9\r\n\r\nhalf", CHUNKED + b"9\r\nhalf", CHUNKED + b"4\r\nhalf\r\n"]
)
async def test_an_answer_that_breaks_off_is_told_with_what_came(by_hand, pool_to, part, streamed):
    async def talk(visit):
        await visit.request()
        await visit.say(part)

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))

    if streamed:
        taken = Taken()
        connection.stream(taken)
        await taken.over.wait()
        assert taken.data == b"half"
        assert isinstance(taken.error, BrokenOff)
    else:
        with pytest.raises(BrokenOff):
            await connection.whole(100)
    assert not connection.rest()


async def test_a_provider_that_half_closes_in_the_middle_has_broken_off(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED + b"4\r\nhalf\r\n")
        visit.writer.write_eof()
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))

    with pytest.raises(BrokenOff):
        await connection.whole(100)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", OK + b"A: " + b"a" * 200_000])
async def test_what_is_no_answer_is_told_and_closed(by_hand, pool_to, answer):
    left = asyncio.Event()

    async def talk(visit):
        await visit.request()
        try:
            await visit.say(answer)
            await visit.left()
        finally:
            left.set()

    provider = await by_hand(talk)

    with pytest.raises(NotHttp):
        await ask(pool_to(provider.port))

    async with asyncio.timeout(20):
        await left.wait()


async def test_bad_chunks_in_a_stream_come_after_what_was_good(by_hand, pool_to):
    go = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED)
        await go.wait()
        await visit.say(b"4\r\ngood\r\nworse\r\n")
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))
    taken = Taken()
    connection.stream(taken)

    go.set()
    await taken.over.wait()

    assert taken.data == b"good"
    assert isinstance(taken.error, NotHttp)


async def test_a_stream_is_handed_over_as_it_comes(by_hand, pool_to):
    go = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED + b"3\r\none\r\n")
        await go.wait()
        await visit.say(b"3\r\ntwo\r\n0\r\n\r\n")
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))
    taken = Taken()

    connection.stream(taken)
    await until(lambda: taken.data == b"one")
    go.set()
    await taken.over.wait()

    assert (taken.data, taken.error) == (b"onetwo", None)
    assert connection.rest()


async def test_a_stream_that_is_all_there_is_handed_over_at_once(by_hand, pool_to):
    provider = await by_hand(saying(CHUNKED + b"3\r\none\r\n0\r\n\r\n"))
    connection = await ask(pool_to(provider.port))
    taken = Taken()

    connection.stream(taken)
    await taken.over.wait()

    assert (taken.data, taken.error) == (b"one", None)


async def test_a_paused_stream_holds_a_bounded_part_and_loses_nothing(by_hand, pool_to):
    go = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(OK + b"Content-Length: %d\r\n\r\nbegin" % (20 * MB + 5))
        await go.wait()
        await visit.say(b"x" * (20 * MB))
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port))
    taken = Taken()
    connection.stream(taken)
    await until(lambda: taken.data == b"begin")
    connection.pause()
    go.set()
    await until(provider.visits[0].writer.transport.get_write_buffer_size)  # it cannot get rid of more

    assert (taken.data, connection._size) == (
        b"begin",
        5 + len(OK) + len(b"Content-Length: 20971525\r\n\r\n"),
    )
    connection.resume()
    async with asyncio.timeout(20):
        await taken.over.wait()
    assert len(taken.data) == 20 * MB + 5


async def test_what_nobody_takes_is_not_read_on(by_hand, pool_to):
    provider = await by_hand(saying(OK + b"Content-Length: %d\r\n\r\n" % (20 * MB), b"x" * (20 * MB)))

    connection = await ask(pool_to(provider.port))
    await until(lambda: not connection._transport.is_reading())

    assert connection._size <= MOST_WAITING + 262_144  # and one reading of the loop
    assert len(await connection.whole(20 * MB)) == 20 * MB


async def test_an_answer_longer_than_wanted_is_not_read_on(by_hand, pool_to):
    whole = await by_hand(saying(WHOLE))
    endless = await by_hand(saying(CHUNKED, *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 100))

    with pytest.raises(TooLong):
        await (await ask(pool_to(whole.port))).whole(1)
    with pytest.raises(TooLong):
        await (await ask(pool_to(endless.port))).whole(MB)


@pytest.mark.parametrize(
    ("is_plain", "patience"),
    [(False, {"first_byte_s": 0.2, "plain_s": 9}), (True, {"first_byte_s": 9, "plain_s": 0.2})],
)
async def test_a_silent_provider_is_given_up(by_hand, pool_to, is_plain, patience):
    async def talk(visit):
        await visit.request()
        await visit.left()

    provider = await by_hand(talk)

    with pytest.raises(Stalled):
        await ask(pool_to(provider.port, idle_s=9, total_s=9, **patience), is_plain=is_plain)


async def test_how_soon_a_stream_must_begin_is_nothing_to_a_plain_answer(by_hand, pool_to):
    """It begins when the model has thought and written all of it."""
    provider = await by_hand(saying(WHOLE))

    connection = await ask(pool_to(provider.port, first_byte_s=0), is_plain=True)

    assert connection.head.status == 200
    with pytest.raises(Stalled):
        await ask(pool_to(provider.port, first_byte_s=0))


async def test_a_head_that_drips_is_given_up_as_if_none_came(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        for byte in OK * 100:
            await visit.say(bytes([byte]))
            await asyncio.sleep(0.02)

    provider = await by_hand(talk)

    with pytest.raises(Stalled):
        await ask(pool_to(provider.port, first_byte_s=0.2, idle_s=9, total_s=9))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("patience", [{"idle_s": 0.2, "total_s": 9}, {"idle_s": 9, "total_s": 0.2}])
async def test_an_answer_that_stops_is_given_up(by_hand, pool_to, patience, streamed):
    provider = await by_hand(saying(CHUNKED + b"4\r\nhalf\r\n"))
    connection = await ask(pool_to(provider.port, first_byte_s=9, **patience))

    if streamed:
        taken = Taken()
        connection.stream(taken)
        await taken.over.wait()
        assert isinstance(taken.error, Stalled)
    else:
        with pytest.raises(Stalled):
            await connection.whole(100)


async def test_an_answer_that_never_ends_is_given_up_though_it_is_never_silent(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED)
        while True:
            await visit.say(b"1\r\n.\r\n")
            await asyncio.sleep(0.02)

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port, first_byte_s=9, idle_s=9, total_s=0.3))

    with pytest.raises(Stalled):
        await connection.whole(MB)


async def test_a_slow_answer_with_signs_of_life_is_waited_for(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        await visit.say(CHUNKED)
        for _ in range(60):
            await asyncio.sleep(0.02)
            await visit.say(b"1\r\n.\r\n")
        await visit.say(b"0\r\n\r\n")
        await visit.left()

    provider = await by_hand(talk)
    connection = await ask(pool_to(provider.port, first_byte_s=9, idle_s=1, total_s=30))

    assert await connection.whole(1000) == b"." * 60


async def test_while_we_are_late_the_provider_is_not_blamed(by_hand, pool_to):
    provider = await by_hand(saying(CHUNKED + b"4\r\nhalf\r\n"))
    connection = await ask(pool_to(provider.port, first_byte_s=9, idle_s=0.1, total_s=9))
    taken = Taken()
    connection.stream(taken)
    connection.pause()
    due = connection._timer.when()

    await until(lambda: connection._timer.when() > due)  # it has looked, and let it pass

    assert not taken.over.is_set()
    connection.resume()
    await taken.over.wait()
    assert isinstance(taken.error, Stalled)


@pytest.mark.parametrize("moment", ["before the head", "in a body taken whole"])
async def test_cancelled_while_it_waits_it_closes(by_hand, pool_to, moment):
    asked, left = asyncio.Event(), asyncio.Event()

    async def talk(visit):
        await visit.request()
        if moment != "before the head":
            await visit.say(CHUNKED + b"4\r\nhalf\r\n")
        asked.set()
        await visit.left()
        left.set()

    provider = await by_hand(talk)
    pool = pool_to(provider.port)

    async def exchange():
        connection = await ask(pool)
        try:
            await connection.whole(100)
        finally:
            pool.give_back(connection)

    task = asyncio.create_task(exchange())
    await asked.wait()
    task.cancel()

    async with asyncio.timeout(20):
        await left.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_to_half_a_request_spoils_the_connection(by_hand, pool_to):
    async def talk(visit):
        visit.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.say(WHOLE)
        await asyncio.Event().wait()

    provider = await by_hand(talk, limit=1024)

    connection = await ask(pool_to(provider.port), b"x" * (20 * MB))

    assert await connection.whole(100) == b"ok"
    assert not connection.rest()


async def test_small_pieces_are_sent_at_once(by_hand, pool_to):
    provider = await by_hand(saying(WHOLE))

    connection = await ask(pool_to(provider.port))

    sock = connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
