"""Proxies whose clocks are wrong."""

import pytest

from tests.chaos.clocks import MISSING, Clock, library
from tests.chaos.crowd import EXPECTED, MONEY_N, rush, served
from tests.chaos.load import Load

pytestmark = pytest.mark.skipif(library() is None, reason=MISSING)


@pytest.mark.parametrize("offset_s", [3600, -3600, 10, -10])
async def test_a_proxy_whose_clock_is_wrong_charges_and_limits_as_the_others_do(rig, chance, size, offset_s):
    is_in_every_run = offset_s == 3600
    if not size(is_in_every_run, True):
        pytest.skip("part of --chaos-full only")
    if Clock(offset_s).now.month != Clock().now.month:
        pytest.skip("within the hour another month begins: the limit would be two limits")
    odd = rig.make_proxy()
    odd.start(Clock(offset_s))
    await odd.ready()
    rig.proxies.append(odd)
    _, secret = rig.accounts.key(rig.accounts.user(), spend_limit_n=MONEY_N)

    async with Load(rig, 8, chance=chance) as load:
        seen = await rush(rig, [secret], calls=60)
        await load.answered(20)
        rig.proxies.remove(odd)
        if size(False, True):
            odd.kill()  # what it holds is swept when its time is over, by whatever clock
    odd.stop()

    assert served(seen) == EXPECTED
