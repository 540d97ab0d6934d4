import asyncio
import random
import signal
from contextlib import suppress

import pytest
import redis

from core.counters.script import Script
from proxy.store.errors import Away, Broken, Fenced
from tests.proxy.conftest import until
from tests.proxy.store.conftest import ECHO
from tests.proxy.store.servers import URL_PASSWORD, own_server

COUNT = Script.of("count", "return redis.call('INCR', KEYS[1])")
SHAPES = Script.of("shapes", "return {1, 'two', {'three'}, false, -4}")
PUSH = Script.of("push", "return redis.call('LPUSH', KEYS[1], ARGV[1])")


def echo(store, text, **options):
    return store.run(ECHO, tag="b007", keys=[], args=[text], **options)


def count(store, key=b"{b007}:n", **options):
    return store.run(COUNT, tag="b007", keys=[key], args=[], **options)


def through(wire):
    return f"redis://:{URL_PASSWORD}@127.0.0.1:{wire.port}"


def wait_no_longer_than(timeout_s, store):
    """Have the connections there are give up sooner: they were made, and told the script, in all peace."""
    for server in store.servers:
        for connection in server.lanes.values():
            connection._timeout_s = timeout_s
            if connection._timer is not None:
                connection._timer.cancel()
                connection._timer = None


def calls(server):
    """How often each command was executed since the last reset, but for those of the test's own connections."""
    with redis.Redis.from_url(server.url) as link:
        stats = link.info("commandstats").items()
    own = {"cmdstat_hello", "cmdstat_auth", "cmdstat_client|setinfo", "cmdstat_config|resetstat"}
    return {name: said["calls"] for name, said in stats if name not in own}


@pytest.mark.parametrize("lane", ["calls", "bulk"])
async def test_a_script_runs_with_its_keys_and_arguments(store, lane):
    both = Script.of("both", "return {KEYS[1], ARGV[1], KEYS[2], ARGV[2]}")

    answer = await store.run(
        both, tag="b007", keys=[b"{b007}:1", b"{b007}:2"], args=[b"", b"\r\n\xff"], lane=lane
    )

    assert answer == [b"{b007}:1", b"", b"{b007}:2", b"\r\n\xff"]


async def test_answers_keep_their_shape(store):
    assert await store.run(SHAPES, tag="b007", keys=[], args=[]) == [1, b"two", [b"three"], None, -4]


async def test_a_run_is_one_command_once_the_script_is_known(open_store, server):
    store = await open_store(server.url)
    assert await count(store) == 1
    server.ask("CONFIG", "RESETSTAT")

    assert await asyncio.gather(*(count(store) for _ in range(50))) == list(range(2, 52))

    assert calls(server) == {"cmdstat_evalsha": 50, "cmdstat_incr": 50}


async def test_a_script_the_server_forgot_is_told_again(open_store, server):
    store = await open_store(server.url)
    await count(store)

    server.ask("SCRIPT", "FLUSH")

    assert await count(store) == 2
    server.ask("SCRIPT", "FLUSH")
    assert sorted(await asyncio.gather(*(count(store) for _ in range(20)))) == list(range(3, 23))


async def test_an_error_of_a_script_is_told_as_it_is(store):
    wrong = Script.of("wrong", "return redis.error_reply('BADARG three')")

    with pytest.raises(Broken) as broken:
        await store.run(wrong, tag="b007", keys=[], args=[])

    assert (broken.value.code, str(broken.value)) == ("BADARG", "BADARG three")


async def test_a_source_that_is_no_lua_is_told(store):
    with pytest.raises(Broken, match="compiling"):
        await store.run(Script.of("nonsense", "this is no Lua"), tag="b007", keys=[], args=[])


async def test_a_key_of_another_type_is_told(open_store, server):
    store = await open_store(server.url)
    await store.command("b007", "SET", "{b007}:n", "x")

    with pytest.raises(Broken) as broken:
        await store.run(PUSH, tag="b007", keys=[b"{b007}:n"], args=[b"x"])

    assert broken.value.code == "WRONGTYPE"


async def test_a_full_server_refuses_and_goes_on(open_store, server):
    store = await open_store(server.url)
    await count(store)
    server.ask("CONFIG", "SET", "maxmemory", 1)

    with pytest.raises(Broken) as broken:
        await count(store)

    assert broken.value.code == "OOM"
    server.ask("CONFIG", "SET", "maxmemory", 0)
    assert await count(store) == 2


async def test_plain_commands_go_to_a_tag_or_a_server(store):
    (only,) = store.servers

    assert await store.command("b007", "ECHO", "hello") == b"hello"
    assert await store.command(only, "ECHO", 7, lane="calls") == b"7"


async def test_nothing_is_sent_to_servers_nobody_allowed(open_store, server):
    store = await open_store(server.url, trusting=False)
    server.ask("CONFIG", "RESETSTAT")

    for allowed in (None, "", "0" * 40):
        store.allowed = allowed
        with pytest.raises(Fenced):
            await count(store)
        with pytest.raises(Fenced):
            await store.command("b007", "PING")

    assert calls(server) == {}
    assert await count(store, unfenced=True) == 1
    assert await store.command("b007", "PING", unfenced=True) == b"PONG"


async def test_a_server_that_started_again_is_fenced_and_its_owner_told(open_store, server):
    store = await open_store(server.url)
    seen, before = [], store.fingerprint
    store.on_change(lambda: seen.append(store.fingerprint))
    await count(store)

    server.kill()
    await until(lambda: seen == [None])
    with pytest.raises(Fenced, match="a server is missing"):
        await count(store)
    with pytest.raises(Away, match="not connected"):
        await count(store, unfenced=True)

    server.start()
    await until(lambda: len(seen) == 2)
    assert seen == [None, server.life]
    assert store.fingerprint == server.life != before == store.allowed
    with pytest.raises(Fenced, match="not the allowed"):
        await count(store)

    store.allowed = store.fingerprint
    assert await count(store) == 1


async def test_an_owner_may_take_its_word_back_between_two_steps(open_store, server):
    store = await open_store(server.url)
    pending = asyncio.create_task(count(store))
    await asyncio.sleep(0)

    store.allowed = None

    with pytest.raises(Fenced):  # the server does not know the script: a second step is needed
        await pending
    assert server.ask("EXISTS", "{b007}:n") == 0


async def test_a_primary_that_became_a_replica_is_fenced(open_store, server):
    with own_server() as other:
        store = await open_store(server.url)
        await count(store)

        server.ask("REPLICAOF", "127.0.0.1", other.port)
        with pytest.raises(Broken, match="READONLY"):
            await count(store)

        await until(lambda: store.fingerprint is None)
        (only,) = store.servers
        await until(lambda: only.fault == "not a primary")


async def test_time_is_up_when_the_server_pauses(open_store, server):
    store = await open_store(server.url)
    await count(store)
    server.ask("CLIENT", "PAUSE", 60_000, "WRITE")
    wait_no_longer_than(0.1, store)

    late = await asyncio.gather(*(count(store) for _ in range(5)), return_exceptions=True)

    assert [str(error) for error in late] == ["no answer in time"] * 5
    assert {type(error) for error in late} == {Away}
    server.ask("CLIENT", "UNPAUSE")
    wait_no_longer_than(5, store)
    assert await count(store) == 7  # whoever got no answer may have been counted: here all were


async def test_a_server_that_hangs_is_left_and_found_again(open_store, server):
    store = await open_store(server.url)
    await count(store)
    server.signal(signal.SIGSTOP)
    wait_no_longer_than(0.05, store)

    with pytest.raises(Away):
        await count(store)
    (only,) = store.servers
    await until(lambda: "bulk" not in only.lanes)

    server.signal(signal.SIGCONT)
    await until(lambda: "bulk" in only.lanes and store.fingerprint == store.allowed)
    assert await count(store, b"{b007}:other") == 1


async def test_an_answer_cut_in_the_middle_is_no_answer(open_store, server, wire):
    store = await open_store(through(wire))
    await echo(store, b"x")

    wire.cut_after = 10
    with pytest.raises(Away, match="lost"):
        await echo(store, b"a long answer of which little arrives")
    wire.cut_after = None

    await until(lambda: store.fingerprint)
    (only,) = store.servers
    await until(lambda: len(only.lanes) == 2)
    assert await echo(store, b"whole") == b"whole"


async def test_an_answer_that_got_lost_does_not_undo_what_was_done(open_store, server, wire):
    store = await open_store(through(wire))
    await count(store)

    wire.deaf = True
    wait_no_longer_than(0.05, store)
    with pytest.raises(Away, match="in time"):
        await count(store)
    wire.deaf = False

    await until(lambda: server.ask("GET", "{b007}:n") == "2")


async def test_a_store_opens_without_a_server_and_finds_it_later(open_store, server):
    server.kill()

    store = await open_store(server.url, trusting=False, connect_timeout_s=0.1)

    with pytest.raises(Away, match="no server is known"):
        await count(store, unfenced=True)
    server.start()
    await until(lambda: store.fingerprint == server.life)
    assert await count(store, unfenced=True) == 1


async def test_nothing_runs_after_the_end(open_store, server):
    store = await open_store(server.url)
    server.ask("CLIENT", "PAUSE", 60_000, "WRITE")
    pending = asyncio.create_task(count(store))
    await asyncio.sleep(0)

    await store.close()

    with pytest.raises(Away):
        await pending
    with pytest.raises(Fenced):
        await count(store)
    server.ask("CLIENT", "UNPAUSE")
    await until(lambda: server.ask("INFO", "clients")["connected_clients"] == 1)


async def test_no_answer_reaches_another_whenever_callers_are_cancelled(open_store, redis_url, seed):
    store = await open_store(redis_url)
    chance = random.Random(seed)
    outcomes = {"answered": 0, "cancelled": 0}

    async def ask(number):
        text = b"call %d" % number
        task = asyncio.create_task(echo(store, text, lane=chance.choice(["calls", "bulk"])))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            task.cancel()
        try:
            assert await task == text
            outcomes["answered"] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1

    async def keep_asking(numbers):
        for number in numbers:
            await ask(number)

    await asyncio.gather(*(keep_asking(range(start, 5000, 16)) for start in range(16)))

    assert sum(outcomes.values()) == 5000
    assert min(outcomes.values()) > 0
    assert await echo(store, b"the end") == b"the end"


async def test_no_answer_reaches_another_when_many_come_too_late(open_store, server, seed):
    store = await open_store(server.url)
    await echo(store, b"x", lane="calls")
    wait_no_longer_than(0.02, store)
    chance = random.Random(seed)
    outcomes = {"answered": 0, "late": 0}

    async def ask(number):
        text = b"call %d" % number
        try:
            assert await echo(store, text, lane="calls") == text
            outcomes["answered"] += 1
        except Away:
            outcomes["late"] += 1

    async def keep_asking(numbers):
        for number in numbers:
            if chance.random() < 0.1:
                with suppress(Away):  # late itself
                    await store.command("b007", "CLIENT", "PAUSE", chance.choice([1, 30]), "WRITE")
            await ask(number)

    await asyncio.gather(*(keep_asking(range(start, 600, 4)) for start in range(4)))

    assert sum(outcomes.values()) == 600
    assert min(outcomes.values()) > 0
