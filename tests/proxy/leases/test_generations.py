"""The store is trusted within one generation; whatever Redis loses, nobody charges on what is left of it."""

import asyncio
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from core.charging.calls import Admitted
from core.charging.generations import Life, vacate
from core.counters.keys import GLOBAL, bucket_keys
from core.errors import Unavailable
from core.rules.admission import Deny
from proxy.leases import generations as module
from proxy.leases.generations import Generations
from proxy.store import server as server_module
from proxy.store.errors import Fenced
from tests.core.charging.conftest import ending
from tests.proxy.conftest import until
from tests.proxy.leases.conftest import behind, line, marks
from tests.proxy.store.servers import PASSWORD, own_server


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Beats closer together: what follows from one is not waited for as long as in life."""
    monkeypatch.setattr(module, "BEAT_S", 0.1)
    monkeypatch.setattr(server_module, "ASK_S", 0.1)


def opened(desk):
    return [tuple(row) for row in desk.rows("SELECT gen, fingerprint FROM generations ORDER BY gen")]


def boots(desk):
    return {row.boot_id: row for row in desk.rows("SELECT * FROM proxy_boots")}


async def test_the_first_start_opens_the_first_generation_everywhere(leases, counter):
    life = leases.generations.current

    assert life == Life(1, leases.store.fingerprint, life.since_ms)
    assert opened(counter.desk) == [(1, leases.store.fingerprint)]
    assert marks(counter.redis) == {life.name.encode()}
    assert leases.store.allowed == leases.store.fingerprint
    assert leases.fault() is None


async def test_the_global_breaker_is_loaded_before_anybody_enters(leases, counter):
    assert counter.redis.hget(GLOBAL.windows, "gen") == leases.generations.current.name.encode()


async def test_who_starts_later_enters_the_same(leases, start, counter):
    other = await start()

    assert other.generations.current == leases.generations.current
    assert len(opened(counter.desk)) == 1


async def test_who_has_redis_leaves_it_when_others_go_on_without_and_comes_back_after_a_while(
    leases, counter
):
    with counter.desk.engine.begin() as connection:
        vacate(connection)
    counter.desk.run("UPDATE generations SET started_at = now() - interval '4 s' WHERE fingerprint = ''")

    assert not await leases.generations.renew()
    assert (leases.generations.current, leases.store.allowed) == (None, None)
    counter.desk.run("UPDATE generations SET started_at = now() - interval '10 s' WHERE fingerprint = ''")
    assert await leases.generations.renew()

    assert leases.generations.current.gen == 3
    assert marks(counter.redis) == {leases.generations.current.name.encode()}


async def test_of_many_that_start_at_once_one_opens(start, counter):
    many = await asyncio.gather(*(start() for _ in range(4)))

    assert len({leases.generations.current for leases in many}) == 1
    assert len(opened(counter.desk)) == 1
    assert marks(counter.redis) == {many[0].generations.current.name.encode()}


async def test_a_server_that_restarted_is_another(server, wire, far, start):
    leases = await start(counters_url=behind(wire, server), keep=True)
    first = leases.generations.current
    assert isinstance(await leases.gate.admit(far.call(100)), Admitted)

    server.kill()
    server.start()

    await until(lambda: leases.generations.current != first)
    assert [gen for gen, _ in opened(far.desk)] == [1, 2]
    assert leases.generations.current.fingerprint == server.life
    assert marks(far.redis) == {leases.generations.current.name.encode()}
    assert isinstance(await leases.gate.admit(far.call(100)), Admitted)
    assert far.pool()["granted"] == 400
    assert far.desk.wallet()[1] == 800  # what the first one leased is still out


@pytest.mark.parametrize("emptied", ["all", "one bucket", "another's mark"])
async def test_a_server_that_was_emptied_is_noticed_although_it_is_the_same(leases, counter, emptied):
    first, fingerprint = leases.generations.current, leases.store.fingerprint
    assert isinstance(await leases.gate.admit(counter.call(100)), Admitted)
    if emptied == "all":
        counter.redis.flushall()
    elif emptied == "one bucket":
        counter.redis.delete(counter.keys.bucket.generation)
    else:
        counter.redis.set(counter.keys.bucket.generation, "1:0")

    verdict = await leases.gate.admit(counter.call(100))

    second = leases.generations.current
    assert isinstance(verdict, Admitted)
    assert (verdict.gen, second.gen, second.fingerprint) == (second.name, first.gen + 1, fingerprint)
    assert marks(counter.redis) == {second.name.encode()}


async def test_a_server_that_was_emptied_is_noticed_although_nobody_calls(start, counter):
    leases = await start(keep=True)
    first = leases.generations.current

    counter.redis.flushall()

    await until(lambda: leases.generations.current != first)


async def test_two_that_find_it_emptied_open_one(start, counter):
    pair = [await start() for _ in range(2)]
    counter.redis.flushall()

    verdicts = await asyncio.gather(
        *(leases.gate.admit(counter.call(10)) for leases in pair for _ in range(20))
    )

    assert {verdict.gen for verdict in verdicts} == {pair[0].generations.current.name}
    assert [gen for gen, _ in opened(counter.desk)] == [1, 2]
    assert counter.pool()["held"] == 400


async def test_an_opening_that_was_not_finished_is_made_good(leases, counter):
    """Another proxy set some marks and died before PostgreSQL knew of it."""
    for bucket in range(100):
        counter.redis.set(bucket_keys(bucket).generation, "77:1")

    assert await leases.generations.lost()

    assert leases.generations.current.gen == 2
    assert marks(counter.redis) == {leases.generations.current.name.encode()}


async def test_without_postgresql_nobody_enters_another(leases, counter):
    counter.redis.flushall()
    counter.desk.run("ALTER TABLE generations RENAME TO generations_away")
    try:
        with pytest.raises(Unavailable) as refused:
            await leases.gate.admit(counter.call(100))
    finally:
        counter.desk.run("ALTER TABLE generations_away RENAME TO generations")

    assert refused.value.retry_after_s == 2
    assert marks(counter.redis) == {None}
    assert isinstance(await leases.gate.admit(counter.call(100)), Admitted)


async def test_a_proxy_that_starts_without_postgresql_admits_nobody_until_it_is_there(start, counter):
    counter.desk.run("ALTER TABLE generations RENAME TO generations_away")
    try:
        leases = await start(keep=True)
        assert leases.fault() == "redis unreachable"
        with pytest.raises(Unavailable):
            await leases.gate.admit(counter.call(100))
    finally:
        counter.desk.run("ALTER TABLE generations_away RENAME TO generations")

    await until(lambda: leases.fault() is None)
    assert isinstance(await leases.gate.admit(counter.call(100)), Admitted)


async def test_the_store_is_fenced_while_the_servers_are_not_the_allowed_ones(server, wire, far, start):
    leases = await start(counters_url=behind(wire, server))  # and nothing in the background looks
    call = far.call(100)
    await leases.gate.admit(call)

    server.kill()
    server.start()
    await until(lambda: leases.store.fingerprint == server.life)

    with pytest.raises(Fenced):
        await leases.store.command(far.keys.bucket.tag, "GET", "x")
    with pytest.raises(Unavailable):
        await leases.gate.admit(far.call(100))
    assert far.redis.dbsize() == 0


async def test_a_primary_that_followed_a_stale_one_for_a_moment_is_not_trusted(server, far, start):
    """It is the same process with the same mark, and the proxy's connections were never lost."""
    followers = ("repl-diskless-sync-delay 0", f'masterauth "{PASSWORD}"')
    server.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0, "masterauth", PASSWORD)
    with own_server(f"replicaof 127.0.0.1 {server.port}", *followers) as stale:
        await until(lambda: stale.ask("INFO", "replication")["master_link_status"] == "up")
        leases = await start(counters_url=server.url, keep=True)
        first, call = leases.generations.current, far.call(100)
        server.ask("WAIT", 1, 5000)
        stale.ask("REPLICAOF", "NO", "ONE")
        await leases.gate.admit(call)

        server.ask("REPLICAOF", "127.0.0.1", stale.port)
        await until(lambda: server.ask("INFO", "replication")["master_link_status"] == "up")
        server.ask("REPLICAOF", "NO", "ONE")
        await until(lambda: (current := leases.generations.current) and current.gen > first.gen)

        assert leases.generations.current.fingerprint == server.life != first.fingerprint
        assert not far.redis.exists(far.keys.bucket.hold(call.request_id))


async def test_an_older_life_of_the_servers_is_not_trusted_with_what_it_kept(server, wire, far, start):
    """A copy that lags behind, or a restart from disk: what it holds looks right, and is not."""
    leases = await start(counters_url=behind(wire, server), keep=True)
    first = leases.generations.current
    await leases.gate.admit(far.call(100))
    kept = {key: far.redis.dump(key) for key in far.redis.scan_iter("bl:*")}

    server.kill()
    wire.to = 1  # nobody reaches it yet
    server.start()
    for key, value in kept.items():
        far.redis.restore(key, 0, value)
    wire.to = server.port

    await until(lambda: leases.generations.current != first)
    assert isinstance(await leases.gate.admit(far.call(100)), Admitted)
    assert far.pool()["held"] == 100
    assert far.desk.wallet()[1] == 800


async def test_every_beat_is_a_sign_of_life(start, counter):
    leases = await start(keep=True)
    first = boots(counter.desk)[leases.boot_id]

    await until(lambda: boots(counter.desk)[leases.boot_id].last_seen_at > first.last_seen_at)

    assert boots(counter.desk)[leases.boot_id].fingerprint == leases.store.fingerprint


async def test_a_proxy_that_has_nothing_of_earlier_generations_says_so(leases, counter):
    gens = leases.generations
    assert boots(counter.desk)[leases.boot_id].settled_gen == 0  # it knew of none when it said so

    await gens.renew()
    assert boots(counter.desk)[leases.boot_id].settled_gen == 1
    counter.redis.flushall()
    await gens.lost()
    await gens.renew()

    assert boots(counter.desk)[leases.boot_id].settled_gen == 2


@pytest.mark.parametrize("kind", ["running", "being admitted", "spooled"])
async def test_what_is_left_of_an_earlier_generation_keeps_its_pools_open(leases, counter, kind):
    gens = leases.generations
    first = gens.current
    await gens.renew()
    one = line(gen=first.name)
    if kind == "running":
        gens.running = lambda: {first.name, ""}
    elif kind == "being admitted":
        gens.asking[uuid4().int] = first
    else:
        leases.settler.spool.append(one)
    counter.redis.flushall()
    await gens.lost()

    await gens.renew()
    assert boots(counter.desk)[leases.boot_id].settled_gen == first.gen
    gens.running, gens.asking = tuple, {}
    leases.settler.spool.forget({one.request_id.int})
    await gens.renew()

    assert boots(counter.desk)[leases.boot_id].settled_gen == first.gen + 1


async def test_an_admission_under_way_is_known_from_before_it_is_sent_until_its_call_is(
    server, wire, far, start
):
    leases = await start(counters_url=behind(wire, server))
    await leases.gate.admit(far.call(100))
    wire.deaf = True
    call = far.call(100)

    admission = asyncio.create_task(leases.gate.admit(call))
    await until(lambda: far.hold(call))  # it was admitted, and nobody here knows

    assert leases.generations._settled_gen(None) == leases.generations.current.gen
    assert leases.generations.asking == {call.request_id.int: leases.generations.current}
    with pytest.raises(Unavailable):
        await admission
    assert leases.generations.asking == {}
    wire.cut()
    wire.deaf = False


async def test_a_loss_makes_the_settler_send_again(leases, counter):
    call = counter.call(100)
    verdict = await leases.gate.admit(call)
    await leases.gate.settle(call, verdict, ending(60), hold_n=100)
    await until(counter.events)
    counter.redis.flushall()
    await leases.generations.lost()

    await leases.settler.look()

    await until(counter.events)
    assert [event["a"] for event in counter.events()] == ["60"]
    counter.book()
    assert counter.usage() == [(2, 60, "done")]
    assert counter.desk.pool(1) == (400, 60, 0, "active")


async def test_a_proxy_whose_store_is_gone_keeps_saying_that_it_lives(server, wire, far, start):
    leases = await start(counters_url=behind(wire, server), keep=True)
    server.kill()
    await until(lambda: leases.store.fingerprint is None)
    seen = boots(far.desk)[leases.boot_id].last_seen_at

    await until(lambda: boots(far.desk)[leases.boot_id].last_seen_at > seen)

    await until(lambda: boots(far.desk)[leases.boot_id].fingerprint is None)
    assert [gen for gen, _ in opened(far.desk)] == [1]
    server.start()


class TwoServers:
    """Two proxies that see different servers, as on the two sides of a partition."""

    def __init__(self, desk, generations):
        self.desk, self.generations = desk, generations

    async def beats(self, times=4):
        with capture_logs() as logs:
            for _ in range(times):
                for one in self.generations:
                    await one.renew()
        return [log["event"] for log in logs if log["event"].startswith("generation_")]


async def test_proxies_that_see_different_servers_do_not_take_turns(leases, start, server, counter):
    """Each would find the other's generation and open its own, for ever, and no call would be admitted."""
    others = await start(counters_url=server.url)
    assert [gen for gen, _ in opened(counter.desk)] == [1, 2]

    said = await TwoServers(counter.desk, [leases.generations, others.generations]).beats()

    assert [gen for gen, _ in opened(counter.desk)] == [1, 2]
    assert set(said) == {"generation_held_by_others"}
    with pytest.raises(Unavailable):
        await leases.gate.admit(counter.call(100))


async def test_the_side_that_is_left_behind_spends_what_was_leased_to_it_and_no_more(
    leases, start, server, counter
):
    assert isinstance(await leases.gate.admit(counter.call(100)), Admitted)  # 400 are leased there
    others = await start(counters_url=server.url)
    await leases.generations.renew()

    verdicts = [await leases.gate.admit(counter.call(100)) for _ in range(3)]
    with pytest.raises(Unavailable):
        await leases.gate.admit(counter.call(100))

    assert {verdict.gen for verdict in verdicts} == {leases.generations.current.name}
    assert (await others.gate.admit(counter.call(600))).hold_n == 600
    assert isinstance(await others.gate.admit(counter.call(1)), Deny)
    assert counter.desk.wallet() == (1000, 1000, 0)
    await leases.generations.renew()
    assert counter.ledger().close_old() == 0  # it may still be spending them


async def test_of_two_sides_the_larger_decides(leases, start, server, counter):
    others = await start(counters_url=server.url)
    assert leases.generations.current.gen == 1
    more = [await start() for _ in range(2)]  # which see what the first one sees
    for one in more:
        await one.generations.renew()

    await leases.generations.renew()

    assert [fingerprint for _, fingerprint in opened(counter.desk)][2:] == [leases.store.fingerprint]
    said = await TwoServers(counter.desk, [others.generations, leases.generations]).beats()
    assert set(said) == {"generation_held_by_others"}


async def test_who_is_left_alone_with_older_servers_may_open_again(leases, start, server, counter):
    others = await start(counters_url=server.url)
    assert not await leases.generations.renew()
    await start.stop(others)

    counter.desk.run(
        "UPDATE proxy_boots SET last_seen_at = now() - interval '4 s' WHERE boot_id = :b", b=others.boot_id
    )

    assert await leases.generations.renew()
    assert leases.generations.current.gen == 3


async def test_a_fault_nobody_thought_of_does_not_end_the_beat_in_silence(leases, monkeypatch):
    async def odd(*_args, **_fields):
        return b"not what TIME answers"

    monkeypatch.setattr(leases.store, "command", odd)

    with pytest.raises(AssertionError):
        await leases.generations.renew()
    monkeypatch.undo()

    assert await leases.generations.renew()


async def test_a_change_of_servers_wakes_the_beat(leases, monkeypatch):
    monkeypatch.setattr(module, "BEAT_S", 3600)
    beats = []

    async def beat(self):
        beats.append(self._doubted)

    monkeypatch.setattr(Generations, "renew", beat)
    keeping = asyncio.create_task(leases.generations.keep())
    await until(lambda: len(beats) == 1)

    leases.generations._changed()

    await until(lambda: len(beats) == 2)
    assert beats[1]  # every bucket is asked
    keeping.cancel()
