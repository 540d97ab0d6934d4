"""A proxy without Redis finds out whether anybody has it."""

from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.charging import generations
from core.charging.generations import OBJECTION_S, VACANT, Life
from core.db import async_engine
from proxy.leases.vacancy import LAST_S, Vacancy


@dataclass
class Redis:
    """What a proxy knows of Redis."""

    current: Life | None = None
    away_s: float = 9.0
    renewed: int = 0

    async def renew(self):
        self.renewed += 1


class Rig:
    def __init__(self, engine, asking):
        self.engine, self.redis, self.boot_id = engine, Redis(), uuid4()
        self.vacancy = Vacancy(asking, self.redis, boot_id=self.boot_id)
        self.see(self.boot_id, has_redis=False)

    def see(self, boot_id, *, has_redis, ago_s=0):
        with self.engine.begin() as connection:
            fingerprint = "a" if has_redis else None
            generations.seen(connection, boot_id=boot_id, settled_gen=0, fingerprint=fingerprint)
            connection.execute(
                text(
                    "UPDATE proxy_boots SET last_seen_at = now() - make_interval(secs => :s) WHERE boot_id = :b"
                ),
                {"s": ago_s, "b": boot_id},
            )

    def open(self, fingerprint="a"):
        with self.engine.begin() as connection:
            return generations.open_next(connection, fingerprint=fingerprint, since_ms=0)

    def age(self, seconds):
        """Let so much time go by for the latest generation."""
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE generations SET started_at = started_at - make_interval(secs => :s)"),
                {"s": seconds},
            )

    def fingerprints(self):
        with self.engine.connect() as connection:
            return list(
                connection.execute(text("SELECT fingerprint FROM generations ORDER BY gen")).scalars()
            )

    async def looks(self):
        await self.vacancy.look()
        return self.vacancy.is_vacant


@pytest.fixture
async def rig(engine, database_url):
    asking = async_engine(database_url, pool_size=1)
    yield Rig(engine, asking)
    await asking.dispose()


async def test_one_that_has_redis_asks_nobody(rig):
    rig.redis.current = rig.open()

    assert not await rig.looks()

    assert rig.fingerprints() == ["a"]


async def test_one_that_lost_it_a_moment_ago_waits(rig):
    rig.open()
    rig.redis.away_s = 0.9

    assert not await rig.looks()

    assert rig.fingerprints() == ["a"]


async def test_one_that_is_alone_says_so_and_waits_for_an_objection(rig):
    rig.open()

    assert not await rig.looks()
    assert rig.fingerprints() == ["a", VACANT]
    assert not await rig.looks()

    rig.age(OBJECTION_S)
    assert await rig.looks()
    assert rig.vacancy.is_final
    assert rig.fingerprints() == ["a", VACANT]


async def test_an_objection_is_heeded(rig):
    rig.open()
    await rig.looks()
    rig.open()
    rig.see(uuid4(), has_redis=True)
    rig.age(OBJECTION_S)

    assert not await rig.looks()

    assert rig.fingerprints() == ["a", VACANT, "a"]


@pytest.mark.parametrize(("ago_s", "is_heard"), [(0, True), (2, True), (4, False)])
async def test_nothing_is_said_while_another_has_redis(rig, ago_s, is_heard):
    rig.open()
    rig.see(uuid4(), has_redis=True, ago_s=ago_s)

    await rig.looks()

    assert rig.fingerprints() == (["a"] if is_heard else ["a", VACANT])


async def test_what_one_that_fell_silent_may_still_admit_is_waited_for(rig):
    silent = uuid4()
    rig.see(silent, has_redis=True, ago_s=5)
    rig.open()
    await rig.looks()
    rig.age(OBJECTION_S)
    await rig.looks()

    assert (rig.vacancy.is_vacant, rig.vacancy.is_final) == (True, False)

    rig.age(LAST_S)
    await rig.looks()
    assert rig.vacancy.is_final


async def test_it_is_final_when_the_silent_one_says_it_lost_redis_too(rig):
    silent = uuid4()
    rig.see(silent, has_redis=True, ago_s=5)
    rig.open()
    await rig.looks()
    rig.age(OBJECTION_S)
    rig.see(silent, has_redis=False)

    await rig.looks()

    assert rig.vacancy.is_final
    assert rig.vacancy.proxies == 2


async def test_a_later_one_need_not_wait_again(rig):
    rig.open(VACANT)
    rig.age(OBJECTION_S)

    assert await rig.looks()


async def test_one_whose_servers_are_back_admits_here_until_it_may_open_a_generation(rig):
    rig.open(VACANT)
    rig.age(OBJECTION_S)
    rig.redis.away_s = 0.0

    assert await rig.looks()


async def test_it_ends_when_this_proxy_has_redis_again(rig):
    rig.open(VACANT)
    rig.age(OBJECTION_S)
    await rig.looks()

    rig.redis.away_s = 0.0  # the servers are back, and nobody has opened the next generation
    assert await rig.looks()
    rig.redis.current = rig.open()

    assert not rig.vacancy.is_vacant
    assert not rig.vacancy.is_final
    assert not await rig.looks()


async def test_it_ends_when_it_turns_out_that_a_generation_is_open(rig):
    rig.open(VACANT)
    rig.age(OBJECTION_S)
    await rig.looks()

    await rig.vacancy.ended()

    assert not rig.vacancy.is_vacant
    assert rig.redis.renewed == 1


async def test_without_postgres_nothing_is_concluded(rig):
    rig.open(VACANT)
    rig.age(OBJECTION_S)
    with rig.engine.begin() as connection:
        connection.execute(text("ALTER TABLE proxy_boots RENAME TO away"))

    assert not await rig.looks()

    with rig.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO proxy_boots"))
    assert await rig.looks()
