"""Clients that go away at any byte of an answer, politely or not."""

from tests.chaos.load import Load


async def test_clients_that_leave_at_any_byte_pay_for_what_was_produced(rig, chance, size):
    async with Load(rig, 16, chance=chance, leaving=0.7) as load:
        await load.left(size(60, 3000))

    assert [seen for seen in load.seen if seen.has_left and seen.tokens]
    assert [seen for seen in load.seen if seen.has_left and seen.status is None]
