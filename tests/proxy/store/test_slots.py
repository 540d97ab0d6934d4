import pytest
from hiredis import ReplyError

from proxy.store.address import Address
from proxy.store.errors import Broken
from proxy.store.slots import Slots, slot_of

SEED = Address("seed", 7000, password="pw")
ONE, TWO = Address("10.0.0.1", 7001, password="pw"), Address("10.0.0.2", 7002, password="pw")
HALVES = [
    [0, 8191, [b"10.0.0.1", 7001, b"id1", []], [b"10.0.0.9", 7009, b"replica", []]],
    [8192, 16383, [b"10.0.0.2", 7002, b"id2", []]],
]


@pytest.mark.parametrize(("tag", "slot"), [("123456789", 12739), ("user1000", 3443), ("", 0)])
def test_a_slot_is_the_crc_of_the_tag(tag, slot):
    assert slot_of(tag) == slot


def test_slots_belong_to_the_first_server_of_their_row():
    slots = Slots.from_reply(HALVES, asked=SEED)

    assert slots.primaries == {ONE, TWO}
    assert slots.complete
    assert slots.primary_of("user1000") == ONE
    assert slots.primary_of("123456789") == TWO


@pytest.mark.parametrize("host", [None, b""])
def test_a_server_without_a_name_is_the_one_that_was_asked(host):
    slots = Slots.from_reply([[0, 16383, [host, 7001, b"id"]]], asked=SEED)

    assert slots.primaries == {SEED.at("seed", 7001)}


def test_a_slot_nobody_has_makes_the_picture_incomplete():
    slots = Slots.from_reply(HALVES[:1], asked=SEED)

    assert not slots.complete
    assert slots.primary_of("123456789") is None


def test_a_server_that_stands_alone_has_them_all():
    slots = Slots.all_of(SEED)

    assert slots.complete
    assert slots.primary_of("b007") == SEED


@pytest.mark.parametrize("reply", [None, 7, b"x", [1], [[0, 1]], [[0, 1, [7, 7]]], ReplyError("ERR no")])
def test_anything_else_is_no_picture(reply):
    with pytest.raises(Broken):
        Slots.from_reply(reply, asked=SEED)
