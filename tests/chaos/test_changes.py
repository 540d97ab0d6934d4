"""A key that is switched off is refused by every proxy from the moment its owner was told so."""

import asyncio
import time

import aiohttp

from tests.chaos.accounts import PLAIN
from tests.chaos.client import Seen, ask, call
from tests.chaos.rig import begin

KEYS = 5
PACE_S = 0.5  # of each background caller: together with the probes within the calls a minute of everybody


class Switch:
    """Keys, and who may switch them over the management API."""

    def __init__(self, rig, portal, session):
        self.rig, self.portal, self.session = rig, portal, session
        self.keys = []
        for _ in range(KEYS):
            user = rig.accounts.user()
            key, secret = rig.accounts.key(user)
            _, manager = rig.accounts.key(user, key_type="management")
            self.keys.append((key.id, secret, manager))

    async def turn(self, number, *, on):
        key_id, _, manager = self.keys[number]
        headers = {"Authorization": f"Bearer {manager}"}
        url = f"{self.portal.url}/api/v1/keys/{key_id}"
        async with self.session.patch(url, json={"enabled": on}, headers=headers) as response:
            assert response.status == 200, await response.text()
            await response.read()

    async def probe(self, number, proxy):
        seen = Seen(proxy=proxy.url, secret=self.keys[number][1], model=PLAIN, stream=False)
        await call(seen, ask(PLAIN, 5, stream=False))
        self.rig.seen.append(seen)
        return seen


async def keep_calling(switch, number, chance, seen):
    """Keep what the proxies remember of a key warm, and be in mid-call when it is switched."""
    while True:
        seen.append(await switch.probe(number, chance.choice(switch.rig.proxies)))
        await asyncio.sleep(PACE_S * 2 * chance.random())


async def test_no_call_is_admitted_after_its_key_was_revoked(rig, chance, size):
    portal = rig.make_portal()
    await begin(portal)
    seen, closed = [], []
    async with aiohttp.ClientSession() as session:
        switch = Switch(rig, portal, session)
        callers = [asyncio.create_task(keep_calling(switch, number, chance, seen)) for number in range(KEYS)]
        for turn in range(size(20, 1000)):
            number = turn % KEYS
            await switch.turn(number, on=False)
            off_at = time.monotonic()
            probes = await asyncio.gather(*(switch.probe(number, proxy) for proxy in 2 * rig.proxies))
            closed.append((switch.keys[number][1], off_at, time.monotonic()))
            await switch.turn(number, on=True)
            back = await switch.probe(number, chance.choice(rig.proxies))

            assert [one.status for one in probes] == [401] * len(probes)
            assert back.status in {200, 429}
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    portal.stop()

    assert [one for one in seen if one.status == 200]
    late = [one for one in seen for key, off, on in closed if one.secret == key and off < one.asked_at < on]
    assert {one.status for one in late} <= {401}
