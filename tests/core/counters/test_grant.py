"""Leases are taken up once each, in their order; and given back as far as nobody holds them."""

from dataclasses import replace

import pytest

from core.counters import requests
from tests.core.counters.desk import GEN, NOW_MS, PLAIN

NEXT = "4:1"


def test_a_lease_is_taken_up(desk):
    assert desk.grant(100, valid_ms=90_000) == ["OK", "1"]

    assert desk.hash(desk.keys.pool) == {
        "gen": GEN, "free": "100", "held": "0", "spent": "0", "granted": "100", "returned": "0", "seq": "1",
        "exp": str(NOW_MS + 90_000), "lease": "100",
    }  # fmt: skip


def test_leases_add_up(desk):
    desk.grant(100)

    assert desk.grant(50, seq=2) == ["OK", "2"]
    assert desk.pool() == {"free": 150, "held": 0, "spent": 0, "granted": 150, "returned": 0}
    assert desk.hash(desk.keys.pool)["lease"] == "50"


def test_a_lease_is_taken_up_once(desk):
    desk.grant(100)
    desk.grant(50, seq=2)

    assert desk.grant(100, seq=1) == ["KEPT", "2"]
    assert desk.grant(50, seq=2) == ["KEPT", "2"]
    assert desk.pool()["free"] == 150


def test_a_lease_that_was_lost_on_the_way_is_missed(desk):
    desk.grant(100)
    before = desk.everything()

    assert desk.grant(50, seq=3) == ["GAP", "1"]

    assert desk.everything() == before


def test_a_renewal_makes_the_lease_last_longer_and_never_shorter(desk):
    desk.grant(100, valid_ms=90_000)
    desk.wait(60_000)

    assert desk.grant(999, seq=0, valid_ms=90_000) == ["KEPT", "1"]
    assert desk.hash(desk.keys.pool)["exp"] == str(NOW_MS + 150_000)
    assert desk.grant(0, seq=0, valid_ms=5) == ["KEPT", "1"]
    assert desk.hash(desk.keys.pool)["exp"] == str(NOW_MS + 150_000)
    assert desk.pool()["granted"] == 100


def test_a_pool_begins_anew_in_a_new_generation(desk):
    desk.grant(100)
    desk.turn(NEXT)

    assert desk.grant(30, gen=NEXT) == ["OK", "1"]
    assert desk.pool() == {"free": 30, "held": 0, "spent": 0, "granted": 30, "returned": 0}


@pytest.mark.parametrize("gen", [NEXT, "2:1", ""])
def test_a_lease_of_another_generation_is_not_taken_up(gen, desk):
    desk.grant(100)
    before = desk.everything()

    assert desk.grant(50, seq=2, gen=gen) == ["REGEN"]
    assert desk.recall(50, gen=gen) == ["REGEN"]

    assert desk.everything() == before


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_what_is_no_whole_number_is_refused(place, text, desk):
    request = requests.grant(desk.keys, gen=GEN, seq=1, amount_n=100, valid_ms=1000)
    args = list(request.args)
    args[place] = text.encode()

    assert desk.run(replace(request, args=args)) == ["BADARG"]
    assert not desk.redis.exists(desk.keys.pool)


@pytest.mark.parametrize(("want", "given"), [(0, 0), (30, 30), (60, 60), (61, 60), (2**52, 60)])
def test_what_nobody_holds_is_given_back(want, given, desk):
    desk.load()
    desk.grant(100)
    desk.admitted(full=40)

    assert desk.recall(want) == ["OK", str(given)]

    assert desk.pool() == {"free": 60 - given, "held": 40, "spent": 0, "granted": 100, "returned": given}
    told = [{"w": desk.keys.id.decode(), "g": GEN, "k": "return", "a": str(given)}] if given else []
    assert desk.events() == told


def test_what_was_given_back_is_told_all_in_all(desk):
    desk.grant(100)

    assert [desk.recall(30), desk.recall(50)] == [["OK", "30"], ["OK", "50"]]
    assert [event["a"] for event in desk.events()] == ["30", "80"]


def test_a_pool_that_is_not_there_gives_nothing_back(desk):
    assert desk.recall(30) == ["OK", "0"]
    desk.grant(100)
    desk.turn(NEXT)
    assert desk.recall(30, gen=NEXT) == ["OK", "0"]
    assert desk.events() == []


def test_a_pool_that_gave_back_asks_for_no_more(desk):
    desk.load(PLAIN)
    desk.grant(100)
    desk.recall(95)

    assert desk.admit(desk.call(full=5))[4] == "0"


@pytest.mark.parametrize("text", ["nan", "-1", "0x10", "1e3", "", "1" * 17])
def test_what_is_no_whole_number_is_not_given_back(text, desk):
    desk.grant(100)
    request = requests.recall(desk.keys, gen=GEN, want_n=1)

    assert desk.run(replace(request, args=[*request.args[:2], text.encode()])) == ["BADARG"]
    assert desk.pool()["free"] == 100
