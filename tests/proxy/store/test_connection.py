import asyncio
import random
import socket
from threading import Event

import pytest
from hiredis import ReplyError

from proxy.store import connection as module
from proxy.store.connection import Connection
from proxy.store.errors import Away
from proxy.store.wire import command
from tests.proxy.conftest import until


class Transport:
    """The other end, by hand."""

    def __init__(self):
        self.written = []
        self.aborted = False

    def write(self, data):
        self.written.append(data)

    def abort(self):
        self.aborted = True


class Time:
    """The clock of a loop, which stands still unless told: no machine is so busy that it makes a difference."""

    def __init__(self):
        self.now, self.alarms, self.loop = 1000.0, [], asyncio.get_running_loop()

    def __getattr__(self, name):
        return getattr(self.loop, name)

    def time(self):
        return self.now

    def call_later(self, delay_s, call):
        return self.call_at(self.now + delay_s, call)

    def call_at(self, when, call):
        alarm = Alarm(when, call, self.alarms)
        self.alarms.append(alarm)
        return alarm

    def passes(self, seconds):
        end = self.now + seconds
        while due := [alarm for alarm in self.alarms if alarm.when <= end]:
            first = min(due, key=lambda alarm: alarm.when)
            first.cancel()
            self.now = max(self.now, first.when)
            first.call()
        self.now = end


class Alarm:
    def __init__(self, when, call, alarms):
        self.when, self.call, self.alarms = when, call, alarms

    def cancel(self):
        self.alarms[:] = [alarm for alarm in self.alarms if alarm is not self]


@pytest.fixture
async def time():
    return Time()


@pytest.fixture
async def transport():
    return Transport()


@pytest.fixture
async def timed(transport, time):
    """A connection whose answers have a second, by that clock."""
    made = Connection(timeout_s=1)
    made._loop = time
    made.connection_made(transport)
    yield made
    made.connection_lost(None)


@pytest.fixture
async def connection(transport):
    made = Connection(timeout_s=5)
    made.connection_made(transport)
    yield made
    made.connection_lost(None)


@pytest.fixture
async def connect(redis_url):
    """Connects to a real server, signed in."""
    made = []

    async def connect(timeout_s):
        password, _, place = redis_url.removeprefix("redis://:").partition("@")
        host, _, port = place.removesuffix("/0").partition(":")
        connection = Connection(timeout_s=timeout_s)
        await asyncio.get_running_loop().create_connection(lambda: connection, host, int(port))
        made.append(connection)
        assert await connection.send(command("AUTH", password)) == b"OK"
        return connection

    yield connect
    for connection in made:
        connection.close()
        await connection.lost.wait()


async def test_what_is_sent_in_one_tick_leaves_in_one_write(connection, transport):
    for word in "abc":
        connection.send(command(word))
    await asyncio.sleep(0)
    connection.send(command("d"))
    await asyncio.sleep(0)

    assert transport.written == [command("a") + command("b") + command("c"), command("d")]


async def test_a_lazy_command_leaves_before_the_next_and_with_it(connection, transport):
    connection.send(command("lazy"), lazy=True)
    await asyncio.sleep(0)
    assert transport.written == []

    connection.send(command("next"))
    await asyncio.sleep(0)

    assert transport.written == [command("lazy") + command("next")]


async def test_a_lazy_command_leaves_in_this_tick_with_one_that_is_not(connection, transport):
    connection.send(command("prompt"))
    connection.send(command("lazy"), lazy=True)
    await asyncio.sleep(0)

    assert transport.written == [command("prompt") + command("lazy")]


async def test_lazy_commands_leave_alone_after_a_moment(connection, transport):
    for word in "ab":
        connection.send(command(word), lazy=True)

    await until(lambda: transport.written)

    assert transport.written == [command("a") + command("b")]
    connection.send(command("c"), lazy=True)
    await until(lambda: len(transport.written) > 1)
    assert transport.written[1:] == [command("c")]


async def test_answers_belong_to_commands_in_their_order(connection):
    first, second, third = (connection.send(command("X")) for _ in range(3))

    connection.data_received(b"+one\r\n:2\r\n-WRONG way\r\n")

    assert await first == b"one"
    assert await second == 2
    refused = await third
    assert isinstance(refused, ReplyError)
    assert str(refused) == "WRONG way"


async def test_an_answer_may_come_in_any_pieces(connection):
    waiting = [connection.send(command("X")) for _ in range(3)]

    for byte in b"*3\r\n$4\r\na\r\nb\r\n*1\r\n:-7\r\n$-1\r\n$0\r\n\r\n*-1\r\n":
        connection.data_received(bytes([byte]))

    assert await asyncio.gather(*waiting) == [[b"a\r\nb", [-7], None], b"", None]


async def test_the_answer_to_a_cancelled_caller_is_nobodys(connection):
    first, second = connection.send(command("X")), connection.send(command("X"))

    first.cancel()
    connection.data_received(b"+first\r\n+second\r\n")

    assert await second == b"second"


async def test_an_answer_after_its_time_is_nobodys(timed, time):
    first = timed.send(command("X"))
    time.passes(1.1)
    with pytest.raises(Away, match="no answer in time"):
        await first

    late = timed.send(command("X"))
    timed.data_received(b"+too late\r\n+its own\r\n")

    assert await late == b"its own"


async def test_each_command_has_its_own_time(timed, time):
    first = timed.send(command("X"))
    time.passes(0.5)
    second = timed.send(command("X"))

    time.passes(0.6)
    assert (first.done(), second.done()) == (True, False)
    time.passes(0.3)
    assert not second.done()
    time.passes(0.2)

    for late in (first, second):
        assert isinstance(late.exception(), Away)


async def test_answers_are_read_before_anybody_gives_up_when_our_own_loop_stood_still(connect):
    connection = await connect(0.5)
    loop = asyncio.get_running_loop()
    bell, rope = socket.socketpair()

    def stand_still():  # while the loop reads: its clocks ring next, before it reads again
        loop.remove_reader(bell)
        Event().wait(0.8)

    with bell, rope:
        loop.add_reader(bell, stand_still)
        answer = connection.send(command("PING"))
        for _ in range(3):  # it has left before the loop stands still
            await asyncio.sleep(0)
        rope.send(b"!")

        assert await answer == b"PONG"


async def test_a_connection_that_stays_silent_is_dropped(timed, time, transport):
    answer = timed.send(command("X"))

    time.passes(module.SILENCE - 0.1)
    assert isinstance(answer.exception(), Away)
    assert not transport.aborted
    time.passes(0.2)

    assert transport.aborted
    with pytest.raises(Away, match="not connected"):
        timed.send(command("X"))


async def test_a_slow_connection_that_still_speaks_is_kept(timed, time, transport):
    timed.send(command("X")).cancel()

    for _ in range(2 * module.SILENCE):
        answer = timed.send(command("X"))
        time.passes(1.1)
        assert isinstance(answer.exception(), Away)
        timed.data_received(b"+to the command before\r\n")

    assert not transport.aborted


async def test_a_connection_nobody_used_for_long_is_not_taken_for_dead(timed, time, transport):
    timed.send(command("X"))
    timed.data_received(b"+OK\r\n")
    time.passes(2 * module.SILENCE)

    answer = timed.send(command("X"))
    time.passes(1.1)

    assert isinstance(answer.exception(), Away)
    assert not transport.aborted


async def test_who_comes_after_one_that_gave_up_waits_no_longer(timed, time):
    timed.send(command("X")).cancel()
    time.passes(1.1)  # the answer is still owed

    answer = timed.send(command("X"))
    time.passes(0.9)
    assert not answer.done()
    time.passes(0.2)

    assert isinstance(answer.exception(), Away)


async def test_no_clock_ticks_when_nobody_waits(timed, time):
    answer = timed.send(command("X"))
    timed.data_received(b"+OK\r\n")
    await answer

    time.passes(1.1)

    assert time.alarms == []
    assert timed._timer is None
    assert not timed._due


async def test_everybody_hears_that_the_connection_is_lost(connection):
    waiting = [connection.send(command("X")) for _ in range(3)]
    connection.data_received(b"+whole\r\n$10\r\nha")

    connection.connection_lost(ConnectionResetError())

    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[0] == b"whole"
    assert [str(answer) for answer in answers[1:]] == ["the connection was lost (ConnectionResetError)"] * 2
    assert all(type(answer) is Away for answer in answers[1:])
    assert connection.lost.is_set()
    with pytest.raises(Away, match="not connected"):
        connection.send(command("X"))


async def test_too_many_waiting_commands_are_refused_at_once(connection):
    waiting = [connection.send(b"X") for _ in range(10_000)]
    waiting[0].cancel()  # keeps its place until it is answered

    with pytest.raises(Away, match="too many"):
        connection.send(b"X")
    connection.data_received(b"+OK\r\n")

    connection.send(b"X")
    connection.connection_lost(None)
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    "data", [b"+OK\r\n+and more\r\n", b"+OK\r\nnonsense\r\n"], ids=["surplus", "nonsense"]
)
async def test_a_server_that_is_not_understood_is_left(connection, transport, data):
    answer = connection.send(command("X"))

    connection.data_received(data)

    assert await answer == b"OK"
    assert transport.aborted


async def test_nothing_leaves_after_the_end(connection, transport):
    answer = connection.send(command("X"))

    connection.close()
    await asyncio.sleep(0)
    connection.connection_lost(None)

    assert transport.written == []
    with pytest.raises(Away):
        await answer


async def test_no_answer_is_shifted_whatever_callers_do(connect, seed):
    connection = await connect(5)
    chance = random.Random(seed)
    futures = []
    for number in range(3000):
        future = connection.send(command("ECHO", b"%d" % number))
        futures.append(future)
        if chance.random() < 0.3:
            future.cancel()
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            chance.choice(futures).cancel()

    answers = await asyncio.gather(*futures, return_exceptions=True)

    kept = [number for number, future in enumerate(futures) if not future.cancelled()]
    assert [answers[number] for number in kept] == [b"%d" % number for number in kept]
    assert 500 < len(kept) < 2500
