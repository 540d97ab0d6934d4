import asyncio
import socket

import pytest

from proxy.upstream.addresses import FRESH_S, Addresses, NoAddress, Origin


@pytest.fixture
def resolved(monkeypatch):
    """What the system's resolver says from now on, and how often it was asked."""
    asked = []

    def say(*found):
        async def getaddrinfo(host, port, **_options):
            asked.append(host)
            await asyncio.sleep(0)
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            family = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return asked

    return say


def addresses(host="api.example.com", *, allow_private=False):
    return Addresses(Origin(True, host, 443), allow_private=allow_private)


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.example.com/v1", Origin(True, "api.example.com", 443), "api.example.com"),
        ("http://api.example.com", Origin(False, "api.example.com", 80), "api.example.com"),
        ("https://api.example.com:8443/v1", Origin(True, "api.example.com", 8443), "api.example.com:8443"),
        ("http://api.example.com:443/v1", Origin(False, "api.example.com", 443), "api.example.com:443"),
        ("https://api.example.com:443/v1", Origin(True, "api.example.com", 443), "api.example.com"),
        ("http://[2606:4700::1]:81/v1", Origin(False, "2606:4700::1", 81), "[2606:4700::1]:81"),
    ],
)
def test_an_origin_is_read_from_a_base_url(url, origin, authority):
    assert Origin.of(url) == origin
    assert origin.authority == authority


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "127.1", "0", "::1", "169.254.169.254"]
)
async def test_a_name_that_leads_inside_is_not_connected_to(host):
    with pytest.raises(NoAddress):
        await addresses(host).find()


async def test_only_what_is_public_is_left_of_many_addresses(resolved):
    resolved("10.0.0.1", "93.184.216.34", "::ffff:127.0.0.1", "2606:4700::1111", "fe80::1")

    found = await addresses().find()

    assert [info[4] for info in found] == [("93.184.216.34", 443), ("2606:4700::1111", 443)]


async def test_private_addresses_are_for_providers_that_may_have_them(resolved):
    resolved("10.0.0.1")

    assert len(await addresses(allow_private=True).find()) == 1
    with pytest.raises(NoAddress):
        await addresses().find()


async def test_a_name_is_looked_up_once_for_many_and_again_after_a_while(resolved):
    asked = resolved("93.184.216.34")
    known = addresses()

    await asyncio.gather(*[known.find() for _ in range(5)])
    await known.find()
    assert len(asked) == 1
    known._found_at -= FRESH_S + 1
    await known.find()

    assert len(asked) == 2


async def test_an_address_that_moved_inside_is_refused_when_it_is_looked_up_again(resolved):
    resolved("93.184.216.34")
    known = addresses()
    await known.find()

    resolved("127.0.0.1")
    known._found_at -= FRESH_S + 1

    with pytest.raises(NoAddress):
        await known.find()


async def test_a_look_up_that_failed_is_tried_again(resolved):
    resolved()
    known = addresses()
    with pytest.raises(NoAddress):
        await known.find()

    resolved("93.184.216.34")

    assert len(await known.find()) == 1


async def test_whoever_gives_up_does_not_take_the_look_up_from_the_others(resolved):
    asked = resolved("93.184.216.34")
    known = addresses()
    first, second = asyncio.create_task(known.find()), asyncio.create_task(known.find())
    await asyncio.sleep(0)

    first.cancel()

    assert len(await second) == 1
    assert len(asked) == 1
