"""One generation is trusted at a time; pools of those before close once nothing can be posted to them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from core.charging import generations
from core.charging.generations import Life, closable, ended, latest, number_of, seen

LONGEST_S = 900


@pytest.fixture
def old(desk):
    """A wallet with money in a pool that is old; the generation of that pool."""
    gen = desk.open_generation().gen
    desk.lease(gen, 100)
    desk.open_generation()
    return gen


def beat(desk, boot_id, settled_gen):
    with desk.engine.begin() as connection:
        seen(connection, boot_id=boot_id, settled_gen=settled_gen)


def end(desk, *boots):
    with desk.engine.begin() as connection:
        ended(connection, boots)


def found(desk, *, limit=10):
    with desk.engine.begin() as connection:
        rows = closable(connection, longest_call_s=LONGEST_S, limit=limit)
    return {wallet_id: list(gens) for wallet_id, gens in rows}


def test_there_is_none_until_one_is_opened(desk):
    with desk.engine.begin() as connection:
        assert latest(connection) is None


def test_the_one_opened_last_is_the_latest(desk):
    desk.open_generation("one")
    opened = desk.open_generation("two", since_ms=1_772_409_600_123)

    with desk.engine.begin() as connection:
        assert latest(connection) == opened
    assert (opened.fingerprint, opened.since_ms) == ("two", 1_772_409_600_123)


def test_scripts_know_a_generation_by_its_number_and_its_beginning():
    assert Life(7, "one", 1_772_409_600_123).name == "7:1772409600123"
    assert number_of("7:1772409600123") == 7


@pytest.mark.parametrize("name", ["", ":5", "x:5", "-"])
def test_what_names_no_generation_is_refused(name):
    with pytest.raises(ValueError, match="invalid literal"):
        number_of(name)


def test_numbers_only_grow_whatever_is_rolled_back(desk):
    first = desk.open_generation()
    with desk.engine.connect() as connection:
        undone = generations.open_next(connection, fingerprint="lost", since_ms=0)
        connection.rollback()

    assert first.gen < undone.gen < desk.open_generation().gen


def test_of_many_that_open_at_once_each_sees_the_one_before(desk):
    start = Barrier(6)

    def open_unless_there(number):
        start.wait()
        with desk.engine.begin() as connection:
            generations.lock(connection)
            life = latest(connection)
            if life is None or life.fingerprint != "new":
                life = generations.open_next(connection, fingerprint="new", since_ms=number)
        return life

    with ThreadPoolExecutor(6) as threads:
        lives = set(threads.map(open_unless_there, range(6)))

    assert len(lives) == 1


def test_an_old_pool_closes_at_once_where_no_proxy_ran_its_calls(desk, old):
    assert found(desk) == {desk.wallet_id: [old]}


def test_the_pools_of_the_latest_generation_stay_open(desk):
    desk.lease(desk.open_generation().gen, 100)
    desk.run("UPDATE pools SET valid_until = now() - interval '1 day'")

    assert found(desk) == {}


def test_a_pool_stays_open_until_every_proxy_has_settled_what_it_ran(desk, old):
    boots = [uuid4() for _ in range(3)]
    for boot in boots:
        beat(desk, boot, old)
    assert found(desk) == {}
    beat(desk, boots[0], old + 1)
    end(desk, boots[1])
    assert found(desk) == {}

    beat(desk, boots[2], old + 5)

    assert found(desk) == {desk.wallet_id: [old]}


def test_what_a_proxy_has_settled_it_has_settled_for_good(desk, old):
    boot = uuid4()
    for settled in (old + 1, 0, old):
        beat(desk, boot, settled)

    assert desk.row("SELECT settled_gen FROM proxy_boots")[0] == old + 1
    assert found(desk) == {desk.wallet_id: [old]}


def test_a_proxy_that_just_started_keeps_pools_open(desk, old):
    beat(desk, uuid4(), 0)

    assert found(desk) == {}


def test_a_boot_that_ended_stays_ended(desk, old):
    boot = uuid4()
    beat(desk, boot, old)
    end(desk, boot)
    first = desk.row("SELECT ended_at FROM proxy_boots")[0]

    beat(desk, boot, old)
    end(desk, boot)

    assert desk.row("SELECT ended_at FROM proxy_boots")[0] == first
    assert found(desk) == {desk.wallet_id: [old]}


def test_a_proxy_that_never_comes_back_is_waited_for_as_long_as_its_calls_may_last(desk, old):
    beat(desk, uuid4(), old)
    desk.run("UPDATE pools SET valid_until = now() - make_interval(secs => :s)", s=LONGEST_S + 55)
    assert found(desk) == {}

    desk.run("UPDATE pools SET valid_until = now() - make_interval(secs => :s)", s=LONGEST_S + 61)

    assert found(desk) == {desk.wallet_id: [old]}


def test_a_proxy_that_was_gone_before_a_generation_began_has_run_nothing_of_it(desk):
    """Else every machine that is lost makes all pools after it wait for their time to run out."""
    lost = uuid4()
    beat(desk, lost, desk.open_generation().gen)
    desk.run("UPDATE proxy_boots SET last_seen_at = now() - interval '2 minutes'")
    gen = desk.open_generation().gen
    desk.lease(gen, 100)
    desk.open_generation()

    assert found(desk) == {desk.wallet_id: [gen]}


def test_a_proxy_that_opened_a_generation_and_died_with_it_is_waited_for(desk):
    opener = uuid4()
    beat(desk, opener, 0)
    desk.lease(desk.open_generation().gen, 100)
    desk.open_generation()

    assert found(desk) == {}


def test_pools_are_told_by_wallet_and_as_many_as_are_asked_for(open_desk):
    desks = sorted((open_desk(1000) for _ in range(3)), key=lambda desk: desk.wallet_id)
    gens = []
    for _ in range(2):
        gens.append(desks[0].open_generation().gen)
        for desk in desks:
            desk.lease(gens[-1], 20)
    desks[0].open_generation()
    desks[1].close(*gens)

    assert found(desks[0]) == {desk.wallet_id: gens for desk in (desks[0], desks[2])}
    assert found(desks[0], limit=1) == {desks[0].wallet_id: gens}


def test_a_pool_that_was_settled_in_full_is_closed_too(desk, old):
    desk.book(desk.entry(desk.call(400), 400, gen=old))

    assert found(desk) == {desk.wallet_id: [old]}
    desk.close(old)
    assert found(desk) == {}
