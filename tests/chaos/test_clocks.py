"""Proxies whose clocks are wrong."""

import pytest

from tests.chaos.clocks import MISSING, Clock, library
from tests.chaos.crowd import EXPECTED, MONEY_N, rush, served
from tests.chaos.load import Load
from tests.chaos.rig import begin

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.skipif(library() is None, reason=MISSING)]


@pytest.mark.parametrize("offset_s", [3600, -3600, 10, -10])
async def test_a_proxy_whose_clock_is_wrong_charges_and_limits_as_the_others_do(rig, chance, size, offset_s):
    is_in_every_run = offset_s == 3600
    if not size(is_in_every_run, True):
        pytest.skip("part of --chaos-full only")
    if Clock(offset_s).now.month != Clock().now.month:
        pytest.skip("within the hour another month begins: the limit would be two limits")
    odd = rig.proxies[0]
    odd.kill()
    odd.start(Clock(offset_s))
    await odd.ready()
    _, secret = rig.accounts.key(rig.accounts.user(), spend_limit_n=MONEY_N)

    async with Load(rig, 8, chance=chance) as load:
        seen = await rush(rig, [secret])
        await load.answered(20)
        if size(False, True):
            odd.kill()  # what it holds is swept when its time is over, by whatever clock
    odd.stop()
    await begin(odd)

    assert served(seen) == EXPECTED
